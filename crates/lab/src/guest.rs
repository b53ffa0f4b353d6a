use std::{
    fs::File,
    io::Write,
    net::{IpAddr, SocketAddr, TcpStream},
    os::fd::AsFd,
    path::PathBuf,
    thread,
    time::Duration,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{LabError, Reply, process::run, read_reply};

/// How a guest is plugged in; what a hypervisor and DHCP would have seen to.
#[derive(Debug, Clone)]
pub struct GuestPlan<'a> {
    /// The guest's name; its namespace is named after it.
    pub name: &'a str,
    /// The bridge of its network.
    pub bridge: &'a str,
    /// The interface on the bridge, 15 characters at most.
    pub tap: &'a str,
    /// Its MAC address.
    pub mac: &'a str,
    /// Its address with the prefix length.
    pub address: &'a str,
    /// Where 169.254.169.254 is reached: the router, or the DHCP port.
    pub via: &'a str,
}

/// A network namespace standing in for a machine.
#[derive(Debug)]
pub struct Guest {
    namespace: PathBuf,
    name: String,
}

impl Guest {
    /// How long a guest waits for an answer: cloud-init's own limit.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Makes the namespace and plugs it in.
    pub fn plug_in(plan: &GuestPlan<'_>) -> Result<Self, LabError> {
        let namespace = format!("guest-{}", plan.name);
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("link add {} type veth peer name eth0 netns {namespace}", plan.tap))?;
        ip(&format!("link set {} master {} up", plan.tap, plan.bridge))?;
        ip(&format!("-n {namespace} link set lo up"))?;
        ip(&format!("-n {namespace} link set eth0 address {} up", plan.mac))?;
        ip(&format!("-n {namespace} address add {} dev eth0", plan.address))?;
        ip(&format!("-n {namespace} route add 169.254.169.254 via {}", plan.via))?;
        let path = PathBuf::from("/run/netns").join(&namespace);
        Ok(Self { namespace: path, name: plan.name.to_owned() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it another address beside those it has.
    pub fn add_address(&self, address: &str) -> Result<(), LabError> {
        ip(&format!("-n guest-{} address add {address} dev eth0", self.name))
    }

    /// Takes an address away.
    pub fn remove_address(&self, address: &str) -> Result<(), LabError> {
        ip(&format!("-n guest-{} address del {address} dev eth0", self.name))
    }

    /// Runs `work` on a thread inside the guest: sockets made there are the guest's.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let open = File::open(&self.namespace);
        let namespace = open.map_err(|source| LabError::File {
            doing: "open",
            path: self.namespace.clone(),
            source,
        })?;
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(std::io::Error::from)?;
            Ok(work())
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Opens a connection from the guest.
    pub fn connect(&self, to: SocketAddr) -> Result<TcpStream, LabError> {
        let stream = self.run(|| TcpStream::connect_timeout(&to, Self::PATIENCE))??;
        stream.set_read_timeout(Some(Self::PATIENCE))?;
        stream.set_write_timeout(Some(Self::PATIENCE))?;
        Ok(stream)
    }

    /// Opens a connection to the metadata address.
    pub fn connect_metadata(&self) -> Result<TcpStream, LabError> {
        self.connect(SocketAddr::new(IpAddr::from([169, 254, 169, 254]), 80))
    }

    /// GETs `path` from the metadata address on a connection of its own.
    pub fn get(&self, path: &str) -> Result<Reply, LabError> {
        self.get_with(path, "")
    }

    /// The same, with further header lines, each ended by CR LF.
    pub fn get_with(&self, path: &str, headers: &str) -> Result<Reply, LabError> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n{headers}\r\n"
        );
        self.exchange(request.as_bytes())
    }

    /// Sends raw bytes to the metadata address on a connection of its own, reads one answer.
    pub fn exchange(&self, request: &[u8]) -> Result<Reply, LabError> {
        let mut stream = self.connect_metadata()?;
        stream.write_all(request)?;
        read_reply(&mut stream)
    }
}

fn ip(words: &str) -> Result<(), LabError> {
    run("ip", words.split_whitespace()).map(|_| ())
}
