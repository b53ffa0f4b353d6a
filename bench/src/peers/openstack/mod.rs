//! OpenStack's own path, of Debian's packages: haproxy as Neutron configures it, in the router's
//! namespace; neutron-metadata-agent; RabbitMQ; neutron-server; Nova's metadata API under uWSGI;
//! MariaDB. Only Keystone is stubbed.
//!
//! Everything runs as processes of the lab and keeps what it writes in the lab's `/run`, which is
//! memory: the database, too, is as fast as it can be. haproxy's log goes nowhere, since nobody
//! listens at /dev/log.

mod database;
mod keystone;
mod service;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use innkeeper_lab::wait_until;
use serde::Deserialize;
use serde_json::json;

use self::service::{Service, await_port};
pub(super) use self::tree::Tree;
use super::{
    contender::{Component, PORT, Running},
    crawl::{INSTANCE_ID, META_DATA},
    operator::{USER_DATA, public_key},
    stage::Stage,
};

/// Where it keeps everything; as the configuration files say.
const DIRECTORY: &str = "/run/openstack";
/// Of the guest's port in Neutron.
const GUEST_MAC: &str = "fa:16:3e:00:00:01";
/// For all of it to answer: on two busy cores, Nova's processes take half a minute to load.
const PATIENCE: Duration = Duration::from_secs(240);

const FILES: [(&str, &str); 8] = [
    ("neutron.conf", include_str!("neutron.conf")),
    ("metadata_agent.ini", include_str!("metadata_agent.ini")),
    ("metadata_agent_cache.ini", include_str!("metadata_agent_cache.ini")),
    ("rabbitmq.conf", include_str!("rabbitmq.conf")),
    ("neutron-uwsgi.ini", include_str!("neutron-uwsgi.ini")),
    ("fill.py", include_str!("fill.py")),
    ("haproxy.py", include_str!("haproxy.py")),
    ("rpc_stub.py", include_str!("rpc_stub.py")),
];

/// How much of it is kept from one request to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// The agent asks Neutron for every request; Nova keeps an instance for 15 seconds.
    AsShipped,
    /// The agent keeps Neutron's answers, too, and Nova an instance for an hour.
    Best,
    /// The agent asks Neutron, and Nova its database and Neutron, for every request.
    Nothing,
    /// As it ships, but the agent's questions are answered by a stub from memory.
    StubbedRpc,
}

impl Caching {
    /// Those with nothing stubbed but Keystone come first.
    pub(super) const ALL: [Self; 4] =
        [Self::AsShipped, Self::Best, Self::Nothing, Self::StubbedRpc];

    /// As the report calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AsShipped => "OpenStack Zed as it ships: agent cache off, Nova cache on",
            Self::Best => "OpenStack Zed at its best: agent cache on, Nova cache for an hour",
            Self::Nothing => "OpenStack Zed, nothing cached",
            Self::StubbedRpc => "OpenStack Zed as it ships, but neutron-server's RPC stubbed",
        }
    }

    /// The directory of Nova's files.
    const fn nova_files(self) -> &'static str {
        match self {
            Self::AsShipped | Self::StubbedRpc => "nova-as-shipped",
            Self::Best => "nova-best",
            Self::Nothing => "nova-uncached",
        }
    }
}

/// OpenStack with one instance, at the first guest's address behind the stage's router.
#[derive(Debug)]
pub(super) struct OpenStack {
    tree: Tree,
    made: Made,
}

/// What was made in it, by ids.
#[derive(Debug, Default, Deserialize)]
struct Made {
    router: String,
    network: String,
    port: String,
    instance: String,
    project: String,
}

/// What does not change with the caching.
#[derive(Debug)]
pub(super) struct Backing {
    services: Vec<Component>,
}

impl Backing {
    /// Ends it.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        Running { components: self.services, beside: Vec::new() }.stop()
    }
}

impl OpenStack {
    /// Makes its databases, and its instance, port, network and router.
    pub(super) fn set_up(tree: Tree, stage: &Stage) -> anyhow::Result<Self> {
        tree.enter_lab()?;
        let etc = Path::new(DIRECTORY).join("etc");
        for directory in ["etc", "nova", "neutron", "lock", "log", "rabbit"] {
            fs::create_dir_all(Path::new(DIRECTORY).join(directory))?;
        }
        for (name, text) in FILES {
            fs::write(etc.join(name), text)?;
        }
        nova_files(&tree, &etc)?;
        keystone::start()?;
        let mut it = Self { tree, made: Made::default() };
        eprintln!("OpenStack: databases");
        let database = database::set_up(&it.tree)?;
        eprintln!("OpenStack: RabbitMQ, neutron-server, one instance");
        let backing = it.start_backing_on(database, Caching::AsShipped, stage)?;
        it.made = it.fill(stage)?;
        backing.stop()?;
        Ok(it)
    }

    /// The versions of what is measured.
    pub(super) fn versions(&self) -> anyhow::Result<String> {
        self.tree.versions()
    }

    /// Starts what stands behind: MariaDB, RabbitMQ, neutron-server.
    pub(super) fn start_backing(&self, caching: Caching, stage: &Stage) -> anyhow::Result<Backing> {
        self.start_backing_on(database::start(&self.tree)?, caching, stage)
    }

