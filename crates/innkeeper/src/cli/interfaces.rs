//! `--network` and `--port`, in the order in which they were given: it is the order of the guest's
//! interfaces.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// Where a new instance is plugged in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Interfaces(pub(crate) Vec<Interface>);

/// One interface, by name or id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interface {
    /// A new port on this network.
    Network(String),
    /// This port.
    Port(String),
}

impl Interfaces {
    fn read(matches: &ArgMatches) -> Self {
        let mut found = Vec::new();
        for id in ["network", "port"] {
            let interface = if id == "port" { Interface::Port } else { Interface::Network };
            let places = matches.indices_of(id).into_iter().flatten();
            let names = matches.get_many::<String>(id).into_iter().flatten();
            found.extend(places.zip(names).map(|(place, name)| (place, interface(name.clone()))));
        }
        found.sort_by_key(|(place, _)| *place);
        Self(found.into_iter().map(|(_, interface)| interface).collect())
    }
}

impl FromArgMatches for Interfaces {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self::read(matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::read(matches);
        Ok(())
    }
}

impl Args for Interfaces {
    fn augment_args(command: Command) -> Command {
        let network = "Plug it into this network with a new port; can be repeated";
        let port = "Plug it into this port; can be repeated";
        command.arg(argument("network", "NETWORK", network)).arg(argument("port", "PORT", port))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
}
