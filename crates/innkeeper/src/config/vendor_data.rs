//! The types of the keys of vendor data.

use std::time::Duration;

use innkeeper_documents::VendorDataProvider;

use super::value::{Form, Value};

/// The sources of vendor data, under Nova's names. At least one; each once.
impl Value for Vec<VendorDataProvider> {
    const FORM: Form = Form::List;
    const EXPECTED: &'static str =
        "a list of \"StaticJSON\" and \"DynamicJSON\", each at most once";
    const NAME: &'static str = "StaticJSON|DynamicJSON,…";

    fn parse(text: &str) -> Option<Self> {
        let mut providers = Self::new();
        for name in items(text) {
            let provider = match name {
                "StaticJSON" => VendorDataProvider::StaticJson,
                "DynamicJSON" => VendorDataProvider::DynamicJson,
                _ => return None,
            };
            if providers.contains(&provider) {
                return None;
            }
            providers.push(provider);
        }
        Some(providers)
    }
}

/// The services to ask, each as `name@url`. A URL may hold a password, so none is repeated.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VendorDataTargets(Vec<String>);

impl VendorDataTargets {
    /// The list as it was given.
    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Debug for VendorDataTargets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} targets", self.0.len())
    }
}

impl Value for VendorDataTargets {
    const FORM: Form = Form::List;
    const EXPECTED: &'static str = "a list of name@url, like [\"site@https://vendor.example/data\"] \
                                    in the file and site@https://vendor.example/data elsewhere";
    const NAME: &'static str = "NAME@URL,…";
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(items(text).map(str::to_owned).collect()))
    }
}

/// A number of whole seconds from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Seconds<MIN, MAX> {
    /// The number.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// That long.
    pub(crate) const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    fn bounded(text: &str) -> Option<Self> {
        text.parse().ok().filter(|seconds| (MIN..=MAX).contains(seconds)).map(Self)
    }
}

/// How long something may take. Guests wait 7 seconds at most, so that more than a minute is a
/// mistake.
pub(crate) type Patience = Seconds<1, 60>;

impl Value for Patience {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of seconds from 1 to 60";
    const NAME: &'static str = "SECONDS";

    fn parse(text: &str) -> Option<Self> {
        Self::bounded(text)
    }
}

/// How long something is kept: at most a day.
pub(crate) type Lifetime = Seconds<0, 86_400>;

impl Value for Lifetime {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of seconds from 0 to 86400";
    const NAME: &'static str = "SECONDS";

    fn parse(text: &str) -> Option<Self> {
        Self::bounded(text)
    }
}

/// The items of a list; the empty text is the empty list.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_have_novas_names() {
        use VendorDataProvider::{DynamicJson, StaticJson};
        let parse = |text| <Vec<VendorDataProvider>>::parse(text);
        assert_eq!(parse("StaticJSON"), Some(vec![StaticJson]));
        assert_eq!(parse("DynamicJSON, StaticJSON"), Some(vec![DynamicJson, StaticJson]));
        assert_eq!(parse(""), Some(vec![]));
        for bad in ["static", "StaticJSON,StaticJSON", "nova.api.metadata.Vendor"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(Patience::parse("5").map(Patience::duration), Some(Duration::from_secs(5)));
        for bad in ["", "0", "61", "-1", "1.5"] {
            assert_eq!(Patience::parse(bad), None, "{bad}");
        }
        assert_eq!(Lifetime::parse("0").map(Lifetime::number), Some(0));
        assert_eq!(Lifetime::parse("86401"), None);
    }

    #[test]
    fn a_target_is_not_shown() {
        let targets = VendorDataTargets::parse("a@http://u:p@x/, b@http://y").unwrap();
        assert_eq!(targets.as_slice(), ["a@http://u:p@x/", "b@http://y"]);
        assert_eq!(format!("{targets:?}"), "2 targets");
    }
}