    fn start_backing_on(
        &self,
        database: Component,
        caching: Caching,
        stage: &Stage,
    ) -> anyhow::Result<Backing> {
        let mut services = vec![database];
        let neutron = match caching {
            Caching::StubbedRpc => Service::NeutronApi,
            _ => Service::NeutronServer,
        };
        // Ended in the opposite order of this; the first is ended last.
        for service in [Service::Epmd, Service::RabbitMq, neutron] {
            services.insert(0, service.start(&self.tree)?);
        }
        if caching == Caching::StubbedRpc {
            services.insert(0, self.rpc_stub(stage)?);
        }
        Ok(Backing { services })
    }

    fn rpc_stub(&self, stage: &Stage) -> anyhow::Result<Component> {
        let address = stage.addresses.first().context("there is a guest")?.to_string();
        let Made { network, port, instance, project, .. } = &self.made;
        let program = self.tree.program(["python3", "/run/openstack/etc/rpc_stub.py"]);
        let words = [&address, GUEST_MAC, network, port, instance, project];
        Ok(Component::new("rpc stub", program.start(words, &log("rpc-stub"))?))
    }

    /// Starts what answers the guest, in front of that, and has it answer once.
    pub(super) fn start(
        &self,
        caching: Caching,
        backing: &Backing,
        stage: &Stage,
    ) -> anyhow::Result<Running> {
        let socket = Path::new(DIRECTORY).join("metadata_proxy");
        if socket.exists() {
            fs::remove_file(&socket)?;
        }
        let nova = Service::Nova { files: caching.nova_files() }.start(&self.tree)?;
        let agent = Service::Agent { caches: caching == Caching::Best }.start(&self.tree)?;
        wait_until("the agent's socket", PATIENCE, || socket.exists())?;
        let haproxy = self.haproxy(stage)?;
        let beside = backing.services.iter().map(|one| (one.name, one.process.id())).collect();
        let running = Running { components: vec![haproxy, agent, nova], beside };
        let answered = wait_until("OpenStack's path to answer", PATIENCE, || {
            [META_DATA, INSTANCE_ID]
                .iter()
                .all(|path| stage.guests.get(path).is_ok_and(|reply| reply.status == 200))
        });
        if let Err(error) = answered {
            let logs = running.components.iter().map(|one| one.process.log());
            let logs: Vec<String> = logs.collect();
            let last = stage.guests.get(META_DATA);
            anyhow::bail!("{error}; last answer {last:?}; logs:\n{}", logs.join("\n---\n"));
        }
        Ok(running)
    }

    fn haproxy(&self, stage: &Stage) -> anyhow::Result<Component> {
        let port = PORT.to_string();
        let write = self.tree.program(["python3", "/run/openstack/etc/haproxy.py"]);
        write.run([self.made.router.as_str(), &port]).context("write haproxy's configuration")?;
        let file = format!("{DIRECTORY}/neutron/ns-metadata-proxy/{}.conf", self.made.router);
        // As Neutron starts it, but in the foreground.
        let program = self.tree.program_in(&stage.namespace, ["haproxy", "-db", "-f", &file]);
        let process = program.start::<&str>([], &log("haproxy"))?;
        Ok(Component::new("haproxy", process))
    }

    /// Makes the first guest known to Neutron and Nova.
    fn fill(&self, stage: &Stage) -> anyhow::Result<Made> {
        let wanted = json!({
            "address": stage.addresses.first().context("there is a guest")?,
            "mac": GUEST_MAC,
            "cidr": "10.0.0.0/16",
            "gateway": "10.0.0.1",
            "public_key": public_key(),
            "user_data": USER_DATA,
        });
        await_port(9696, PATIENCE)?;
        let fill = self.tree.program(["python3", "/run/openstack/etc/fill.py"]);
        let printed = fill.run([wanted.to_string()]).context("make an instance in OpenStack")?;
        let last = printed.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| printed.clone())
    }
}

/// Nova reads a directory of files: one for each caching.
fn nova_files(tree: &Tree, etc: &Path) -> anyhow::Result<()> {
    let text = include_str!("nova.conf");
    let cached_for = |seconds: u32| {
        text.replace("[api]\n", &format!("[api]\nmetadata_cache_expiration = {seconds}\n"))
    };
    ensure!(text.contains("[api]\n"), "nova.conf has no section for the cache's time");
    fs::write(etc.join("nova.conf"), text)?;
    for (name, text) in [
        (Caching::AsShipped.nova_files(), text),
        (Caching::Best.nova_files(), &cached_for(3600)),
        (Caching::Nothing.nova_files(), &cached_for(0)),
    ] {
        let directory = etc.join(name);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("nova.conf"), text)?;
        fs::copy(tree.file("etc/nova/api-paste.ini"), directory.join("api-paste.ini"))?;
        let environment = format!("env = OS_NOVA_CONFIG_DIR={DIRECTORY}/etc/{name}\n");
        fs::write(
            directory.join("uwsgi.ini"),
            include_str!("uwsgi.ini").to_owned() + &environment,
        )?;
    }
    Ok(())
}

/// Where a service's words go.
fn log(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join("log").join(name)
}
