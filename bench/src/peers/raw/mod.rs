//! The kernel's limits: of one process that reads what it is asked and writes what was prepared; and
//! of a proxy, an agent and an API in processes of their own, with an HTTP/1.1 exchange on a kept
//! connection from each to the next one. They do next to nothing else: what is slower than they are
//! is slower by its own doing.
//!
//! All of them are one program: who asks comes in at one side, and at the other are prepared answers,
//! or the next process. In processes of their own, so that their processor time is known as the
//! others' are.

mod address;
mod connection;
mod deferred;
mod hop;
mod message;
mod next;
mod numbered;
mod prepared;

use std::{env, net::Ipv4Addr};

use anyhow::Context;
use innkeeper_lab::Program;

use self::{
    address::Address,
    deferred::defer,
    hop::{Behind, Hop},
    next::Next,
    prepared::Prepared,
};
use super::{
    contender::{Component, PORT},
    stage::Stage,
};

/// The API's port, outside of the router's namespace.
const API_PORT: u16 = 9698;

/// How one of them is run; started by the benchmark itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen: ADDRESS:PORT, or the path of a Unix socket.
    #[arg(long)]
    listen: Address,
    /// Guests ask here, who may want one answer only, and not the process before.
    #[arg(long)]
    guests: bool,
    /// Where the next process listens, which has the answers.
    #[arg(long, conflicts_with = "answer")]
    next: Option<Address>,
    /// PATH=FILE: the whole answer to a request for PATH, to the byte.
    #[arg(long)]
    answer: Vec<String>,
}

/// Starts one that has the answers itself.
pub(super) fn start_one(stage: &Stage) -> anyhow::Result<Vec<Component>> {
    let mut words = words(["--guests", "--listen", &guests()]);
    words.extend(Prepared::write(stage)?);
    let inside = outside()?.by_way_of("ip", ["netns", "exec", &stage.namespace]);
    Ok(vec![start(stage, "loop", &inside, &words)?])
}

/// Starts three where the roles of ours run: the proxy in the router's namespace, the others outside.
pub(super) fn start_three(stage: &Stage) -> anyhow::Result<Vec<Component>> {
    let outside = outside()?;
    let inside = outside.by_way_of("ip", ["netns", "exec", &stage.namespace]);
    let agent = stage.world.directory().join("raw-agent").display().to_string();
    let api = format!("{}:{API_PORT}", Ipv4Addr::LOCALHOST);
    let mut of_api = words(["--listen", &api]);
    of_api.extend(Prepared::write(stage)?);
    let of_agent = words(["--listen", &agent, "--next", &api]);
    let of_proxy = words(["--guests", "--listen", &guests(), "--next", &agent]);
    Ok(vec![
        start(stage, "raw api", &outside, &of_api)?,
        start(stage, "raw agent", &outside, &of_agent)?,
        start(stage, "raw proxy", &inside, &of_proxy)?,
    ])
}

fn start(
    stage: &Stage,
    name: &'static str,
    program: &Program,
    words: &[String],
) -> anyhow::Result<Component> {
    let process = program.start(words, &stage.world.directory().join("raw.log"))?;
    Ok(Component::new(name, process))
}

fn outside() -> anyhow::Result<Program> {
    Ok(Program::new(env::current_exe()?).before(["raw-hop"]))
}

/// Where guests ask.
fn guests() -> String {
    format!("{}:{PORT}", Ipv4Addr::UNSPECIFIED)
}

fn words<const COUNT: usize>(words: [&str; COUNT]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// Answers until it is killed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let behind = match &arguments.next {
        Some(next) => Behind::Next(Next::new(next.clone())),
        None => Behind::Prepared(Prepared::read(&arguments.answer)?),
    };
    let listener = arguments.listen.listen()?;
    if arguments.guests {
        defer(&listener).context("have connections wait for their first bytes")?;
    }
    Hop::new(listener, arguments.guests, behind)?.run()
}
