//! The Innkeeper binary: configuration, command line, and the wiring of the roles.

mod cli;
mod command_line;
mod config;
mod demo;
mod documentation;
mod gathered_lines;
mod init;
mod json_lines;
mod logging;
mod notify;
mod process;
mod role;
mod secret_file;

use std::{io::Write, process::ExitCode};

use clap::FromArgMatches;
use command_line::{Command, CommandLine, ConfigCommand, HostArgs};
use config::{ConfigArgs, ConfigError};
use role::{HostCommand, Role};

/// A failure that no narrower code names.
const EXIT_FAILURE: u8 = 1;
/// A command line or a configuration that cannot be understood; clap's own code too.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut command = command_line::command();
    let command_line = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| CommandLine::from_arg_matches(&matches))
        .unwrap_or_else(|error| error.exit());
    match command_line.command {
        Command::Serve(config) => role(Role::Serve, config),
        Command::Api(config) => role(Role::Api, config),
        Command::Agent(config) => role(Role::Agent, config),
        Command::Proxy(config) => role(Role::Proxy, config),
        Command::Host(HostArgs { config, command: None }) => role(Role::Host, config),
        Command::Host(HostArgs { config, command: Some(command) }) => host(config, command),
        Command::Demo => ended(demo::run()),
        Command::Init(args) => ended(init::run(&args)),
        Command::Config(ConfigCommand::Check { file }) => match check(file) {
            Ok(report) => printed(report.as_bytes()),
            Err(error) => failed(&error, EXIT_USAGE),
        },
        Command::Config(ConfigCommand::Example) => printed(config::example().as_bytes()),
        Command::Completions { shell } => printed(&documentation::completions(shell, command)),
        Command::Man { directory: None } => ended(documentation::page(&command).map(print)),
        Command::Man { directory: Some(directory) } => {
            ended(documentation::pages(command, &directory))
        }
        Command::Resource(resource) => cli::main(resource),
    }
}

/// Reads the configuration and runs a role until it is told to stop.
fn role(role: Role, args: ConfigArgs) -> ExitCode {
    let (config, _) = match args.given(command_line::variables()).load() {
        Ok(loaded) => loaded,
        Err(error) => return failed(&error, EXIT_USAGE),
    };
    logging::start(&config.log);
    ended(process::run(role, &config))
}

/// Reads the configuration and asks or tells the networks of this machine.
fn host(args: ConfigArgs, command: HostCommand) -> ExitCode {
    let (config, _) = match args.given(command_line::variables()).load() {
        Ok(loaded) => loaded,
        Err(error) => return failed(&error, EXIT_USAGE),
    };
    role::run_host_command(command, &config)
        .unwrap_or_else(|error| failed(&format!("{error:#}"), EXIT_FAILURE))
}

fn check(file: Option<std::path::PathBuf>) -> Result<String, ConfigError> {
    let args = ConfigArgs::of_file(file);
    let (_, settings) = args.given(command_line::variables()).load()?;
    Ok(config::report(&settings))
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}"), EXIT_FAILURE),
    }
}

/// One line for people; exit with `code`.
fn failed(error: &impl std::fmt::Display, code: u8) -> ExitCode {
    // Standard error may be closed; the code still says it.
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(code)
}

fn printed(text: &[u8]) -> ExitCode {
    print(text);
    ExitCode::SUCCESS
}

/// A reader that has read enough, such as `head`, is no failure.
fn print(text: impl AsRef<[u8]>) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}
