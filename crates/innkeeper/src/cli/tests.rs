//! The commands as operators write them.

use clap::{CommandFactory as _, Parser};

use super::{
    ResourceCommand,
    instance::InstanceCommand,
    interfaces::{Interface, Interfaces},
};

#[derive(Debug, Parser)]
#[command(name = "innkeeper")]
struct Cli {
    #[command(subcommand)]
    command: ResourceCommand,
}

const LINES: &[&str] = &[
    "project create blue --description team",
    "project list -o json",
    "project set blue --name azure",
    "keypair create mykey --public-key /home/me/.ssh/id_ed25519.pub",
    "keypair create win --type x509 --public-key cert.pem --if-not-exists",
    "keypair set mykey --public-key new.pub",
    "network create blue --subnet 10.0.0.0/24",
    "network create blue --subnet 10.0.0.0/24 --if-not-exists --project red",
    "router create r1 --subnet blue",
    "router add-subnet r1 blue-6",
    "router remove-subnet r1 blue-6",
    "instance create web1 --network blue --key-name mykey --image debian12 --flavor m1.small \
     --user-data ./cloud.yaml --property role=web --availability-zone nova",
    "instance create web1 --flavor 1 --port p1 --network blue --file /etc/motd=./motd \
     --config-drive true --hostname web --security-group web --admin-password-file ./pw",
    "instance set web1 --property a=b --unset-property c --power-state running",
    "instance metadata web1",
    "instance metadata web1 /latest/meta-data/ --control-socket /tmp/c.sock",
    "instance password win1",
    "instance password win1 --private-key ./id_rsa",
    "instance password win1 --clear",
    "instance list --all-projects --name web1 --output table",
    "instance delete web1 web2",
    "flavor create m1.small --vcpus 1 --ram 2048 --disk 20 --property k=v",
    "image create debian12 --file F --disk-format qcow2 --property os=linux",
    "subnet create blue-6 --network blue --cidr 2001:db8::/64 --gateway none \
     --dns-nameserver 2001:db8::53 --host-route destination=2001:db8:1::/64,gateway=2001:db8::2 \
     --no-dhcp --ipv6-address-mode slaac",
    "subnet create blue-4 --network blue --cidr 10.1.0.0/24 --gateway 10.1.0.254",
    "port create --network blue --mac-address fa:16:3e:00:00:01 \
     --fixed-ip subnet=blue,ip-address=10.0.0.9 --security-group web --name web1-port",
    "port create --network blue --extra-dhcp-option name=bootfile-name,value=pxelinux.0 \
     --extra-dhcp-option name=42,value=10.0.0.1,10.0.0.2,ip-version=4",
    "port set P --extra-dhcp-option name=tftp-server,value=10.0.0.9",
    "port set P --no-extra-dhcp-options",
    "port set P --instance I",
    "port set P --no-instance",
    "floating-ip create 203.0.113.7 --port P",
    "floating-ip set 203.0.113.7 --no-port",
    "import ./cases web1.json --output json",
    "metadata-provider list -o json",
    "config-drive build --instance web1 -o web1.iso",
    "config-drive build --instance web1 -o - --format vhd --seed s --output json --project red",
    "config-drive rebuild web1 -o json",
    "config-drive attach --domain web1",
    "config-drive attach --domain vm --instance web1 --libvirt-uri qemu:///system \
     --instances-path /srv/instances",
    "boot --config-drive true --image debian12 --key-name mykey --flavor 1 \
     --user-data ./my-user-data.txt --file /etc/network/interfaces=./instance-interfaces myinstance",
    "boot web1 --image disk.qcow2 --flavor m1.small",
    "boot web1 --image I --flavor F --meta a=b --meta c=d --security-groups web,db \
     --nic net-id=N --nic port-id=P --network N --port P --availability-zone nova --poll \
     --admin-password-file ./pw --hostname web --if-not-exists --no-start --virt-type qemu",
    "boot web1 --flavor F --kernel ./vmlinuz --initrd ./initrd --append quiet --machine q35 \
     --nic none --dry-run --project red -o json",
    "config-drive show web1",
    "config-drive inspect web1.iso",
    "config-drive inspect /dev/sr0 openstack/latest/meta_data.json --output json",
    "metadata-provider add nsx-1 blue --project red",
    "metadata-provider remove nsx-1 b7b22eff-50df-5528-8d05-97dc396d62c7",
];

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("innkeeper").chain(line.split_whitespace()))
}

#[test]
fn the_command_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn lines_that_operators_know_parse() {
    for line in LINES {
        if let Err(error) = parse(line) {
            panic!("innkeeper {line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "port set P --instance I --no-instance",
        "port set P --extra-dhcp-option name=42,value=10.0.0.1 --no-extra-dhcp-options",
        "port create --network blue --extra-dhcp-option name=42,value=::1,ip-version=6",
        "floating-ip set 203.0.113.7",
        "floating-ip create nonsense",
        "subnet create s --network n --cidr 10.0.0.0",
        "network create blue --token x",
        "instance create web1 --network blue",
        "instance password win1 --private-key k --clear",
        "instance create web1 --flavor f --property novalue",
        "router add-subnet r1",
        "network delete",
        "config-drive attach",
        "boot web1 --image I",
        "boot web1 --image I --flavor F --virt-type xen",
        "boot web1 --image I --flavor F --nic v4-fixed-ip=10.0.0.9",
        "boot web1 --flavor F --initrd ./initrd",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn interfaces_keep_their_order() {
    let line = "instance create web1 --flavor f --port p1 --network blue --port p2 --network red";
    let ResourceCommand::Instance(instance) = parse(line).expect("parses").command else {
        panic!("not an instance command");
    };
    let InstanceCommand::Create(create) = instance.command else { panic!("not create") };
    let port = |name: &str| Interface::Port(name.to_owned());
    let network = |name: &str| Interface::Network(name.to_owned());
    let expected = vec![port("p1"), network("blue"), port("p2"), network("red")];
    assert_eq!(create.interfaces, Interfaces(expected));
}

/// Help teaches: every command that makes or changes something shows an example.
#[test]
fn create_and_set_have_examples() {
    for resource in Cli::command().get_subcommands() {
        for command in resource.get_subcommands() {
            let name = command.get_name();
            if matches!(
                name,
                "create" | "set" | "add-subnet" | "remove-subnet" | "metadata" | "password"
            ) {
                let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
                let prefix = format!("Example: innkeeper {} {name}", resource.get_name());
                assert!(long.contains(&prefix), "{} {name}: {long}", resource.get_name());
            }
        }
    }
}
