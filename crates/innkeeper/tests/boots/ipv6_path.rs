//! The tiny guest finds fe80::a9fe:a9fe on the network that it is on, whatever it made its own
//! address of.

use innkeeper_lab::{LabError, Machine, World};

use crate::plugged::{assert_own, boot, serving, with_tiny_guests};

const ASK: &str = "
ip link set eth0 up
ask meta '[fe80::a9fe:a9fe%eth0]'
ip -6 -oneline address show dev eth0 | sed 's/^/address /'
";

/// An address of a secret instead of the MAC address (RFC 7217).
const WITH_A_SECRET: &str = "
echo fd12:3456:789a:bcde:f012:3456:789a:bcde >/proc/sys/net/ipv6/conf/eth0/stable_secret
echo 2 >/proc/sys/net/ipv6/conf/eth0/addr_gen_mode
";

/// An address of a secret that the guest makes up, as NetworkManager has it.
const WITH_A_RANDOM_SECRET: &str = "
echo 3 >/proc/sys/net/ipv6/conf/eth0/addr_gen_mode
";

#[test]
fn an_address_made_of_the_mac_is_known_over_the_dhcp_port() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        let machine = dual(&world)?;
        let report = boot(&world, &machine, ASK)?;
        assert!(report.all("address").join("\n").contains(&eui64(&machine)), "{report:?}");
        assert_own(&report, "meta", &machine);
        Ok(())
    });
}

#[test]
fn addresses_made_of_secrets_are_known_over_the_dhcp_port() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        let machine = dual(&world)?;
        for secret in [WITH_A_SECRET, WITH_A_RANDOM_SECRET] {
            let report = boot(&world, &machine, &format!("{secret}{ASK}"))?;
            let addresses = report.all("address").join("\n");
            assert!(addresses.contains("fe80::"), "{report:?}");
            assert!(!addresses.contains(&eui64(&machine)), "the MAC is in it: {report:?}");
            assert_own(&report, "meta", &machine);
            world.untap(&machine)?;
        }
        Ok(())
    });
}

#[test]
fn both_kinds_of_address_are_known_over_the_router() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        let machine = dual(&world)?;
        world.operator("red", "router create edge --subnet lan --subnet lan6")?;
        for secret in ["", WITH_A_SECRET] {
            let report = boot(&world, &machine, &format!("{secret}{ASK}"))?;
            let addresses = report.all("address").join("\n");
            assert_eq!(addresses.contains(&eui64(&machine)), secret.is_empty(), "{report:?}");
            assert_own(&report, "meta", &machine);
            world.untap(&machine)?;
        }
        Ok(())
    });
}

/// A machine on a network of both families.
fn dual(world: &World) -> Result<Machine, LabError> {
    world.tenant("red", "10.0.0.0/24")?;
    let subnet = "subnet create lan6 --network lan --cidr fd00:1::/64 --ipv6-address-mode slaac";
    world.operator("red", subnet)?;
    world.machine("red", "web1", "lan")
}

/// The link-local address of its MAC address.
fn eui64(machine: &Machine) -> String {
    let bytes: Vec<_> = machine.mac.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    let [Ok(a), Ok(b), Ok(c), Ok(d), Ok(e), Ok(f)] = bytes.as_slice() else {
        panic!("{} is no MAC address", machine.mac)
    };
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    let parts = [word(a ^ 2, *b), word(*c, 0xff), word(0xfe, *d), word(*e, *f)];
    std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, parts[0], parts[1], parts[2], parts[3]).to_string()
}
