//! `innkeeper project`.

use clap::{Args, Subcommand};
use innkeeper_control_api::ListFilter;
use innkeeper_model::{NewProject, Project, ProjectChange, ProjectId};

use super::{
    arguments::{IfNotExists, Which, WhichOnes},
    error::CliError,
    output::Shown,
    resolve,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Create a project.
    ///
    /// Example: innkeeper project create blue --description "The blue team"
    Create(Create),
    /// List projects.
    List,
    /// Show a project.
    Show(Which),
    /// Change a project.
    ///
    /// Example: innkeeper project set blue --name azure
    Set(Set),
    /// Delete projects, which must be empty.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique among projects.
    name: String,
    /// The id to give it, such as Keystone's; a random one otherwise.
    #[arg(long)]
    id: Option<ProjectId>,
    /// Free text.
    #[arg(long, default_value = "")]
    description: String,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// A new name.
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<String>,
    /// A new description.
    #[arg(long)]
    description: Option<String>,
}

pub(crate) async fn run(session: &Session<'_>, command: ProjectCommand) -> Result<(), CliError> {
    match command {
        ProjectCommand::Create(Create { name, id, description, existing }) => {
            let new = NewProject { id, name: name.clone(), description };
            session.create::<Project>(&new, &name, existing.if_not_exists).await
        }
        ProjectCommand::List => {
            let all = session.client.list::<Project>(&ListFilter::default()).await?;
            session.output.list(&all)
        }
        ProjectCommand::Show(which) => {
            session.output.show(&resolve::find_project(session.client, &which.name).await?)
        }
        ProjectCommand::Set(Set { which, new_name, description }) => {
            let change = ProjectChange { name: new_name, description };
            session.set::<Project>(&which.name, &change).await
        }
        ProjectCommand::Delete(which) => session.delete::<Project>(&which.names).await,
    }
}

impl Shown for Project {
    const COLUMNS: &'static [&'static str] = &["Description"];

    fn parse_id(_text: &str) -> Option<ProjectId> {
        None
    }

    fn columns(&self) -> Vec<String> {
        vec![self.description.clone()]
    }
}
