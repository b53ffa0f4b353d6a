//! The EC2 tree: a directory of leaves, one path per value.

use std::{borrow::Cow, net::IpAddr};

use innkeeper_model::{GuestRecord, Vif, VifIp};

use crate::{
    Child, Directory, Ec2Version, Entry, File, GuestTree, block_device_mapping, version::LATEST,
};

/// A node of the tree below `meta-data`.
enum Node<'a> {
    Leaf(Cow<'a, str>),
    Dictionary(Vec<(Cow<'a, str>, Self)>),
    /// A dictionary that its parent lists by a name of its own, without a slash.
    Named(String, Vec<(Cow<'a, str>, Self)>),
}

/// A key of `meta-data`: since which version, and what it holds (`None`: this machine has none).
struct Key {
    name: &'static str,
    since: Ec2Version,
    node: for<'t, 'a> fn(&'t GuestTree<'a>) -> Option<Node<'a>>,
}

/// Every key of `meta-data`, sorted as listings are.
const KEYS: &[Key] = &[
    Key { name: "ami-id", since: Ec2Version::V1_0, node: ami_id },
    Key { name: "ami-launch-index", since: Ec2Version::V1_0, node: ami_launch_index },
    // The constant that Nova serves, and so what images have come to expect.
    Key { name: "ami-manifest-path", since: Ec2Version::V1_0, node: |_| leaf("FIXME") },
    Key { name: "block-device-mapping", since: Ec2Version::V2007_12_15, node: block_devices },
    Key { name: "hostname", since: Ec2Version::V1_0, node: hostname },
    Key { name: "instance-action", since: Ec2Version::V2008_09_01, node: |_| leaf("none") },
    Key { name: "instance-id", since: Ec2Version::V1_0, node: instance_id },
    Key { name: "instance-type", since: Ec2Version::V2007_08_29, node: instance_type },
    Key { name: "kernel-id", since: Ec2Version::V2007_12_15, node: kernel_id },
    Key { name: "local-hostname", since: Ec2Version::V2007_01_19, node: hostname },
    Key { name: "local-ipv4", since: Ec2Version::V1_0, node: local_ipv4 },
    Key { name: "placement", since: Ec2Version::V2008_02_01, node: placement },
    Key { name: "public-hostname", since: Ec2Version::V2007_01_19, node: hostname },
    Key { name: "public-ipv4", since: Ec2Version::V2007_01_19, node: public_ipv4 },
    Key { name: "public-keys", since: Ec2Version::V1_0, node: public_keys },
    Key { name: "ramdisk-id", since: Ec2Version::V2007_12_15, node: ramdisk_id },
    Key { name: "reservation-id", since: Ec2Version::V1_0, node: reservation_id },
    Key { name: "security-groups", since: Ec2Version::V1_0, node: security_groups },
];

/// The versions and `latest`: never filtered, the same for everybody.
pub(crate) fn versions() -> Directory {
    let names = Ec2Version::ALL.iter().map(|version| version.as_str()).chain([LATEST]);
    Directory::new(names.map(Child::plain).collect())
}

pub(crate) fn get<'a>(tree: &GuestTree<'a>, segments: &[&str]) -> Option<Entry<'a>> {
    let [version, rest @ ..] = segments else { return Some(Entry::Directory(versions())) };
    let version = match *version {
        LATEST => Ec2Version::V2009_04_04,
        name => Ec2Version::named(name)?,
    };
    match rest {
        [] => Some(Entry::Directory(version_directory(tree))),
        ["user-data"] => File::user_data(tree.record).map(Entry::File),
        ["meta-data"] => Some(Entry::Directory(meta_data_directory(tree, version))),
        ["meta-data", key, deeper @ ..] => {
            let known = KEYS.iter().find(|known| known.name == *key && known.since <= version)?;
            descend((known.node)(tree)?, deeper)
        }
        _ => None,
    }
}

fn version_directory(tree: &GuestTree<'_>) -> Directory {
    let user_data = tree.record.instance.user_data.as_ref().map(|_| Child::plain("user-data"));
    Directory::new([Child::directory("meta-data")].into_iter().chain(user_data).collect())
}

fn meta_data_directory(tree: &GuestTree<'_>, version: Ec2Version) -> Directory {
    let keys = KEYS.iter().filter(|key| key.since <= version);
    let shown = keys.filter_map(|key| Some(child(key.name, &(key.node)(tree)?)));
    Directory::new(shown.collect())
}

/// What lies below `node`. A leaf has nothing below it.
fn descend<'a>(node: Node<'a>, segments: &[&str]) -> Option<Entry<'a>> {
    let Some((first, rest)) = segments.split_first() else { return Some(entry(node)) };
    let children = match node {
        Node::Leaf(_) => return None,
        // An accident of Nova's that guests may have come to read.
        Node::Named(name, _) if *first == "_name" && rest.is_empty() => {
            return Some(entry(Node::Leaf(name.into())));
        }
        Node::Dictionary(children) | Node::Named(_, children) => children,
    };
    let (_, found) = children.into_iter().find(|(name, _)| name == first)?;
    descend(found, rest)
}

