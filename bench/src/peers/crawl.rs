//! What a booting machine asks: the requests of cloud-init 22.4.2 with its OpenStack data source, in
//! order, each on a connection of its own. The tree below `/latest/meta-data/` is that of a machine
//! with one key pair and no further disks, so that every path is answered with 200.

/// The document with most in it.
pub(super) const META_DATA: &str = "/openstack/2018-08-27/meta_data.json";
/// The smallest that everybody asks for.
pub(super) const INSTANCE_ID: &str = "/latest/meta-data/instance-id";

/// The requests of one boot.
pub(super) const BOOT: [&str; 28] = [
    // Is it there, and which versions are there?
    "/openstack",
    "/openstack",
    META_DATA,
    "/openstack/2018-08-27/user_data",
    "/openstack/2018-08-27/vendor_data.json",
    "/openstack/2018-08-27/vendor_data2.json",
    "/openstack/2018-08-27/network_data.json",
    "/latest/meta-data/",
    "/latest/meta-data/block-device-mapping/",
    "/latest/meta-data/block-device-mapping/ami",
    "/latest/meta-data/block-device-mapping/root",
    "/latest/meta-data/placement/",
    "/latest/meta-data/placement/availability-zone",
    "/latest/meta-data/public-keys/",
    "/latest/meta-data/public-keys/0/openssh-key",
    "/latest/meta-data/ami-id",
    "/latest/meta-data/ami-launch-index",
    "/latest/meta-data/ami-manifest-path",
    "/latest/meta-data/hostname",
    "/latest/meta-data/instance-action",
    INSTANCE_ID,
    "/latest/meta-data/instance-type",
    "/latest/meta-data/local-hostname",
    "/latest/meta-data/local-ipv4",
    "/latest/meta-data/public-hostname",
    "/latest/meta-data/public-ipv4",
    "/latest/meta-data/reservation-id",
    "/latest/meta-data/security-groups",
];
