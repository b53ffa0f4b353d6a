//! The names that dnsmasq gives to DHCPv4 options, and how it reads the value of each.

/// How a value is written in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// IPv4 addresses.
    Addresses,
    /// Text as it is.
    Text,
    /// Domain names as DNS writes them (RFC 1035 §3.1).
    Domains,
    /// A number of this many bytes.
    Number(u8),
    /// Seconds, in four bytes.
    Seconds,
    /// Whatever the value looks like.
    Guess,
}

use Form::{Addresses, Domains, Guess, Number, Seconds, Text};

/// What sets the field `siaddr` and is no option: dnsmasq keeps it under the number of the end mark.
pub(super) const NEXT_SERVER_NAMES: [&str; 2] = ["server-ip-address", "next-server"];

/// dnsmasq's table, with the names that it keeps for its own use.
const TABLE: &[(&str, u8, Form)] = &[
    ("netmask", 1, Addresses),
    ("time-offset", 2, Number(4)),
    ("router", 3, Addresses),
    ("dns-server", 6, Addresses),
    ("log-server", 7, Addresses),
    ("lpr-server", 9, Addresses),
    ("hostname", 12, Text),
    ("boot-file-size", 13, Number(2)),
    ("domain-name", 15, Text),
    ("swap-server", 16, Addresses),
    ("root-path", 17, Text),
    ("extension-path", 18, Text),
    ("ip-forward-enable", 19, Number(1)),
    ("non-local-source-routing", 20, Number(1)),
    ("policy-filter", 21, Addresses),
    ("max-datagram-reassembly", 22, Number(2)),
    ("default-ttl", 23, Number(1)),
    ("mtu", 26, Number(2)),
    ("all-subnets-local", 27, Number(1)),
    ("broadcast", 28, Addresses),
    ("router-discovery", 31, Number(1)),
    ("router-solicitation", 32, Addresses),
    ("static-route", 33, Addresses),
    ("trailer-encapsulation", 34, Number(1)),
    ("arp-timeout", 35, Number(4)),
    ("ethernet-encap", 36, Number(1)),
    ("tcp-ttl", 37, Number(1)),
    ("tcp-keepalive", 38, Number(4)),
    ("nis-domain", 40, Text),
    ("nis-server", 41, Addresses),
    ("ntp-server", 42, Addresses),
    ("vendor-encap", 43, Guess),
    ("netbios-ns", 44, Addresses),
    ("netbios-dd", 45, Addresses),
    ("netbios-nodetype", 46, Number(1)),
    ("netbios-scope", 47, Guess),
    ("x-windows-fs", 48, Addresses),
    ("x-windows-dm", 49, Addresses),
    ("requested-address", 50, Addresses),
    ("lease-time", 51, Seconds),
    ("option-overload", 52, Guess),
    ("message-type", 53, Guess),
    ("server-identifier", 54, Addresses),
    ("parameter-request", 55, Guess),
    ("message", 56, Guess),
    ("max-message-size", 57, Guess),
    ("T1", 58, Seconds),
    ("T2", 59, Seconds),
    ("vendor-class", 60, Guess),
    ("client-id", 61, Guess),
    ("nis+-domain", 64, Text),
    ("nis+-server", 65, Addresses),
    ("tftp-server", 66, Text),
    ("bootfile-name", 67, Text),
    ("mobile-ip-home", 68, Addresses),
    ("smtp-server", 69, Addresses),
    ("pop3-server", 70, Addresses),
    ("nntp-server", 71, Addresses),
    ("irc-server", 74, Addresses),
    ("user-class", 77, Guess),
    ("rapid-commit", 80, Guess),
    ("FQDN", 81, Guess),
    ("agent-info", 82, Guess),
    ("last-transaction", 91, Seconds),
    ("associated-ip", 92, Addresses),
    ("client-arch", 93, Number(2)),
    ("client-interface-id", 94, Guess),
    ("client-machine-id", 97, Guess),
    ("posix-timezone", 100, Text),
    ("tzdb-timezone", 101, Text),
    ("ipv6-only", 108, Number(4)),
    ("subnet-select", 118, Guess),
    ("domain-search", 119, Domains),
    ("sip-server", 120, Guess),
    ("classless-static-route", 121, Guess),
    ("vendor-id-encap", 125, Guess),
    ("tftp-server-address", 150, Addresses),
];

/// The option's number and form, by its name (in either case) or by its number.
pub(super) fn find(name: &str) -> Option<(u8, Form)> {
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        let code = name.parse().ok()?;
        let known = TABLE.iter().find(|(_, known, _)| *known == code);
        return Some((code, known.map_or(Guess, |(_, _, form)| *form)));
    }
    let known = TABLE.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, code, form)| (*code, *form))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `dnsmasq --help dhcp` of version 2.90 lists.
    const LISTED: &str = "1 netmask 2 time-offset 3 router 6 dns-server 7 log-server 9 lpr-server \
        13 boot-file-size 15 domain-name 16 swap-server 17 root-path 18 extension-path \
        19 ip-forward-enable 20 non-local-source-routing 21 policy-filter \
        22 max-datagram-reassembly 23 default-ttl 26 mtu 27 all-subnets-local \
        31 router-discovery 32 router-solicitation 33 static-route 34 trailer-encapsulation \
        35 arp-timeout 36 ethernet-encap 37 tcp-ttl 38 tcp-keepalive 40 nis-domain 41 nis-server \
        42 ntp-server 44 netbios-ns 45 netbios-dd 46 netbios-nodetype 47 netbios-scope \
        48 x-windows-fs 49 x-windows-dm 58 T1 59 T2 60 vendor-class 64 nis+-domain \
        65 nis+-server 66 tftp-server 67 bootfile-name 68 mobile-ip-home 69 smtp-server \
        70 pop3-server 71 nntp-server 74 irc-server 77 user-class 80 rapid-commit 93 client-arch \
        94 client-interface-id 97 client-machine-id 100 posix-timezone 101 tzdb-timezone \
        108 ipv6-only 119 domain-search 120 sip-server 121 classless-static-route \
        125 vendor-id-encap 150 tftp-server-address";

    #[test]
    fn every_listed_name_has_its_number() {
        let words: Vec<&str> = LISTED.split_whitespace().collect();
        for pair in words.chunks(2) {
            let code: u8 = pair[0].parse().unwrap();
            assert_eq!(find(pair[1]).map(|(found, _)| found), Some(code), "{}", pair[1]);
            assert_eq!(find(pair[0]), find(pair[1]), "{}", pair[1]);
        }
    }

    #[test]
    fn numbers_are_of_one_byte_and_names_of_either_case() {
        assert_eq!(find("t1"), Some((58, Seconds)));
        assert_eq!(find("224"), Some((224, Guess)));
        for unknown in ["", "256", "1x", "-1", "routers"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
