//! DHCP options of single ports.

use serde::{Deserialize, Serialize};

use crate::{Invalid, limits, text};

/// A DHCP option that an operator set on a port (Neutron's `extra_dhcp_opts`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExtraDhcpOption {
    /// Its name in dnsmasq's words (`bootfile-name`), or its number.
    pub name: String,
    /// Its value, as dnsmasq would read it: addresses, numbers or text, separated by commas.
    pub value: String,
}

const FIELD: &str = "extra_dhcp_opts";

/// Refuses what is no option for one who only reads text. Which options there are, and which values
/// they take, is for the DHCP server to say.
pub(crate) fn check(options: &[ExtraDhcpOption]) -> Result<(), Invalid> {
    if options.len() > limits::EXTRA_DHCP_OPTIONS_MAX {
        let reason = format!(
            "{} options; at most {} are allowed",
            options.len(),
            limits::EXTRA_DHCP_OPTIONS_MAX
        );
        return Err(Invalid::new(FIELD, reason));
    }
    for (index, ExtraDhcpOption { name, value }) in options.iter().enumerate() {
        let field = format!("{FIELD}[{index}]");
        text::check_text(&format!("{field}.name"), name, limits::EXTRA_DHCP_OPTION_NAME_CHARS_MAX)?;
        let field = format!("{field}.value");
        text::check_optional_text(&field, value, limits::EXTRA_DHCP_OPTION_VALUE_BYTES_MAX)?;
        if value.len() > limits::EXTRA_DHCP_OPTION_VALUE_BYTES_MAX {
            let reason = format!(
                "has {} bytes; at most {} are allowed",
                value.len(),
                limits::EXTRA_DHCP_OPTION_VALUE_BYTES_MAX
            );
            return Err(Invalid::new(field, reason));
        }
        // As dnsmasq reads names.
        if options[..index].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
            let reason = format!("option \"{name}\" is given twice: give it once");
            return Err(Invalid::new(FIELD, reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, value: &str) -> ExtraDhcpOption {
        ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn what_dnsmasq_would_take_is_taken() {
        let options = [
            option("bootfile-name", "pxelinux.0"),
            option("42", "10.0.0.1,10.0.0.2"),
            option("router", ""),
            option("domain-name", &"x".repeat(255)),
        ];
        check(&options).expect("good options");
    }

    #[test]
    fn what_breaks_a_rule_is_refused_by_its_place() {
        let many: Vec<_> =
            (0..=limits::EXTRA_DHCP_OPTIONS_MAX).map(|n| option(&n.to_string(), "x")).collect();
        check(&many[1..]).expect("as many as are allowed");
        for (options, words) in [
            (vec![option("", "x")], "extra_dhcp_opts[0].name: must not be empty"),
            (vec![option("a\nb", "x")], "extra_dhcp_opts[0].name: must not contain control"),
            (vec![option(&"n".repeat(65), "x")], "extra_dhcp_opts[0].name: has 65 characters"),
            (
                vec![option("42", "x"), option("a", "x\ndhcp-script=/bin/sh")],
                "extra_dhcp_opts[1].value: must not contain control",
            ),
            (vec![option("a", &"x".repeat(256))], "extra_dhcp_opts[0].value: has 256 characters"),
            (vec![option("a", &"\u{e9}".repeat(128))], "extra_dhcp_opts[0].value: has 256 bytes"),
            (vec![option("ntp-server", "a"), option("NTP-server", "b")], "is given twice"),
            (many, "extra_dhcp_opts: 65 options; at most 64"),
        ] {
            let refused = check(&options).expect_err(words).to_string();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
