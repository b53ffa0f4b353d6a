//! A store in memory and short ways to fill it.

use std::net::IpAddr;

use innkeeper_model::{
    FixedIpRequest, FlavorId, Instance, InstanceId, Network, NetworkId, NetworkRequest, NewFlavor,
    NewInstance, NewNetwork, NewPort, NewProject, NewRouter, NewSubnet, Port, PortAttachment,
    ProjectId, RouterId, Subnet,
};
use innkeeper_store::{Store, StoreError, StoreLocation};

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) project: ProjectId,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Store::open(&StoreLocation::Memory).await.expect("a store in memory")).await
    }

    pub(crate) async fn on(store: Store) -> Self {
        let flavor = NewFlavor {
            id: Some(flavor()),
            name: "m1.small".to_owned(),
            vcpus: 1,
            ram_mib: 512,
            disk_gib: 1,
            extra_specs: [("hw:cpu_policy".to_owned(), "dedicated".to_owned())].into(),
        };
        store.flavor_create(flavor).await.expect("a flavor");
        Self { store, project: id("default") }
    }

    /// Another project.
    pub(crate) async fn other_project(&self, name: &str) -> ProjectId {
        let draft =
            NewProject { id: Some(id(name)), name: name.to_owned(), description: String::new() };
        self.store.project_create(draft).await.expect("a project").id
    }

    pub(crate) async fn network(&self, name: &str) -> Network {
        self.store.network_create(new_network(&self.project, name)).await.expect("a network")
    }

    pub(crate) async fn subnet(&self, network: NetworkId, cidr: &str) -> Subnet {
        self.store.subnet_create(new_subnet(network, cidr)).await.expect("a subnet")
    }

    /// A network with one subnet that has DHCP.
    pub(crate) async fn network_with(&self, name: &str, cidr: &str) -> (Network, Subnet) {
        let network = self.network(name).await;
        let subnet = self.subnet(network.id, cidr).await;
        (network, subnet)
    }

    pub(crate) async fn router_on(&self, name: &str, subnets: &[&Subnet]) -> RouterId {
        let draft = NewRouter { id: None, project_id: self.project.clone(), name: name.to_owned() };
        let router = self.store.router_create(draft).await.expect("a router").id;
        for subnet in subnets {
            self.store.router_add_subnet(router, subnet.id).await.expect("an attachment");
        }
        router
    }

    pub(crate) async fn instance(&self, name: &str, networks: &[NetworkId]) -> Instance {
        self.try_instance(name, networks).await.expect("an instance")
    }

    pub(crate) async fn try_instance(
        &self,
        name: &str,
        networks: &[NetworkId],
    ) -> Result<Instance, StoreError> {
        let mut draft = new_instance(&self.project, name);
        draft.networks = networks.iter().copied().map(NetworkRequest::Network).collect();
        self.store.instance_create(draft).await
    }

    pub(crate) async fn port(&self, network: NetworkId) -> Port {
        let draft = NewPort::on(self.project.clone(), network);
        self.store.port_create(draft).await.expect("a port")
    }

    /// A port with exactly this address.
    pub(crate) async fn port_with(
        &self,
        network: NetworkId,
        address: &str,
    ) -> Result<Port, StoreError> {
        let mut draft = NewPort::on(self.project.clone(), network);
        draft.fixed_ips = Some(vec![at(address)]);
        self.store.port_create(draft).await
    }

    /// The ports of an instance, oldest first.
    pub(crate) async fn ports_of(&self, instance: InstanceId) -> Vec<Port> {
        let mut ports = self.store.port_list(None).await.expect("ports");
        ports.retain(|port| port.attachment == PortAttachment::Instance(instance));
        ports
    }

    /// The addresses of an instance as its guest is told of them, interface by interface.
    pub(crate) async fn addresses_of(&self, instance: InstanceId) -> Vec<String> {
        let ports = self.ports_of(instance).await;
        ports.iter().flat_map(|port| &port.fixed_ips).map(|f| f.ip_address.to_string()).collect()
    }

    pub(crate) async fn revision(&self, instance: InstanceId) -> u64 {
        self.store.revision(instance).await.expect("a read").expect("an instance")
    }

    /// The network's DHCP port.
    pub(crate) async fn dhcp_port(&self, network: NetworkId) -> Option<Port> {
        let ports = self.store.port_list(None).await.expect("ports");
        ports
            .into_iter()
            .find(|port| port.network_id == network && port.attachment == PortAttachment::Dhcp)
    }
}

pub(crate) fn id(text: &str) -> ProjectId {
    text.parse().expect("an id")
}

pub(crate) fn flavor() -> FlavorId {
    "m1.small".parse().expect("an id")
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A request for this address.
pub(crate) fn at(text: &str) -> FixedIpRequest {
    FixedIpRequest { subnet_id: None, ip_address: Some(address(text)) }
}

pub(crate) fn new_network(project: &ProjectId, name: &str) -> NewNetwork {
    NewNetwork {
        id: None,
        project_id: project.clone(),
        name: name.to_owned(),
        mtu: None,
        bridge: None,
        force_metadata: false,
        isolated_metadata: true,
    }
}

/// With the first address as its gateway, and DHCP; named after network and range.
pub(crate) fn new_subnet(network: NetworkId, cidr: &str) -> NewSubnet {
    NewSubnet {
        id: None,
        network_id: network,
        name: format!("{network} {cidr}"),
        cidr: cidr.parse().expect("a range"),
        gateway_ip: None,
        no_gateway: false,
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
        enable_dhcp: true,
        ipv6_address_mode: None,
        ipv6_ra_mode: None,
    }
}

pub(crate) fn new_instance(project: &ProjectId, name: &str) -> NewInstance {
    NewInstance::named(name, project.clone(), flavor())
}

/// The sentence with which something was refused.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    let error = result.expect_err("should be refused");
    assert!(!error.is_retryable(), "{error} will not pass by itself");
    assert!(!matches!(error, StoreError::Internal { .. } | StoreError::Corrupt { .. }), "{error}");
    error.to_string()
}
