//! The EC2 tree: a directory of leaves, one path per value; on a drive, one object per version.

mod node;

use std::net::IpAddr;

use innkeeper_model::{GuestRecord, Vif, VifIp};
use node::{Leaf, Node};
use serde::{Serialize, Serializer};

use crate::{
    Child, Directory, Ec2Version, Entry, File, GuestTree, block_device_mapping, version::LATEST,
};

/// A key of `meta-data`: since which version, and what it holds (`None`: this machine has none).
struct Key {
    name: &'static str,
    since: Ec2Version,
    node: for<'t, 'a> fn(&'t GuestTree<'a>) -> Option<Node<'a>>,
}

/// Every key of `meta-data`, in the order in which a drive has them.
const KEYS: &[Key] = &[
    Key { name: "ami-id", since: Ec2Version::V1_0, node: ami_id },
    Key { name: "ami-launch-index", since: Ec2Version::V1_0, node: ami_launch_index },
    // The constant that Nova serves, and so what images have come to expect.
    Key { name: "ami-manifest-path", since: Ec2Version::V1_0, node: |_| Some(Node::text("FIXME")) },
    Key { name: "instance-id", since: Ec2Version::V1_0, node: instance_id },
    Key { name: "hostname", since: Ec2Version::V1_0, node: hostname },
    Key { name: "local-ipv4", since: Ec2Version::V1_0, node: local_ipv4 },
    Key { name: "reservation-id", since: Ec2Version::V1_0, node: reservation_id },
    Key { name: "security-groups", since: Ec2Version::V1_0, node: security_groups },
    Key { name: "public-keys", since: Ec2Version::V1_0, node: public_keys },
    Key { name: "local-hostname", since: Ec2Version::V2007_01_19, node: hostname },
    Key { name: "public-hostname", since: Ec2Version::V2007_01_19, node: hostname },
    Key { name: "public-ipv4", since: Ec2Version::V2007_01_19, node: public_ipv4 },
    Key { name: "instance-type", since: Ec2Version::V2007_08_29, node: instance_type },
    Key { name: "block-device-mapping", since: Ec2Version::V2007_12_15, node: block_devices },
    Key { name: "kernel-id", since: Ec2Version::V2007_12_15, node: kernel_id },
    Key { name: "ramdisk-id", since: Ec2Version::V2007_12_15, node: ramdisk_id },
    Key { name: "placement", since: Ec2Version::V2008_02_01, node: placement },
    Key {
        name: "instance-action",
        since: Ec2Version::V2008_09_01,
        node: |_| Some(Node::text("none")),
    },
];

/// What `latest` means.
pub(crate) const NEWEST: Ec2Version = Ec2Version::V2009_04_04;

/// The versions and `latest`: never filtered, the same for everybody.
pub(crate) fn versions() -> Directory {
    let names = Ec2Version::ALL.iter().map(|version| version.as_str()).chain([LATEST]);
    Directory::new(names.map(Child::plain).collect())
}

pub(crate) fn get<'a>(tree: &GuestTree<'a>, segments: &[&str]) -> Option<Entry<'a>> {
    let [version, rest @ ..] = segments else { return Some(Entry::Directory(versions())) };
    let version = match *version {
        LATEST => NEWEST,
        name => Ec2Version::named(name)?,
    };
    match rest {
        [] => Some(Entry::Directory(version_directory(tree))),
        ["user-data"] => File::user_data(tree.record).map(Entry::File),
        ["meta-data"] => Some(Entry::Directory(meta_data_directory(tree, version))),
        ["meta-data", key, deeper @ ..] => {
            let known = KEYS.iter().find(|known| known.name == *key && known.since <= version)?;
            (known.node)(tree)?.descend(deeper)
        }
        _ => None,
    }
}

/// The whole of `meta-data` at a version, as a drive has it.
pub(crate) struct MetaData<'t, 'a> {
    tree: &'t GuestTree<'a>,
    version: Ec2Version,
}

impl<'t, 'a> MetaData<'t, 'a> {
    pub(crate) const fn new(tree: &'t GuestTree<'a>, version: Ec2Version) -> Self {
        Self { tree, version }
    }

