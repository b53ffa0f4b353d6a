//! Ways around what is looked at: groups of addresses that bridges keep to themselves, other ports,
//! packets cut in pieces, the machine's own addresses.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::Duration,
};

use innkeeper_lab::Program;

use crate::{
    frames::{
        BROADCAST, IPV4, Mac,
        dhcp::{ACK, CLIENT_PORT, DISCOVER, Message, OFFER, SERVER_PORT},
        ethernet, fragments, udp,
    },
    lan::{IN_VAIN, on_both},
};

/// Of the Link Layer Discovery Protocol, which bridges keep to themselves.
const LLDP: u16 = 0x88cc;
/// How long a bridge may be told lies; the victim's own frames set it right time and again.
const LIES: u32 = 200;
const BETWEEN_LIES: Duration = Duration::from_millis(5);

/// The groups that no bridge passes on if it goes by the standard (IEEE 802.1D, table 7-10).
fn reserved_groups() -> impl Iterator<Item = Mac> {
    (0..=15).map(|last| [0x01, 0x80, 0xc2, 0, 0, last])
}

#[test]
fn a_bridge_learns_nothing_from_groups_that_it_keeps() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        lan.settle()?;
        liar.recorder.clear();
        for _ in 0..LIES {
            for group in reserved_groups() {
                for kind in [LLDP, IPV4] {
                    liar.tap.send(&ethernet(group, victim.mac, kind, &[0; 46]))?;
                }
            }
            thread::sleep(BETWEEN_LIES);
        }
        lan.settle()?;
        let meant_for_victim =
            liar.recorder.frames().iter().filter(|one| one.frame.starts_with(&victim.mac)).count();
        assert_eq!(meant_for_victim, 0, "the liar is sent what is meant for the victim");
        Ok(())
    });
}

#[test]
fn answers_of_a_dhcp_server_at_another_port() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        for kind in [OFFER, ACK] {
            let mut answer = Message::by(victim.mac, kind)
                .with(54, liar.ipv4.octets())
                .with(3, liar.ipv4.octets());
            (answer.op, answer.from_mac, answer.yiaddr) = (2, liar.mac, victim.ipv4);
            // Clients on raw sockets, such as udhcpc, look at the port that it came to alone.
            answer.from = (liar.ipv4, SERVER_PORT + 1000);
            answer.to = (Ipv4Addr::BROADCAST, CLIENT_PORT);
            liar.tap.send(&answer.frame())?;
            for piece in fragments(&answer.frame(), 64) {
                liar.tap.send(&piece)?;
            }
        }
        lan.settle()?;
        let heard = victim.recorder.frames().into_iter().find_map(|one| Message::read(&one.frame));
        assert_eq!(heard, None, "the victim was answered by the liar");
        Ok(())
    });
}

#[test]
fn questions_of_a_neighbour_in_pieces() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        liar.recorder.clear();
        for first in [8, 16, 24] {
            let mut question = Message::by(victim.mac, DISCOVER);
            (question.from_mac, question.xid, question.flags) = (liar.mac, 0xdead, 0x8000);
            question.from = (liar.ipv4, CLIENT_PORT);
            for piece in fragments(&question.frame(), first) {
                liar.tap.send(&piece)?;
            }
        }
        thread::sleep(IN_VAIN);
        for seat in [liar, victim] {
            let frames = seat.recorder.frames();
            let mut messages = frames.iter().filter_map(|one| Message::read(&one.frame));
            let answered = messages.find(|one| one.op == 2 && one.xid == 0xdead);
            assert_eq!(answered, None, "answered, and {} heard it", seat.machine.name);
        }
        Ok(())
    });
}

#[test]
fn the_machine_itself_hears_no_guest() {
    on_both(|lan| {
        let liar = &lan.liar;
        let host = Ipv4Addr::new(192, 0, 2, 1);
        Program::new("ip").run(["address", "replace", "192.0.2.1/32", "dev", "lo"])?;
        let socket = UdpSocket::bind((host, 0)).expect("an address of this machine");
        socket.set_read_timeout(Some(IN_VAIN)).expect("a socket");
        let port = socket.local_addr().expect("a socket").port();
        for from in [liar.ipv4, Ipv4Addr::new(198, 51, 100, 1)] {
            let packet = udp((from, 5), (host, port), b"from a guest");
            for to in reserved_groups().chain([BROADCAST]) {
                liar.tap.send(&ethernet(to, liar.mac, IPV4, &packet))?;
            }
        }
        let heard = socket.recv_from(&mut [0; 64]).map_err(|error| error.kind());
        assert!(matches!(heard, Err(ErrorKind::WouldBlock)), "this machine heard {heard:?}");
        Ok(())
    });
}
