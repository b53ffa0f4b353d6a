//! In a machine with little more than a kernel, `innkeeper-guest` applies everything that is on the
//! drive, once, and what it persists brings the network up again without it.

use innkeeper_lab::{Brought, Report};

use crate::{
    drives::{ADDRESS, INJECTED, KEY, Kind, Operator, PASSWORD},
    guest_program::guest_program,
    tiny_machine::TinyMachine,
};

const APPLY: &str = r#"
apply() {
    /usr/sbin/innkeeper-guest --source drive --wait 30 >/tmp/said 2>&1
    echo "$1-exit $?"
    sed "s/^/$1-said /" /tmp/said
}
network() {
    ip -4 -oneline address show dev eth0 | sed "s/^/$1-address /"
    ip route | sed "s/^/$1-route /"
    echo "$1-mtu $(cat /sys/class/net/eth0/mtu)"
}
# By these, it knows whose network configuration it is to write.
mkdir -p /sbin /srv /etc/network/interfaces.d
ln -s /bin/busybox /sbin/ifup

apply first
echo "hostname $(hostname)"
echo "etc-hostname $(cat /etc/hostname)"
stat -c 'mode %n %U:%G %a' /root/.ssh /root/.ssh/authorized_keys /srv/injected /etc/shadow
sed 's/^/key /' /root/.ssh/authorized_keys
sed 's/^/injected /' /srv/injected
hash=$(sed -n 's/^root:\([^:]*\):.*/\1/p' /etc/shadow)
echo "password $hash"
salt=$(echo "$hash" | cut -d'$' -f3)
echo "expected-password $(mkpasswd -m sha512 -S "$salt" "$(cat /guest/password)")"
network applied
sed 's/^/resolver /' /etc/resolv.conf

rm /srv/injected
apply second
[ -e /srv/injected ] && echo 'again the file was written'
sed 's/^/ran /' /srv/user-data-ran
sed 's/^/log /' /var/log/innkeeper-guest.log

ip address flush dev eth0
ip link set eth0 down
ln -s /run /var/run
mkdir -p /etc/network/if-pre-up.d /etc/network/if-up.d
ifup eth0 2>&1 | sed 's/^/ifup /'
network persisted
"#;

#[test]
fn everything_on_an_iso_9660_drive_is_applied() {
    applied(Kind::Iso9660);
}

#[test]
fn everything_on_a_vfat_drive_is_applied() {
    applied(Kind::Vfat);
}

#[test]
fn everything_on_a_vhd_drive_is_applied() {
    applied(Kind::Vhd);
}

fn applied(kind: Kind) {
    let operator = Operator::new();
    let drive = operator.build(kind);
    let machine = TinyMachine::running(APPLY, brought()).drive(&drive, kind).card(&operator.mac);
    let boot = machine.boot();
    let report = &boot.report;
    let said = report.lines().join("\n");
    assert_eq!(report.first("first-exit"), Some("0"), "{said}");
    check_identity(report, &said);
    check_files(report, &said);
    check_network(report, "applied", &said);
    assert!(report.all("resolver").contains(&"nameserver 192.0.2.53"), "{said}");
    check_once(report, &said);
    check_network(report, "persisted", &said);
}

fn brought() -> Vec<Brought> {
    vec![
        guest_program(),
        Brought::data("guest/password", PASSWORD),
        Brought::data("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        Brought::data("etc/group", "root:x:0:\n"),
        Brought {
            path: "etc/shadow".to_owned(),
            mode: 0o640,
            content: b"root:*:19700:0:99999:7:::\n".to_vec(),
        },
        Brought::data(
            "etc/network/interfaces",
            "auto lo\niface lo inet loopback\nsource-directory /etc/network/interfaces.d\n",
        ),
    ]
}

fn check_identity(report: &Report, said: &str) {
    assert_eq!(report.first("hostname"), Some("web1"), "{said}");
    assert_eq!(report.first("etc-hostname"), Some("web1"), "{said}");
    let keys = report.all("key");
    let keys: Vec<_> = keys.iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(keys, [&KEY], "{said}");
    let password = report.first("password").unwrap_or_default();
    assert!(password.starts_with("$6$"), "no SHA-512 password of root: {said}");
    assert_eq!(report.first("expected-password"), Some(password), "{said}");
}

fn check_files(report: &Report, said: &str) {
    let modes = report.all("mode");
    for mode in [
        "/root/.ssh root:root 700",
        "/root/.ssh/authorized_keys root:root 600",
        "/etc/shadow root:root 640",
    ] {
        assert!(modes.contains(&mode), "not {mode}: {said}");
    }
    assert_eq!(report.all("injected"), [INJECTED.trim_end()], "{said}");
}

fn check_network(report: &Report, when: &str, said: &str) {
    let all = |what: &str| report.all(&format!("{when}-{what}")).join("\n");
    assert!(all("address").contains(&format!("inet {ADDRESS}/24")), "{when}: {said}");
    assert!(all("route").contains("default via 10.0.0.1 dev eth0"), "{when}: {said}");
    assert_eq!(all("mtu"), "1450", "{when}: {said}");
}

fn check_once(report: &Report, said: &str) {
    assert_eq!(report.all("ran"), ["ran on web1"], "user data run once, as web1: {said}");
    assert_eq!(report.first("second-exit"), Some("0"), "{said}");
    assert_eq!(report.first("again"), None, "a second run applied a file again: {said}");
    let second = report.all("second-said").join("\n");
    assert!(second.contains("applied before"), "{said}");
    let log = report.all("log").join("\n");
    for told in ["host name", "ssh", "/srv/injected", "network", "user data", "applied before"] {
        assert!(log.to_lowercase().contains(told), "the log does not tell of {told}: {said}");
    }
}
