//! The rules of a router's namespace.
//!
//! A guest's request for metadata ends here, whichever way it is caught: nothing that is meant for
//! the metadata address is forwarded, and the proxy's port takes nothing but such requests.

use innkeeper_model::MetadataPath;

use super::{kernel::Family, program::Nft, table::Table};

/// The rules for the way in which metadata is caught; `port` is the proxy's.
pub(crate) fn router_rules(path: MetadataPath, port: u16, nft: Nft) -> Table {
    let caught = match path {
        MetadataPath::Redirect => redirected(port),
        MetadataPath::Address => ADDRESSED.to_owned(),
    };
    Table::new(Family::Inet, caught + KEPT_IN, nft)
}

fn redirected(port: u16) -> String {
    format!(
        r#"
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname "qr-*" ip daddr 169.254.169.254 tcp dport 80 redirect to :{port}
        iifname "qr-*" ip6 daddr fe80::a9fe:a9fe tcp dport 80 redirect to :{port}
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        tcp dport {port} ct status dnat accept
        iifname != "lo" tcp dport {port} drop
    }}
"#
    )
}

const ADDRESSED: &str = r#"
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 80 ip daddr 169.254.169.254 accept
        tcp dport 80 ip6 daddr fe80::a9fe:a9fe accept
        iifname != "lo" tcp dport 80 drop
    }
"#;

const KEPT_IN: &str = r#"
    chain forward {
        type filter hook forward priority filter; policy accept;
        ip daddr 169.254.169.254 drop
        ip6 daddr fe80::a9fe:a9fe drop
    }
"#;
