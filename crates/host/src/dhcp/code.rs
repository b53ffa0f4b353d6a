//! Numbers of DHCPv4 options (RFC 2132 unless said).

pub(super) const SUBNET_MASK: u8 = 1;
pub(super) const ROUTER: u8 = 3;
pub(super) const DNS_SERVERS: u8 = 6;
pub(super) const HOST_NAME: u8 = 12;
pub(super) const DOMAIN_NAME: u8 = 15;
pub(super) const MTU: u8 = 26;
pub(super) const BROADCAST: u8 = 28;
pub(super) const REQUESTED_ADDRESS: u8 = 50;
pub(super) const LEASE_TIME: u8 = 51;
pub(super) const OVERLOAD: u8 = 52;
pub(super) const MESSAGE_TYPE: u8 = 53;
pub(super) const SERVER_ID: u8 = 54;
pub(super) const PARAMETER_REQUEST_LIST: u8 = 55;
pub(super) const MESSAGE: u8 = 56;
pub(super) const MAX_MESSAGE_SIZE: u8 = 57;
pub(super) const RENEWAL: u8 = 58;
pub(super) const REBINDING: u8 = 59;
pub(super) const CLIENT_ID: u8 = 61;
pub(super) const TFTP_SERVER: u8 = 66;
pub(super) const BOOT_FILE: u8 = 67;
/// RFC 3046.
pub(super) const RELAY_AGENT: u8 = 82;
/// RFC 3397.
pub(super) const DOMAIN_SEARCH: u8 = 119;
/// RFC 3361.
pub(super) const SIP_SERVERS: u8 = 120;
/// RFC 3442.
pub(super) const CLASSLESS_ROUTES: u8 = 121;
/// What Windows asks for, with the same value as 121.
pub(super) const MICROSOFT_CLASSLESS_ROUTES: u8 = 249;
