//! Machines behind taps: emulated ones and namespaces, on a bridge of their own.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use innkeeper_lab::{Brought, Guest, GuestImages, LabError, Qemu, Recorder, inside, isolated};

const RUN: &str = r#"
interface=eth0 sh /guest/dhcp deconfig
interface=eth0 ip=10.0.0.7 mask=24 mtu=1400 hostname=named router=10.0.0.9 domain=example.test \
    dns='10.0.0.3 10.0.0.4' \
    staticroutes='10.1.0.0/24 0.0.0.0 169.254.169.254/32 10.0.0.1 0.0.0.0/0 10.0.0.1' \
    sh /guest/dhcp bound
echo "hostname $(hostname)"
echo "mtu $(cat /sys/class/net/eth0/mtu)"
ip -4 route | sed 's/^/route /'
sed 's/^/resolver /' /etc/resolv.conf
echo "got $(timeout 5 wget -q -O - http://169.254.169.254/)"
ip address add fd00:1::7/64 dev eth0
tries=0
until ping6 -c 1 fe80::a9fe:a9fe%eth0 >/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || break
    usleep 200000
done
echo "got6 $(timeout 5 wget -q -O - 'http://[fe80::a9fe:a9fe%eth0]/' 2>&1)"

interface=eth0 ip=10.0.0.8 mask=24 router=10.0.0.1 sh /guest/dhcp renew
ip -4 route | sed 's/^/plain-route /'
"#;

const MAC: &str = "fa:16:3e:00:00:07";

#[test]
fn an_emulated_machine_is_on_the_network_of_its_tap() {
    if !inside() {
        // Making it takes packages from the network, which is not in reach inside.
        GuestImages::kept().tiny().unwrap_or_else(|error| panic!("{error}"));
    }
    isolated(|| {
        make_bridge()?;
        make_tap("tap-a")?;
        answer()?;
        let directory = tempfile::tempdir()?;
        let guest = GuestImages::kept().tiny()?;
        let initramfs = directory.path().join("initramfs");
        let brought = [Brought::program("guest/run", RUN), Brought::dhcp_script()];
        guest.bring(&brought, &initramfs)?;
        let boot = Qemu::new(directory.path(), &guest.kernel, &initramfs)
            .tap("tap-a", MAC)
            .run(Duration::from_secs(60))?;
        let report = boot.report;
        let said = report.lines().join("\n");
        assert_eq!(report.first("hostname"), Some("named"), "{said}");
        assert_eq!(report.first("mtu"), Some("1400"), "{said}");
        let routes = report.all("route").join("\n");
        for route in [
            "default via 10.0.0.1 dev eth0",
            "10.1.0.0/24 dev eth0",
            "169.254.169.254 via 10.0.0.1 dev eth0",
        ] {
            assert!(routes.contains(route), "no {route}: {said}");
        }
        assert!(!routes.contains("10.0.0.9"), "the router is obeyed beside the routes: {said}");
        let resolvers = ["search example.test", "nameserver 10.0.0.3", "nameserver 10.0.0.4"];
        assert_eq!(report.all("resolver"), resolvers, "{said}");
        assert_eq!(report.first("got"), Some("served"), "{said}");
        assert_eq!(report.first("got6"), Some("served"), "{said}");
        let routes = report.all("plain-route").join("\n");
        assert!(routes.contains("default via 10.0.0.1 dev eth0"), "{said}");
        Ok(())
    });
}

#[test]
fn a_guest_behind_a_tap_has_its_whole_network_there() {
    isolated(|| {
        make_bridge()?;
        make_tap("tap-a")?;
        answer()?;
        let (guest, tap) = Guest::behind_tap("a", "tap-a", MAC)?;
        let recorder = Recorder::start(&guest)?;
        guest.add_address("10.0.0.7/24")?;
        guest.ip("route add 169.254.169.254 via 10.0.0.1")?;
        assert_eq!(guest.get("/")?.text(), "served");
        let patience = Duration::from_secs(5);
        recorder.await_frame("an answer that names the guest's card", patience, |frame| {
            frame.starts_with(&[0xfa, 0x16, 0x3e, 0, 0, 7]).then_some(())
        })?;

        // What is sent on the tap is on the network, and what is there comes out of it.
        let second = Guest::on_bridge("b", "brq", "tap-b", "fa:16:3e:00:00:08")?;
        let heard = Recorder::start(&second)?;
        let frame = [[0xff; 6].as_slice(), &[0x02, 0, 0, 0, 0, 9, 0x88, 0xb5], &[7; 46]].concat();
        tap.send(&frame)?;
        heard.await_frame("the frame that was sent on the tap", patience, |heard| {
            (heard == frame).then_some(())
        })
    });
}

fn make_bridge() -> Result<(), LabError> {
    // The multicast of a bridge that snoops is lost while it waits for somebody to ask.
    ip("link add brq type bridge mcast_snooping 0")?;
    ip("address add 10.0.0.1/24 dev brq")?;
    ip("address add 169.254.169.254/32 dev brq")?;
    ip("link set brq up")?;
    ip("address add fe80::a9fe:a9fe/64 dev brq nodad")
}

fn make_tap(name: &str) -> Result<(), LabError> {
    ip(&format!("tuntap add {name} mode tap"))?;
    ip(&format!("link set {name} master brq up"))
}

/// Answers whoever asks.
fn answer() -> Result<(), LabError> {
    let listener = Arc::new(TcpListener::bind("[::]:80")?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nserved";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Ok(())
}

fn ip(words: &str) -> Result<(), LabError> {
    let output = Command::new("ip").args(words.split_whitespace()).output()?;
    assert!(output.status.success(), "ip {words}: {output:?}");
    Ok(())
}
