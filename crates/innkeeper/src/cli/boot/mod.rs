//! `innkeeper boot`: from a line that operators know from `nova boot` to a running domain.
//!
//! Each step is done unless it was done before, so that the line can be run again whatever stopped
//! it.

mod drive;
mod dry_run;
mod image;
mod machine;
mod nics;
mod place;
mod progress;
mod request;
mod steps;

use clap::Args;
use innkeeper_model::Instance;

pub(crate) use self::{
    drive::{Fetched, fetch, misplaced},
    place::Place,
    progress::say,
};
use self::{machine::MachineArgs, request::Request};
use super::{
    arguments::CommonArgs,
    error::{CliError, EXIT_CODES},
    session::Session,
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Boot {
    /// The instance's name; the host name and the domain's name are made from it.
    name: String,
    /// If there is an instance with this name already, go on with it: what is there is kept, what
    /// is missing is made, and it is started if it does not run.
    #[arg(long)]
    if_not_exists: bool,
    /// Make everything but start nothing.
    #[arg(long)]
    no_start: bool,
    /// Print the domain's description and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// Accepted for nova's sake: the command always waits.
    #[arg(long, hide = true)]
    poll: bool,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(crate) async fn run(session: &Session<'_>, args: Boot) -> Result<(), CliError> {
    let work = async {
        if args.dry_run {
            dry_run::run(session, &args).await
        } else {
            steps::run(session, &args).await
        }
    };
    tokio::select! {
        done = Box::pin(work) => done,
        // What is unfinished is dropped: programs are ended, files without their name removed.
        _ = tokio::signal::ctrl_c() => Err(CliError::Partly(
            "interrupted; run the same command again with --if-not-exists to go on from there"
                .to_owned(),
        )),
    }
}

impl Boot {
    /// The instance of this name, if one may be there already and is.
    async fn existing(&self, session: &Session<'_>) -> Result<Option<Instance>, CliError> {
        if !self.if_not_exists {
            return Ok(None);
        }
        match session.find::<Instance>(&self.name).await {
            Ok(instance) => Ok(Some(instance)),
            Err(CliError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
