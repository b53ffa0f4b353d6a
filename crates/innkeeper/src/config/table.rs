//! The one table of keys. From it come the typed [`Config`], the example file, the environment
//! variables and the flags; a new key is one entry here and its use.

use std::{net::SocketAddr, num::NonZeroU16, path::PathBuf};

use innkeeper_config_drive::Format;
use innkeeper_documents::{OpenStackVersion, VendorDataProvider};
use innkeeper_model::MetadataPath;
use innkeeper_store::StoreLocation;

use super::{
    Key, Section, Settings,
    config_drive::{SkippedVersions, VfatMib},
    lease::LeaseSeconds,
    value::{
        ApiKind, CacheMib, ControlAddress, IdentificationMode, LogFilter, LogFormat, Name,
        SecretFile, ServiceUrl, Threads,
    },
    vendor_data::{Lifetime, Patience, VendorDataTargets},
};
use crate::role::Role;

macro_rules! configuration {
    ($($(#[doc = $section_doc:literal])+ $section:ident: $Section:ident for $roles:expr => {
        $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal;)+
    })+) => {
        /// Everything that can be set, read and checked.
        #[derive(Debug, Clone)]
        pub(crate) struct Config {
            $($(#[doc = $section_doc])+ pub(crate) $section: $Section,)+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone)]
            pub(crate) struct $Section {
                $($(#[doc = $doc])+ pub(crate) $name: $type,)+
            }
        )+

        impl Config {
            /// The typed form of settings that were checked when they were given.
            pub(super) fn from_settings(settings: &Settings) -> Self {
                Self {
                    $($section: $Section {
                        $($name: settings.value(stringify!($section), stringify!($name)),)+
                    },)+
                }
            }
        }

        /// Every section, in the order of the example file.
        pub(crate) static SECTIONS: &[Section] = &[
            $(Section {
                name: stringify!($section),
                doc: &[$($section_doc),+],
                roles: $roles,
                keys: &[
                    $(Key {
                        section: stringify!($section),
                        name: stringify!($name),
                        doc: &[$($doc),+],
                        default: $default,
                        form: <$type as super::value::Value>::FORM,
                        expected: <$type as super::value::Value>::EXPECTED,
                        value_name: <$type as super::value::Value>::NAME,
                        secret: <$type as super::value::Value>::SECRET,
                        accepts: |text| <$type as super::value::Value>::parse(text).is_some(),
                    },)+
                ],
            },)+
        ];
    };
}

configuration! {
    /// The database. Only the roles `api` and `serve` open it.
    store: StoreSection for &[Role::Api, Role::Serve] => {
        /// Where the SQLite database is; `:memory:` forgets everything when the process ends.
        path: StoreLocation = "/var/lib/innkeeper/innkeeper.db";
    }

    /// The metadata API (nova-api-metadata) that agents ask.
    api: ApiSection for &[Role::Api, Role::Serve] => {
        /// Where the role `api` listens for agents. `serve` opens no such listener unless
        /// `serve.api_listen` is set.
        listen: SocketAddr = "127.0.0.1:8775";
        /// Where the role `api` answers /healthz and /metrics; not set: nowhere.
        metrics_listen: Option<SocketAddr> = "";
        /// The PEM file with the certificate chain; set it to be asked over TLS.
        tls_certificate: Option<PathBuf> = "";
        /// The PEM file with the certificate's private key.
        tls_private_key: Option<PathBuf> = "";
        /// The PEM file with the authorities whose client certificates are asked for; not set:
        /// agents need none.
        tls_client_ca: Option<PathBuf> = "";
        /// The domain behind a machine's name in its host name; not set: the bare name.
        dhcp_domain: Option<Name> = "novalocal";
        /// The newest OpenStack metadata version that is listed and served.
        newest_openstack_version: OpenStackVersion = "2025-04-04";
        /// How it tells who asks: `instance-id`, by headers that an agent or a load balancer signs;
        /// `address`, by the address of whoever connects, where networks never overlap.
        identification: IdentificationMode = "instance-id";
        /// With `identification` = `address`: takes the address from X-Forwarded-For, so that
        /// whoever reaches the API can pass for every machine.
        trust_forwarded_for: bool = "false";
        /// How many MiB of what guests read are kept in memory, to be served again as long as nothing
        /// changes; 0: each request reads the database.
        cache_mib: CacheMib = "64";
        /// Where vendor data comes from, in order: `StaticJSON`, the file; `DynamicJSON`, services.
        vendordata_providers: Vec<VendorDataProvider> = "StaticJSON";
        /// The JSON file that every machine is served as vendor data; not set: {}.
        vendordata_jsonfile_path: Option<PathBuf> = "";
        /// The services that are asked for each machine, as `name@url`.
        vendordata_dynamic_targets: VendorDataTargets = "";
        /// The PEM file with the authorities that services' certificates are checked against; not
        /// set: the public ones.
        vendordata_dynamic_ssl_certfile: Option<PathBuf> = "";
        /// How many seconds a connection to a service may take.
        vendordata_dynamic_connect_timeout: Patience = "5";
        /// How many seconds a service may take to answer.
        vendordata_dynamic_read_timeout: Patience = "5";
        /// Whether a service's failure fails the document; else only its part is missing.
        vendordata_dynamic_failure_fatal: bool = "false";
        /// How many seconds a service's answer is kept for a machine; 0: it is always asked.
        vendordata_dynamic_cache_seconds: Lifetime = "60";
    }

    /// Config drives: an instance's documents on a disk.
    config_drive: ConfigDriveSection for &[Role::Api, Role::Serve] => {
        /// Whether every instance gets one that has not been launched yet (Nova's
        /// force_config_drive); from its first launch on it keeps it.
        force: bool = "false";
        /// What kind of image it is: `iso9660`, a CD; `vfat`, a disk; `vhd`, a disk for Hyper-V.
        format: Format = "iso9660";
        /// The versions that are left out, of either tree; `latest` is EC2's.
        skip_versions: SkippedVersions =
            "1.0,2007-01-19,2007-03-01,2007-08-29,2007-10-10,2007-12-15,2008-02-01,2008-09-01";
        /// The program to make ISO 9660 images with, such as genisoimage; not set: none is needed.
        mkisofs_cmd: Option<PathBuf> = "";
        /// The program qemu-img, to make VHDs with, dynamic ones, in place of the fixed ones that
        /// are built in; not set: built in.
        qemu_img_cmd: Option<PathBuf> = "";
        /// The directory in which they are kept, as <instance id>/disk.config, and which the
        /// hypervisor can read.
        instances_path: PathBuf = "/var/lib/innkeeper/instances";
        /// The size of VFAT images in MiB. The zeros in them take no place on the disk.
        vfat_mib: VfatMib = "64";
    }

    /// The operator's control API, which the commands of `innkeeper` use.
    control: ControlSection for &[Role::Api, Role::Serve] => {
        /// Its Unix socket. Who may open it may do everything: no token is asked for.
        socket: PathBuf = "/run/innkeeper/control.sock";
        /// The group that may open the socket; not set: the group of the process.
        socket_group: Option<Name> = "";
        /// Where it listens on TCP, for clients with a token; not set: nowhere.
        listen: Option<SocketAddr> = "";
    }

    /// The agent (neutron-metadata-agent): finds who asks, signs, and asks the API.
    agent: AgentSection for &[Role::Agent, Role::Serve] => {
        /// The Unix socket on which proxies ask the role `agent`.
        socket: PathBuf = "/run/innkeeper/metadata_proxy";
        /// The group that may open the socket; not set: the group of the process.
        socket_group: Option<Name> = "";
        /// The APIs to ask; one after the other until one answers.
        api: Vec<ServiceUrl> = "http://127.0.0.1:8775";
        /// Whose API that is: `innkeeper`, or `nova` to send exactly what Neutron's agent sends.
        api_kind: ApiKind = "innkeeper";
        /// The PEM file with the authorities that the API's certificate is checked against; not
        /// set: the public ones.
        ca: Option<PathBuf> = "";
        /// Takes any certificate from the API: for trials only.
        insecure: bool = "false";
        /// The PEM file with the certificate that the agent shows to the API.
        client_certificate: Option<PathBuf> = "";
        /// The PEM file with that certificate's private key.
        client_private_key: Option<PathBuf> = "";
        /// The control API to look ports up in: its socket, or a URL and `control_token_file`. With
        /// an API of Innkeeper, of the same database.
        control: ControlAddress = "/run/innkeeper/control.sock";
        /// The file with a token of scope `agent`, needed where `control` is a URL.
        control_token_file: Option<SecretFile> = "";
        /// Where the role `agent` answers /healthz and /metrics; not set: nowhere.
        metrics_listen: Option<SocketAddr> = "";
    }

    /// The proxy (neutron-ns-metadata-proxy): listens in the namespaces of routers and networks.
    proxy: ProxySection for &[Role::Proxy, Role::Serve] => {
        /// The agent's Unix socket that the role `proxy` asks.
        agent_socket: PathBuf = "/run/innkeeper/metadata_proxy";
        /// Where the role `proxy` answers /healthz and /metrics; not set: nowhere.
        metrics_listen: Option<SocketAddr> = "";
    }

    /// The host: makes this machine's namespaces, links, addresses and redirections.
    host: HostSection for &[Role::Host, Role::Serve] => {
        /// The control API that says what this machine hosts: its socket, or a URL and
        /// `control_token_file`.
        control: ControlAddress = "/run/innkeeper/control.sock";
        /// The file with a token of scope `agent`, needed where `control` is a URL.
        control_token_file: Option<SecretFile> = "";
        /// The program `nft`; not set: looked for in PATH and where distributions put it.
        nft: Option<PathBuf> = "";
        /// Where the role `host` answers /healthz and /metrics; not set: nowhere.
        metrics_listen: Option<SocketAddr> = "";
    }

    /// What the host tells guests by DHCP. Which address a guest gets its port says.
    dhcp: DhcpSection for &[Role::Host, Role::Serve] => {
        /// Whether requests are answered; false where somebody else does.
        enabled: bool = "true";
        /// The domain of guests; not set: with `serve` it is `api.dhcp_domain`, as in the guests'
        /// documents, and with `host` none is told.
        domain: Option<Name> = "";
        /// How many seconds a guest may use an address without asking again; -1: for ever.
        lease_seconds: LeaseSeconds = "86400";
    }

    /// `innkeeper serve`: every role in one process.
    serve: ServeSection for &[Role::Serve] => {
        /// Whether it also makes namespaces, as the role `host` does; false where somebody else
        /// makes them.
        host: bool = "true";
        /// Where agents of other machines may ask its API; not set: nowhere.
        api_listen: Option<SocketAddr> = "";
        /// Where it answers /healthz and /metrics; not set: nowhere.
        metrics_listen: Option<SocketAddr> = "";
    }

    /// Network namespaces.
    netns: NetnsSection for &[Role::Proxy, Role::Host, Role::Serve] => {
        /// The directory in which namespaces have their names, as `ip netns` keeps them.
        dir: PathBuf = "/run/netns";
        /// The port in router namespaces to which requests for 169.254.169.254:80 are redirected.
        metadata_port: NonZeroU16 = "9697";
        /// How guests reach the service through their router: `redirect`, by NAT from port 80 to
        /// `metadata_port`; `address`, the address itself on the router's interfaces and port 80,
        /// without NAT, also for guests to whom 169.254.0.0/16 is on their own link.
        metadata_path: MetadataPath = "redirect";
    }

    /// Secrets are given by the path of their file only: arguments and environments can be read
    /// by others.
    secrets: SecretsSection for &[Role::Api, Role::Agent, Role::Serve] => {
        /// The file with the secret that agent and API share, which signs identities; the same on
        /// every machine. `innkeeper init` makes it.
        shared_secret_file: SecretFile = "/etc/innkeeper/shared_secret";
    }

    /// Log lines go to standard error.
    log: LogSection for Role::ALL => {
        /// `text` for people, `json` for programs.
        format: LogFormat = "text";
        /// The least important level that is written, perhaps with others for some targets, like
        /// `info,innkeeper_agent=debug`; `warn,guest=info` keeps the lines of guest requests.
        level: LogFilter = "info";
    }

    /// The process itself.
    runtime: RuntimeSection for Role::ALL => {
        /// Threads that serve requests; 0: as many as there are cores.
        worker_threads: Threads = "0";
    }
}
