//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    cli::{self, ResourceCommand},
    config::{self, ConfigArgs},
    init::InitArgs,
    role::{HostCommand, Role},
};

/// The metadata service of OpenStack guests, complete on one machine or in place of Nova's and
/// Neutron's parts.
#[derive(Debug, Parser)]
#[command(
    name = "innkeeper",
    version,
    about = "OpenStack's guest metadata service: what a machine reads at 169.254.169.254",
    long_about = LONG_ABOUT,
    after_long_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LONG_ABOUT: &str = "\
OpenStack's guest metadata service: what a machine reads at 169.254.169.254.

A request crosses three roles: the proxy, which listens in the namespaces of networks and routers \
and knows who asks from where; the agent, which finds the machine behind that address and signs; \
the API, which answers from the database. `innkeeper serve` is all of them, and the host role that \
makes the namespaces, in one process; `innkeeper api`, `agent`, `proxy` and `host` are one each, \
and each fits beside OpenStack's own parts.

The other commands manage networks, machines and the like through the control API of a running \
`innkeeper serve` or `innkeeper api`.";

const EXAMPLES: &str = "\
First steps, on one machine:
  innkeeper init                      # secret, database, tokens, configuration
  innkeeper serve &                   # every role in one process
  innkeeper flavor create m1.small --vcpus 1 --ram 2048 --disk 20
  innkeeper network create blue --subnet 10.0.0.0/24
  innkeeper router create r1 --subnet blue
  innkeeper instance create web1 --network blue --flavor m1.small
  innkeeper instance metadata web1    # what that guest would be served

Configuration:
  innkeeper config example            # every key with its default and what it does
  innkeeper config check              # what would be used, and where each value comes from
  INNKEEPER_LOG_LEVEL=debug innkeeper serve --log-format json

Every command has its own --help.";

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub(crate) enum Command {
    /// Run every role in one process.
    ///
    /// Namespaces are made, listened in and answered for by one process that asks no other. It
    /// listens in namespaces and on the control socket, and nowhere else unless configured.
    Serve(ConfigArgs),
    /// Run the metadata API and the control API: the only role with the database.
    Api(ConfigArgs),
    /// Run the agent: finds which machine asks, signs, and asks the API.
    Agent(ConfigArgs),
    /// Run the proxy: listens for guests in the namespaces of networks and routers.
    ///
    /// Needs CAP_SYS_ADMIN to enter namespaces and CAP_NET_BIND_SERVICE, and no secret.
    Proxy(ConfigArgs),
    /// Run the host role, or see what it does: this machine's namespaces, links, DHCP, guarded taps.
    ///
    /// Needs root, or CAP_NET_ADMIN, CAP_NET_BROADCAST, CAP_NET_RAW, CAP_NET_BIND_SERVICE and
    /// CAP_SYS_ADMIN with a namespace directory of its own user's (netns.dir); and no access to the
    /// database. Flags go before `plan`, `status` or `cleanup`.
    Host(HostArgs),
    /// Show the whole path on this machine: two tenants, one address range, each its own document.
    ///
    /// It starts `innkeeper serve` in private network namespaces, sets up two tenants by the
    /// commands it shows, lets a guest of each ask 169.254.169.254, and leaves nothing behind. As
    /// an ordinary user it needs user namespaces.
    Demo,
    /// Make what a first start needs: configuration, shared secret, database, tokens.
    ///
    /// What is there already is kept, so it can be run at any time. Secrets are never printed.
    Init(InitArgs),
    /// Check the configuration or print an example.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    ///
    /// For bash: innkeeper completions bash > /etc/bash_completion.d/innkeeper
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page, or write one for every command.
    Man {
        /// The directory for the pages; without it innkeeper(1) is printed.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    #[command(flatten)]
    Resource(ResourceCommand),
}

/// The role `host`, or a question about it.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(subcommand)]
    pub(crate) command: Option<HostCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check file and environment, and print what would be used.
    ///
    /// Each value that is not the default is followed by where it comes from. Exits with 2 and
    /// names the first mistake if there is one.
    Check {
        /// The file, instead of INNKEEPER_CONFIG or /etc/innkeeper/innkeeper.toml.
        file: Option<PathBuf>,
    },
    /// Print a file with every key, its default and what it does.
    Example,
}

/// The whole command line, with the flags that the roles have from the table of keys.
pub(crate) fn command() -> clap::Command {
    Role::ALL.iter().fold(CommandLine::command(), |command, role| {
        command.mut_subcommand(role.as_str(), |its| config::add_flags(its, *role))
    })
}

/// The environment variables that commands read and that are no configuration keys.
pub(crate) fn variables() -> Vec<String> {
    let mut variables: Vec<_> = cli::VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    collect_variables(&CommandLine::command(), &mut variables);
    variables
}

fn collect_variables(command: &clap::Command, variables: &mut Vec<String>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    variables.extend(names.map(|name| name.to_string_lossy().into_owned()));
    for subcommand in command.get_subcommands() {
        collect_variables(subcommand, variables);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_role_has_flags_for_what_it_reads_and_no_others() {
        let command = command();
        let flags = |role: &str| {
            let role = command.find_subcommand(role).expect("a role");
            role.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect()
        };
        let (proxy, serve): (Vec<_>, Vec<_>) = (flags("proxy"), flags("serve"));
        assert!(proxy.contains(&"netns-dir".to_owned()));
        assert!(!proxy.contains(&"store-path".to_owned()), "the proxy opens no database");
        assert!(!proxy.contains(&"secrets-shared-secret-file".to_owned()));
        assert!(serve.contains(&"store-path".to_owned()));
    }

    #[test]
    fn variables_of_commands_are_known() {
        for name in ["INNKEEPER_CONFIG", "INNKEEPER_CONTROL_URL", "INNKEEPER_CONTROL_TOKEN"] {
            assert!(variables().contains(&name.to_owned()), "{name}");
        }
    }
}
