//! How long a DHCP lease lasts.

use innkeeper_host::dhcp::DhcpSettings;

use super::value::{Form, Value};

/// Seconds of a lease; -1, as in Neutron, is without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseSeconds(u32);

impl LeaseSeconds {
    /// Shorter ones would have guests ask all the time.
    const MIN: u32 = 60;

    /// As DHCP says it.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

impl Value for LeaseSeconds {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of seconds from 60 on, or -1 for a lease without end";
    const NAME: &'static str = "SECONDS";

    fn parse(text: &str) -> Option<Self> {
        if text == "-1" {
            return Some(Self(DhcpSettings::INFINITE));
        }
        let seconds = text.parse().ok()?;
        (Self::MIN..DhcpSettings::INFINITE).contains(&seconds).then_some(Self(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_long_enough_or_endless() {
        assert_eq!(LeaseSeconds::parse("86400").map(LeaseSeconds::number), Some(86_400));
        assert_eq!(LeaseSeconds::parse("-1").map(LeaseSeconds::number), Some(u32::MAX));
        for bad in ["0", "59", "-2", "4294967295", "1d", ""] {
            assert_eq!(LeaseSeconds::parse(bad), None, "{bad:?}");
        }
    }
}
