use std::{
    fs::File,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream},
    os::fd::AsFd,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::{
    net::{AddressFamily, SocketType, netdevice::name_to_index, socket},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::{LabError, Program, Reply, Tap, process::run, read_reply};

/// Where guests find metadata.
pub const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);

/// Where IPv6 guests find it, on the network that they are on.
const METADATA_IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

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
    path: PathBuf,
    name: String,
}

impl Guest {
    /// How long a guest waits for an answer: cloud-init's own limit.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Makes the namespace and plugs it in.
    pub fn plug_in(plan: &GuestPlan<'_>) -> Result<Self, LabError> {
        let guest = Self::on_bridge(plan.name, plan.bridge, plan.tap, plan.mac)?;
        guest.add_address(plan.address)?;
        guest.ip(&format!("route add 169.254.169.254 via {}", plan.via))?;
        Ok(guest)
    }

    /// Makes the namespace and plugs it in, and leaves everything else to DHCP.
    pub fn on_bridge(name: &str, bridge: &str, tap: &str, mac: &str) -> Result<Self, LabError> {
        let guest = Self::alone(name)?;
        ip(&format!("link add {tap} type veth peer name eth0 netns {}", guest.namespace()))?;
        // The guest's own end first: what it says when it comes up must come from its address.
        guest.ip(&format!("link set eth0 address {mac} up"))?;
        ip(&format!("link set {tap} master {bridge} up"))?;
        Ok(guest)
    }

    /// Makes the namespace with a card whose cable ends at a tap that is plugged in already, as a
    /// hypervisor's would, and leaves everything else to DHCP. What is sent on the tap beside it is
    /// sent as the guest's.
    pub fn behind_tap(name: &str, tap: &str, mac: &str) -> Result<(Self, Arc<Tap>), LabError> {
        let guest = Self::alone(name)?;
        let near = Arc::new(guest.run(|| Tap::open("eth0"))??);
        let far = Arc::new(Tap::open(tap)?);
        relay(Arc::clone(&near), Arc::clone(&far));
        relay(Arc::clone(&far), near);
        guest.ip(&format!("link set eth0 address {mac} up"))?;
        Ok((guest, far))
    }

    fn alone(name: &str) -> Result<Self, LabError> {
        let path = PathBuf::from("/run/netns").join(format!("guest-{name}"));
        let guest = Self { path, name: name.to_owned() };
        ip(&format!("netns add {}", guest.namespace()))?;
        guest.ip("link set lo up")?;
        Ok(guest)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its network namespace.
    pub fn namespace(&self) -> String {
        format!("guest-{}", self.name)
    }

    /// Gives it another address beside those it has.
    pub fn add_address(&self, address: &str) -> Result<(), LabError> {
        self.ip(&format!("address add {address} dev eth0")).map(|_| ())
    }

    /// Takes an address away.
    pub fn remove_address(&self, address: &str) -> Result<(), LabError> {
        self.ip(&format!("address del {address} dev eth0")).map(|_| ())
    }

    /// Runs iproute2's `ip` in the guest: what it printed.
    pub fn ip(&self, words: &str) -> Result<String, LabError> {
        ip(&format!("-n {} {words}", self.namespace()))
    }

    /// A program that is to run in the guest, by `ip netns exec`.
    pub fn program(&self) -> Program {
        Program::new("ip").before(["netns", "exec", &self.namespace()])
    }

    /// Runs `work` on a thread inside the guest: sockets made there are the guest's.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let open = File::open(&self.path);
        let namespace = open.map_err(|source| LabError::File {
            doing: "open",
            path: self.path.clone(),
            source,
        })?;
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(io::Error::from)?;
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
        self.connect(METADATA)
    }

    /// Where IPv6 guests find metadata, seen from this guest's card.
    pub fn metadata_by_ipv6(&self) -> Result<SocketAddr, LabError> {
        let card = self.run(|| -> io::Result<u32> {
            let any = socket(AddressFamily::INET6, SocketType::DGRAM, None)?;
            Ok(name_to_index(&any, "eth0")?)
        })??;
        Ok(SocketAddrV6::new(METADATA_IPV6, 80, 0, card).into())
    }

    /// GETs `path` from the metadata address on a connection of its own.
    pub fn get(&self, path: &str) -> Result<Reply, LabError> {
        self.get_with(path, "")
    }

    /// The same, with further header lines, each ended by CR LF.
    pub fn get_with(&self, path: &str, headers: &str) -> Result<Reply, LabError> {
        self.exchange(get(path, headers).as_bytes())
    }

    /// GETs `path` from an address; nothing of it may take longer than `limit`.
    pub fn get_from(
        &self,
        from: SocketAddr,
        path: &str,
        limit: Duration,
    ) -> Result<Reply, LabError> {
        let mut stream = self.run(|| TcpStream::connect_timeout(&from, limit))??;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(get(path, "").as_bytes())?;
        read_reply(&mut stream)
    }

    /// Sends raw bytes to the metadata address on a connection of its own, reads one answer.
    pub fn exchange(&self, request: &[u8]) -> Result<Reply, LabError> {
        let mut stream = self.connect_metadata()?;
        stream.write_all(request)?;
        read_reply(&mut stream)
    }
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n{headers}\r\n")
}

/// Carries frames from one to the other for as long as both are there.
fn relay(from: Arc<Tap>, to: Arc<Tap>) {
    thread::spawn(move || {
        while let Ok(frame) = from.receive() {
            // A card that is down takes none: the frame is lost, as on any cable.
            let _ = to.send(&frame);
        }
    });
}

fn ip(words: &str) -> Result<String, LabError> {
    run("ip", words.split_whitespace())
}