fn entry(node: Node<'_>) -> Entry<'_> {
    match node {
        Node::Leaf(text) => Entry::File(File::text(text)),
        Node::Dictionary(children) | Node::Named(_, children) => Entry::Directory(Directory::new(
            children.iter().map(|(name, node)| child(name, node)).collect(),
        )),
    }
}

fn child(name: &str, node: &Node<'_>) -> Child {
    match node {
        Node::Leaf(_) => Child::plain(name),
        Node::Dictionary(_) => Child::directory(name),
        Node::Named(shown, _) => Child::shown_as(name, shown),
    }
}

fn leaf<'a>(text: impl Into<Cow<'a, str>>) -> Option<Node<'a>> {
    Some(Node::Leaf(text.into()))
}

fn ami_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let id = tree.record.ec2_ids.image.map(|id| format!("ami-{id:08x}"));
    leaf(id.map_or(Cow::Borrowed("None"), Cow::Owned))
}

fn ami_launch_index<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(tree.record.instance.launch_index.to_string())
}

fn instance_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(format!("i-{:08x}", tree.record.ec2_ids.instance))
}

fn kernel_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(format!("aki-{:08x}", tree.record.ec2_ids.kernel?))
}

fn ramdisk_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(format!("ari-{:08x}", tree.record.ec2_ids.ramdisk?))
}

fn reservation_id<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(tree.record.instance.reservation_id.as_str())
}

fn instance_type<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(tree.record.instance.flavor.name.as_str())
}

fn hostname<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(tree.settings.full_hostname(&tree.record.instance.hostname))
}

/// The first fixed address; without one, the address that was asked from.
fn local_ipv4<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let fixed = ips(tree.record).map(|ip| ip.address).find(IpAddr::is_ipv4);
    let address = fixed.map(|address| address.to_string());
    leaf(address.or_else(|| tree.asked_from.clone()).unwrap_or_else(|| "None".to_owned()))
}

fn public_ipv4<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let floating = ips(tree.record).flat_map(|ip| &ip.floating_ips).next();
    leaf(floating.map(|ip| ip.address.to_string()).unwrap_or_default())
}

/// Names port by port, duplicates kept. A list is a leaf: its elements have no path.
fn security_groups<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    leaf(tree.record.security_groups.join("\n"))
}

fn placement<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let zone = tree.record.instance.availability_zone.as_deref().unwrap_or("None");
    Some(Node::Dictionary(vec![("availability-zone".into(), Node::Leaf(zone.into()))]))
}

fn public_keys<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let key = tree.record.ec2_key.as_ref()?;
    let text = Node::Leaf(key.public_key.as_deref().unwrap_or("None").into());
    let named = Node::Named(format!("0={}", key.name), vec![("openssh-key".into(), text)]);
    Some(Node::Dictionary(vec![("0".into(), named)]))
}

fn block_devices<'a>(tree: &GuestTree<'a>) -> Option<Node<'a>> {
    let entries = block_device_mapping::entries(&tree.record.instance);
    let leaves = entries.into_iter().map(|(key, device)| (key, Node::Leaf(device)));
    Some(Node::Dictionary(leaves.collect()))
}

fn ips(record: &GuestRecord) -> impl Iterator<Item = &VifIp> {
    record.network_info.iter().flat_map(Vif::subnets).flat_map(|subnet| &subnet.ips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_in_byte_order() {
        assert!(KEYS.is_sorted_by_key(|key| key.name));
    }
}
