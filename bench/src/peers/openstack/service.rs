//! OpenStack's services, each a process of the lab.

use std::{
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use anyhow::Context;
use innkeeper_lab::{Program, wait_until};

use super::{DIRECTORY, PATIENCE, log, tree::Tree};
use crate::peers::contender::Component;

/// What is started by a command and then has a port, or none.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    /// Erlang's port mapper; started by itself, it would outlive the lab.
    Epmd,
    RabbitMq,
    NeutronServer,
    /// Its API alone, for Nova: nobody answers the agent.
    NeutronApi,
    /// Nova's metadata API, which keeps instances for a while or not at all.
    Nova {
        /// The directory of its files.
        files: &'static str,
    },
    /// neutron-metadata-agent, which keeps Neutron's answers or not.
    Agent {
        caches: bool,
    },
}

impl Service {
    /// Starts it and waits until its port is open.
    pub(super) fn start(self, tree: &Tree) -> anyhow::Result<Component> {
        let name = self.name();
        let process = self.program(tree).start::<&str>([], &log(name))?;
        let by_force = matches!(self, Self::NeutronServer);
        let component = Component { name, process, by_force };
        if let Some(port) = self.port() {
            let opened = await_port(port, PATIENCE);
            opened.with_context(|| format!("{name} said: {}", component.process.log()))?;
        }
        Ok(component)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Epmd => "epmd",
            Self::RabbitMq => "rabbitmq",
            Self::NeutronServer => "neutron-server",
            Self::NeutronApi => "neutron api",
            Self::Nova { .. } => "nova",
            Self::Agent { .. } => "neutron agent",
        }
    }

    const fn port(self) -> Option<u16> {
        match self {
            Self::Epmd => Some(4369),
            Self::RabbitMq => Some(5672),
            Self::NeutronServer | Self::NeutronApi => Some(9696),
            Self::Nova { .. } => Some(8775),
            Self::Agent { .. } => None,
        }
    }

    fn program(self, tree: &Tree) -> Program {
        let neutron = &format!("{DIRECTORY}/etc/neutron.conf");
        match self {
            Self::Epmd => tree.program(["epmd", "-address", "127.0.0.1"]),
            Self::RabbitMq => rabbitmq(tree),
            // Its workers wait for RabbitMQ rather than end with their parent, if that is killed;
            // the kernel ends them with the first process of their namespace.
            Self::NeutronServer => tree
                .program(["neutron-server", "--config-file", neutron])
                .by_way_of("unshare", ["--pid", "--fork", "--kill-child", "--"]),
            Self::NeutronApi => {
                let ini = format!("{DIRECTORY}/etc/neutron-uwsgi.ini");
                tree.program(["uwsgi_python3", "--ini", &ini])
                    .with("OS_NEUTRON_CONFIG_DIR", &format!("{DIRECTORY}/etc"))
                    .with("OS_NEUTRON_CONFIG_FILES", neutron)
            }
            Self::Nova { files } => {
                let ini = format!("{DIRECTORY}/etc/{files}/uwsgi.ini");
                tree.program(["uwsgi_python3", "--ini", &ini])
            }
            Self::Agent { caches } => {
                let agent = "neutron-metadata-agent";
                let ini = &format!("{DIRECTORY}/etc/metadata_agent.ini");
                let cache = &format!("{DIRECTORY}/etc/metadata_agent_cache.ini");
                let files = [agent, "--config-file", neutron, "--config-file", ini];
                if caches {
                    let [a, b, c, d, e] = files;
                    return tree.program([a, b, c, d, e, "--config-file", cache]);
                }
                tree.program(files)
            }
        }
    }
}

fn rabbitmq(tree: &Tree) -> Program {
    let home = format!("{DIRECTORY}/rabbit");
    // Not spinning while there is nothing to do, which would cost the other services their cores.
    let erlang =
        "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none";
    tree.program(["/usr/lib/rabbitmq/bin/rabbitmq-server"])
        // Its script then becomes the server, and does not stay in front of one that would outlive it.
        .with("RUNNING_UNDER_SYSTEMD", "yes")
        .with("HOME", &home)
        .with("RABBITMQ_NODENAME", "bench@localhost")
        .with("RABBITMQ_MNESIA_BASE", &format!("{home}/mnesia"))
        .with("RABBITMQ_LOG_BASE", &format!("{home}/log"))
        .with("RABBITMQ_CONFIG_FILE", &format!("{DIRECTORY}/etc/rabbitmq.conf"))
        .with("RABBITMQ_ENABLED_PLUGINS_FILE", &format!("{home}/enabled_plugins"))
        .with("ERL_EPMD_ADDRESS", "127.0.0.1")
        .with("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang)
}

/// Waits until something listens on a port of 127.0.0.1.
pub(super) fn await_port(port: u16, limit: Duration) -> anyhow::Result<()> {
    let open = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    wait_until(&format!("port {port}"), limit, open)?;
    Ok(())
}
