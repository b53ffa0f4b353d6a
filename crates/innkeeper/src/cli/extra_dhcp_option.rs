//! `--extra-dhcp-option`, as OpenStack's client writes it.

use innkeeper_host::dhcp;
use innkeeper_model::ExtraDhcpOption;

/// The form that is told where one does not fit.
pub(crate) const FORM: &str = "name=NAME[,value=VALUE][,ip-version=4]";

/// Reads one. Values may have commas in them, so they end only where the text does, or before an
/// `ip-version` at its end.
pub(crate) fn extra_dhcp_option(text: &str) -> Result<ExtraDhcpOption, String> {
    let misfit = || format!("not of the form {FORM}");
    let rest = text.strip_prefix("name=").ok_or_else(misfit)?;
    let rest = match rest.rsplit_once(",ip-version=") {
        None => rest,
        Some((rest, "4")) => rest,
        Some((_, "6")) => {
            return Err(
                "ip-version=6 is for DHCPv6, which there is none of here: leave it out, or \
                        give 4"
                    .to_owned(),
            );
        }
        Some((_, other)) => return Err(format!("\"{other}\" is no IP version: give 4")),
    };
    let (name, value) = rest.split_once(",value=").unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(misfit());
    }
    let option = ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() };
    // The host would say so only when the machine asks.
    dhcp::check(&option).map_err(|error| error.to_string())?;
    Ok(option)
}

/// Shows them, one a line, as they are written.
pub(crate) fn shown(options: &[ExtraDhcpOption]) -> String {
    let lines = options.iter().map(|option| format!("{}={}", option.name, option.value));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_the_commas_of_their_values() {
        for (text, name, value) in [
            ("name=bootfile-name,value=pxelinux.0", "bootfile-name", "pxelinux.0"),
            ("name=42,value=10.0.0.1,10.0.0.2", "42", "10.0.0.1,10.0.0.2"),
            ("name=42,value=10.0.0.1,10.0.0.2,ip-version=4", "42", "10.0.0.1,10.0.0.2"),
            ("name=router", "router", ""),
            ("name=router,ip-version=4", "router", ""),
            ("name=224,value=a=b,value=c", "224", "a=b,value=c"),
        ] {
            let expected = ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() };
            assert_eq!(extra_dhcp_option(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_option_is_refused_with_what_to_do() {
        for (text, words) in [
            ("", FORM),
            ("bootfile-name=x", FORM),
            ("value=x,name=y", FORM),
            ("name=,value=x", FORM),
            ("name=42,value=x,ip-version=6", "DHCPv6"),
            ("name=42,value=x,ip-version=5", "\"5\" is no IP version"),
            ("name=no-such-option,value=x", "is no DHCP option"),
            ("name=53,value=5", "belongs to the exchange itself"),
            ("name=mtu,value=large", "mtu"),
        ] {
            let refused = extra_dhcp_option(text).expect_err(text);
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }
}