    /// Whether there is nothing between two versions that one of them has and the other has not.
    pub(crate) fn is_alike(older: Ec2Version, newer: Ec2Version) -> bool {
        KEYS.iter().all(|key| key.since <= older || key.since > newer)
    }
}

impl Serialize for MetaData<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = KEYS.iter().filter(|key| key.since <= self.version);
        serializer.collect_map(keys.filter_map(|key| Some((key.name, (key.node)(self.tree)?))))
    }
}

fn version_directory(tree: &GuestTree<'_>) -> Directory {
    let user_data = tree.record.instance.user_data.as_ref().map(|_| Child::plain("user-data"));
    Directory::new([Child::directory("meta-data")].into_iter().chain(user_data).collect())
}

/// Listings are sorted.
fn meta_data_directory(tree: &GuestTree<'_>, version: Ec2Version) -> Directory {
    let mut keys: Vec<&Key> = KEYS.iter().filter(|key| key.since <= version).collect();
    keys.sort_unstable_by_key(|key| key.name);
    let shown = keys.into_iter().filter_map(|key| Some((key.node)(tree)?.child(key.name)));
    Directory::new(shown.collect())
}

fn ami_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::optional_text(tree.record.ec2_ids.image.map(|id| format!("ami-{id:08x}"))))
}

fn ami_launch_index<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::Leaf(Leaf::Number(tree.record.instance.launch_index)))
}

fn instance_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(format!("i-{:08x}", tree.record.ec2_ids.instance)))
}

fn kernel_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(format!("aki-{:08x}", tree.record.ec2_ids.kernel?)))
}

fn ramdisk_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(format!("ari-{:08x}", tree.record.ec2_ids.ramdisk?)))
}

fn reservation_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(tree.record.instance.reservation_id.as_str()))
}

fn instance_type<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(tree.record.instance.flavor.name.as_str()))
}

fn hostname<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::text(tree.settings.full_hostname(&tree.record.instance.hostname)))
}

/// The first fixed address; without one, the address that was asked from.
fn local_ipv4<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let fixed = ips(tree.record).map(|ip| ip.address).find(IpAddr::is_ipv4);
    let address = fixed.map(|address| address.to_string());
    Some(Node::optional_text(address.or_else(|| tree.asked_from.clone())))
}

fn public_ipv4<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let floating = ips(tree.record).flat_map(|ip| &ip.floating_ips).next();
    Some(Node::text(floating.map(|ip| ip.address.to_string()).unwrap_or_default()))
}

/// Names port by port, duplicates kept.
fn security_groups<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    Some(Node::Leaf(Leaf::List(&tree.record.security_groups)))
}

fn placement<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let zone = Node::optional_text(tree.record.instance.availability_zone.as_deref());
    Some(Node::Dictionary(vec![("availability-zone".into(), zone)]))
}

fn public_keys<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let key = tree.record.ec2_key.as_ref()?;
    let text = Node::optional_text(key.public_key.as_deref());
    let named = Node::Named(format!("0={}", key.name), vec![("openssh-key".into(), text)]);
    Some(Node::Dictionary(vec![("0".into(), named)]))
}

fn block_devices<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let entries = block_device_mapping::entries(&tree.record.instance);
    let leaves = entries.into_iter().map(|(key, device)| (key, Node::optional_text(device)));
    Some(Node::Dictionary(leaves.collect()))
}

fn ips(record: &GuestRecord) -> impl Iterator<Item = &VifIp> {
    record.network_info.iter().flat_map(Vif::subnets).flat_map(|subnet| &subnet.ips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_add_nothing_are_alike() {
        use Ec2Version::{V1_0, V2007_01_19, V2007_03_01, V2008_02_01, V2008_09_01, V2009_04_04};
        assert!(MetaData::is_alike(V2008_09_01, V2009_04_04));
        assert!(MetaData::is_alike(V2007_01_19, V2007_03_01));
        assert!(!MetaData::is_alike(V2008_02_01, V2009_04_04));
        assert!(!MetaData::is_alike(V1_0, V2007_03_01));
    }
}
