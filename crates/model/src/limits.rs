//! How large a value may be, and whose limit it is.

/// Display names of resources: the width of Nova's and Neutron's columns.
pub const NAME_CHARS_MAX: usize = 255;
/// One label of a host name (RFC 1035 §2.3.4).
pub const HOSTNAME_LABEL_CHARS_MAX: usize = 63;
/// A whole host name: the width of Nova's column.
pub const HOSTNAME_CHARS_MAX: usize = 255;
/// User data as base64 text: the compute API's limit, the capacity of a MySQL TEXT column.
pub const USER_DATA_BASE64_CHARS_MAX: usize = 65_535;
/// Metadata items per instance: Nova's default quota.
pub const METADATA_ITEMS_MAX: usize = 128;
/// Characters of a metadata key, and of its value: the compute API's limit.
pub const METADATA_CHARS_MAX: usize = 255;
/// Personality files per instance: Nova's default quota.
pub const PERSONALITY_FILES_MAX: usize = 5;
/// Bytes of one personality file: Nova's default quota.
pub const PERSONALITY_FILE_BYTES_MAX: usize = 10_240;
/// Characters of a personality file's path: Nova's default quota.
pub const PERSONALITY_PATH_CHARS_MAX: usize = 255;
/// Bytes of a public key's text: the width of Nova's key_data column.
pub const PUBLIC_KEY_BYTES_MAX: usize = 65_535;
/// Characters of a device tag: the compute API's limit.
pub const DEVICE_TAG_CHARS_MAX: usize = 60;
/// Characters of an administrator password: the compute API's parameter limit.
pub const ADMIN_PASSWORD_CHARS_MAX: usize = 255;
/// Fixed addresses of one port: Neutron's default `max_fixed_ips_per_port`.
pub const FIXED_IPS_PER_PORT_MAX: usize = 5;
/// Extra DHCP options of one port: far above any use, and more than fit one DHCP message.
pub const EXTRA_DHCP_OPTIONS_MAX: usize = 64;
/// Characters of an extra DHCP option's name: the width of Neutron's column.
pub const EXTRA_DHCP_OPTION_NAME_CHARS_MAX: usize = 64;
/// Bytes of an extra DHCP option's value: what one option holds (RFC 2132 §2), and the width of
/// Neutron's column.
pub const EXTRA_DHCP_OPTION_VALUE_BYTES_MAX: usize = 255;
/// Characters of a port's id in its interface's name, behind `tap` or the like: Neutron's rule.
pub const PORT_PREFIX_CHARS: usize = 11;
/// Beginnings of port ids that are asked about at once: more than a host has taps, and answered
/// within a fraction of a second.
pub const PORT_PREFIXES_MAX: usize = 4_096;
/// Name servers of one subnet: Neutron's default `max_dns_nameservers`.
pub const DNS_SERVERS_MAX: usize = 5;
/// Host routes of one subnet: Neutron's default `max_subnet_host_routes`.
pub const HOST_ROUTES_MAX: usize = 20;
/// Properties of an image, extra specs of a flavor: Nova's default metadata quota.
pub const PROPERTIES_MAX: usize = 128;
/// Security groups of one port: far above any use, small enough for one document.
pub const SECURITY_GROUPS_MAX: usize = 64;
/// Ports of one instance: far above any hypervisor's number of slots.
pub const PORTS_PER_INSTANCE_MAX: usize = 64;
/// Block devices or tagged devices of one instance.
pub const DEVICES_MAX: usize = 256;
/// The smallest MTU an IPv4 host must accept (RFC 791).
pub const MTU_MIN: u32 = 68;
/// The largest MTU that fits the schema of `network_data.json`.
pub const MTU_MAX: u32 = 65_535;
/// Characters of a Linux interface name (IFNAMSIZ − 1).
pub const INTERFACE_NAME_CHARS_MAX: usize = 15;
