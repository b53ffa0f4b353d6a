//! Every operation of the control API: method, path, who may use it, what it takes and answers.

use http::Method;

/// Who may use an operation over TCP. Over the Unix socket the file's permission decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Tokens of scope admin only.
    Admin,
    /// Tokens of scope admin or agent: what a network or compute host needs.
    Agent,
}

/// What an operation answers when it succeeds, by the name of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200 with one of them.
    One(&'static str),
    /// 200 with an array of them.
    Many(&'static str),
    /// 201 with the new one.
    Created(&'static str),
    /// 204.
    Nothing,
    /// Whatever the guest would be answered, byte for byte.
    Guest,
    /// 200 with the bytes of a drive image.
    Image,
    /// 200 with the OpenAPI document.
    Document,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Which operation.
    pub operation: Operation,
    /// Its method.
    pub method: Method,
    /// Its path; parameters in braces.
    pub path: &'static str,
    /// Who may use it over TCP.
    pub access: Access,
    /// The schema of its JSON body.
    pub takes: Option<&'static str>,
    /// What it answers.
    pub answer: Answer,
    /// One line for people.
    pub summary: &'static str,
}

macro_rules! endpoints {
    ($($operation:ident $method:ident $path:ident $access:ident ($($takes:literal)?) $answer:expr, $summary:literal;)+) => {
        /// An operation, named as in the OpenAPI document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is described by the summary of its endpoint")]
        pub enum Operation { $($operation,)+ }

        impl Operation {
            /// Every operation, grouped by path.
            pub const ALL: &'static [Self] = &[$(Self::$operation,)+];

            /// Its row of the table.
            pub fn endpoint(self) -> Endpoint {
                use Answer::*;
                match self {
                    $(Self::$operation => Endpoint {
                        operation: self,
                        method: Method::$method,
                        path: $path,
                        access: Access::$access,
                        takes: None$(.or(Some($takes)))?,
                        answer: $answer,
                        summary: $summary,
                    },)+
                }
            }
        }
    };
}

macro_rules! paths {
    ($($(#[doc = $doc:literal])? $name:ident = $path:literal;)+) => {
        $(#[doc = concat!("`", $path, "`")] pub const $name: &str = $path;)+
    };
}

paths! {
    PROJECTS = "/v1/projects";
    PROJECT = "/v1/projects/{id}";
    KEY_PAIRS = "/v1/key-pairs";
    KEY_PAIR = "/v1/key-pairs/{project_id}/{name}";
    FLAVORS = "/v1/flavors";
    FLAVOR = "/v1/flavors/{id}";
    IMAGES = "/v1/images";
    IMAGE = "/v1/images/{id}";
    NETWORKS = "/v1/networks";
    NETWORK = "/v1/networks/{id}";
    SUBNETS = "/v1/subnets";
    SUBNET = "/v1/subnets/{id}";
    ROUTERS = "/v1/routers";
    ROUTER = "/v1/routers/{id}";
    ROUTER_ADD_SUBNET = "/v1/routers/{id}/add-subnet";
    ROUTER_REMOVE_SUBNET = "/v1/routers/{id}/remove-subnet";
    PORTS = "/v1/ports";
    PORT = "/v1/ports/{id}";
    FLOATING_IPS = "/v1/floating-ips";
    FLOATING_IP = "/v1/floating-ips/{id}";
    INSTANCES = "/v1/instances";
    INSTANCE_IMPORT = "/v1/instances/import";
    INSTANCE = "/v1/instances/{id}";
    INSTANCE_METADATA = "/v1/instances/{id}/metadata";
    INSTANCE_PASSWORD = "/v1/instances/{id}/password";
    INSTANCE_CONFIG_DRIVE = "/v1/instances/{id}/config-drive";
    INSTANCE_CONFIG_DRIVE_IMAGE = "/v1/instances/{id}/config-drive/image";
    METADATA_PROVIDERS = "/v1/metadata-providers";
    METADATA_PROVIDER_NETWORK = "/v1/metadata-providers/{provider}/networks/{network_id}";
    NETWORK_VIEW_LOOKUP = "/v1/network-view/lookup";
    NETWORK_VIEW_DHCP_BINDING = "/v1/network-view/dhcp-binding";
    NETWORK_VIEW_PLUGGED_PORTS = "/v1/network-view/plugged-ports";
    TOPOLOGY = "/v1/topology";
    OPENAPI = "/v1/openapi.json";
}

endpoints! {
    ProjectList GET PROJECTS Admin () Many("Project"), "List projects";
    ProjectCreate POST PROJECTS Admin ("NewProject") Created("Project"), "Create a project";
    ProjectFetch GET PROJECT Admin () One("Project"), "Show a project";
    ProjectUpdate PATCH PROJECT Admin ("ProjectChange") One("Project"), "Change a project";
    ProjectDelete DELETE PROJECT Admin () Nothing, "Delete a project";

    KeyPairList GET KEY_PAIRS Admin () Many("KeyPair"), "List key pairs";
    KeyPairCreate POST KEY_PAIRS Admin ("NewKeyPair") Created("KeyPair"), "Create a key pair from its public key";
    KeyPairFetch GET KEY_PAIR Admin () One("KeyPair"), "Show a key pair";
    KeyPairDelete DELETE KEY_PAIR Admin () Nothing, "Delete a key pair; instances keep their copy";

    FlavorList GET FLAVORS Admin () Many("Flavor"), "List flavors";
    FlavorCreate POST FLAVORS Admin ("NewFlavor") Created("Flavor"), "Create a flavor";
    FlavorFetch GET FLAVOR Admin () One("Flavor"), "Show a flavor";
    FlavorUpdate PATCH FLAVOR Admin ("FlavorChange") One("Flavor"), "Change a flavor; instances keep the one they have";
    FlavorDelete DELETE FLAVOR Admin () Nothing, "Delete a flavor";

    ImageList GET IMAGES Admin () Many("Image"), "List images";
    ImageCreate POST IMAGES Admin ("NewImage") Created("Image"), "Make an image known";
    ImageFetch GET IMAGE Admin () One("Image"), "Show an image";
    ImageUpdate PATCH IMAGE Admin ("ImageChange") One("Image"), "Change an image";
    ImageDelete DELETE IMAGE Admin () Nothing, "Forget an image; its file stays";

    NetworkList GET NETWORKS Admin () Many("Network"), "List networks";
    NetworkCreate POST NETWORKS Admin ("NewNetwork") Created("Network"), "Create a network";
    NetworkFetch GET NETWORK Admin () One("Network"), "Show a network";
    NetworkUpdate PATCH NETWORK Admin ("NetworkChange") One("Network"), "Change a network";
    NetworkDelete DELETE NETWORK Admin () Nothing, "Delete a network";

    SubnetList GET SUBNETS Admin () Many("Subnet"), "List subnets";
    SubnetCreate POST SUBNETS Admin ("NewSubnet") Created("Subnet"), "Create a subnet of a network";
    SubnetFetch GET SUBNET Admin () One("Subnet"), "Show a subnet";
    SubnetUpdate PATCH SUBNET Admin ("SubnetChange") One("Subnet"), "Change a subnet";
    SubnetDelete DELETE SUBNET Admin () Nothing, "Delete a subnet";

    RouterList GET ROUTERS Admin () Many("Router"), "List routers";
    RouterCreate POST ROUTERS Admin ("NewRouter") Created("Router"), "Create a router";
    RouterFetch GET ROUTER Admin () One("Router"), "Show a router";
    RouterUpdate PATCH ROUTER Admin ("RouterChange") One("Router"), "Change a router";
    RouterDelete DELETE ROUTER Admin () Nothing, "Delete a router";
    RouterAddSubnet POST ROUTER_ADD_SUBNET Admin ("RouterInterface") One("Port"), "Attach a subnet to a router";
    RouterRemoveSubnet POST ROUTER_REMOVE_SUBNET Admin ("RouterInterface") Nothing, "Detach a subnet from a router";

    PortList GET PORTS Admin () Many("Port"), "List ports";
    PortCreate POST PORTS Admin ("NewPort") Created("Port"), "Create a port on a network";
    PortFetch GET PORT Admin () One("Port"), "Show a port";
    PortUpdate PATCH PORT Admin ("PortChange") One("Port"), "Change a port, or what is plugged in";
    PortDelete DELETE PORT Admin () Nothing, "Delete a port";

    FloatingIpList GET FLOATING_IPS Admin () Many("FloatingIp"), "List floating IPs";
    FloatingIpCreate POST FLOATING_IPS Admin ("NewFloatingIp") Created("FloatingIp"), "Make a floating IP known";
    FloatingIpFetch GET FLOATING_IP Admin () One("FloatingIp"), "Show a floating IP";
    FloatingIpUpdate PATCH FLOATING_IP Admin ("FloatingIpChange") One("FloatingIp"), "Lead a floating IP to a port, or to none";
    FloatingIpDelete DELETE FLOATING_IP Admin () Nothing, "Forget a floating IP";

    InstanceList GET INSTANCES Admin () Many("Instance"), "List instances";
    InstanceCreate POST INSTANCES Admin ("NewInstance") Created("Written_Instance"), "Create an instance and its ports";
    InstanceFetch GET INSTANCE Admin () One("Instance"), "Show an instance";
    InstanceUpdate PATCH INSTANCE Admin ("InstanceChange") One("Written_Instance"), "Change an instance";
    InstanceDelete DELETE INSTANCE Admin () Nothing, "Delete an instance and the ports made for it";
    InstanceMetadata GET INSTANCE_METADATA Admin () Guest, "Show what the guest would be served";
    InstancePasswordFetch GET INSTANCE_PASSWORD Admin () One("GuestPassword"), "Show the password that the guest posted, as encrypted by it";
    InstancePasswordClear DELETE INSTANCE_PASSWORD Admin () Nothing, "Forget the guest's password, so that it may post another";

    InstanceConfigDriveKeep PUT INSTANCE_CONFIG_DRIVE Admin ("KeepConfigDrive") One("ConfigDrive"), "Keep a config drive for an instance: the one that is kept if it is current, else a new one";
    InstanceConfigDriveImage GET INSTANCE_CONFIG_DRIVE_IMAGE Admin () Image, "Read the kept config drive, or with `format` one that is made for this answer";

    InstanceImport POST INSTANCE_IMPORT Admin ("ImportedInstance") One("Instance"), "Take over an instance of Nova's; again to replace it";

    MetadataProviderList GET METADATA_PROVIDERS Admin () Many("MetadataProvider"), "List metadata providers with their networks";
    MetadataProviderAddNetwork PUT METADATA_PROVIDER_NETWORK Admin () Nothing, "Let a metadata provider speak for the guests of a network";
    MetadataProviderRemoveNetwork DELETE METADATA_PROVIDER_NETWORK Admin () Nothing, "No longer let a metadata provider speak for the guests of a network";

    NetworkViewLookup POST NETWORK_VIEW_LOOKUP Agent ("Origin") One("PortOwner"), "Find the port, instance and project behind an address in a namespace";
    NetworkViewDhcpBinding POST NETWORK_VIEW_DHCP_BINDING Agent ("DhcpClient") One("DhcpBinding"), "Find what DHCP has to tell a MAC address on a network; not-found if it is no port's";
    NetworkViewPluggedPorts POST NETWORK_VIEW_PLUGGED_PORTS Agent ("PortPrefixes") Many("PluggedPort"), "List the ports whose ids begin so, as interfaces are named after them";
    TopologyFetch GET TOPOLOGY Agent () One("Topology"), "Show, or wait for a change of, what hosts are to bring up";
    OpenapiFetch GET OPENAPI Admin () Document, "Show this document";
}

impl Operation {
    /// Its name, the same in every version: `ProjectList`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether it lists resources, and so takes the list filters.
    pub fn lists(self) -> bool {
        !matches!(self, Self::MetadataProviderList | Self::NetworkViewPluggedPorts)
            && matches!(self.endpoint().answer, Answer::Many(_))
    }

    /// Whether it changes nothing: every GET, and questions that need a body.
    pub fn only_reads(self) -> bool {
        let asks = matches!(
            self,
            Self::NetworkViewLookup | Self::NetworkViewDhcpBinding | Self::NetworkViewPluggedPorts
        );
        asks || self.endpoint().method == Method::GET
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_operations_share_method_and_path() {
        let mut seen = HashSet::new();
        for operation in Operation::ALL {
            let endpoint = operation.endpoint();
            assert!(seen.insert((endpoint.method, endpoint.path)), "{operation:?} is shadowed");
        }
    }

    #[test]
    fn agents_may_look_up_and_watch_and_nothing_else() {
        let agents: Vec<_> =
            Operation::ALL.iter().filter(|o| o.endpoint().access == Access::Agent).collect();
        let expected = [
            &Operation::NetworkViewLookup,
            &Operation::NetworkViewDhcpBinding,
            &Operation::NetworkViewPluggedPorts,
            &Operation::TopologyFetch,
        ];
        assert_eq!(agents, expected);
        assert!(agents.iter().all(|operation| operation.only_reads()));
    }
}
