//! Where a new machine is plugged in: `--network`, `--port` and Nova's `--nic`, in the order in
//! which they were given. It is the order of the guest's interfaces.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::cli::arguments::key_values;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Nics(pub(super) Vec<Nic>);

/// One interface, or a word about all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nic {
    /// A new port on this network, by name or id.
    Network(String),
    /// This port, by name or id.
    Port(String),
    /// The project's network, if it has exactly one.
    Auto,
    /// No interface.
    None,
}

impl Nics {
    fn read(matches: &ArgMatches) -> Self {
        let mut found = Vec::new();
        for id in ["network", "port", "nic"] {
            let places = matches.indices_of(id).into_iter().flatten();
            let nics = matches.get_many::<Nic>(id).into_iter().flatten();
            found.extend(places.zip(nics.cloned()));
        }
        found.sort_by_key(|(place, _)| *place);
        Self(found.into_iter().map(|(_, nic)| nic).collect())
    }
}

/// `net-id=N`, `net-name=N`, `port-id=P`, `auto` or `none`.
fn nic(text: &str) -> Result<Nic, String> {
    match text {
        "auto" => return Ok(Nic::Auto),
        "none" => return Ok(Nic::None),
        _ => {}
    }
    let known = ["net-id", "net-name", "port-id", "v4-fixed-ip", "v6-fixed-ip", "tag"];
    let pairs = key_values(text, &known)?;
    match pairs.as_slice() {
        [(key, name)] if key == "port-id" => Ok(Nic::Port(name.clone())),
        [(key, name)] if key == "net-id" || key == "net-name" => Ok(Nic::Network(name.clone())),
        _ => Err("give net-id, net-name or port-id alone; for an address or a tag of your choice \
                  make a port (`innkeeper port create`) and give its port-id"
            .to_owned()),
    }
}

impl FromArgMatches for Nics {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self::read(matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::read(matches);
        Ok(())
    }
}

impl Args for Nics {
    fn augment_args(command: Command) -> Command {
        let repeated = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        let network = "Plug it into this network with a new port; can be repeated";
        let port = "Plug it into this port; can be repeated";
        let nic_help = "The same in Nova's words; without any of them it is plugged into the \
                        project's network if there is exactly one";
        let of_name = |make: fn(String) -> Nic| {
            move |text: &str| Ok::<_, std::convert::Infallible>(make(text.to_owned()))
        };
        command
            .arg(repeated("network", "NETWORK", network).value_parser(of_name(Nic::Network)))
            .arg(repeated("port", "PORT", port).value_parser(of_name(Nic::Port)))
            .arg(
                repeated("nic", "net-id=ID|net-name=NAME|port-id=ID|auto|none", nic_help)
                    .value_parser(nic),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        nics: Nics,
    }

    #[test]
    fn nics_keep_their_order_whatever_they_are_called() {
        let words = "x --nic port-id=p1 --network blue --nic net-name=red --port p2 --nic net-id=g";
        let line = Line::try_parse_from(words.split(' ')).expect("parses");
        let network = |name: &str| Nic::Network(name.to_owned());
        let port = |name: &str| Nic::Port(name.to_owned());
        let order = [port("p1"), network("blue"), network("red"), port("p2"), network("g")];
        assert_eq!(line.nics.0, order);
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        assert_eq!(nic("none"), Ok(Nic::None));
        assert_eq!(nic("auto"), Ok(Nic::Auto));
        for (text, reason) in [
            ("net-name=blue,v4-fixed-ip=10.0.0.9", "make a port"),
            ("v4-fixed-ip=10.0.0.9", "make a port"),
            ("net=blue", "\"net\" is not one of net-id"),
            ("blue", "KEY=VALUE"),
        ] {
            let error = nic(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
