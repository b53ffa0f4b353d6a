//! `vendor_data2.json`.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{Settings, VendorDataProvider};

/// The key of the operator's own JSON.
const STATIC: &str = "static";

/// What all the operator's sources say of a machine, by their names.
#[derive(Clone)]
pub(crate) struct VendorData2<'a> {
    settings: &'a Settings,
    dynamic: &'a [(String, Value)],
}

impl<'a> VendorData2<'a> {
    pub(crate) const fn new(settings: &'a Settings, dynamic: &'a [(String, Value)]) -> Self {
        Self { settings, dynamic }
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.settings.uses(VendorDataProvider::DynamicJson)
    }

    /// In the order of the sources. Of two services with one name the first is shown, and `static`
    /// is always the operator's own JSON if that is a source.
    fn fields(&self) -> Vec<(&'a str, &'a Value)> {
        let mut fields: Vec<(&str, &Value)> = Vec::new();
        for provider in &self.settings.vendordata_providers {
            match provider {
                VendorDataProvider::StaticJson => {
                    let value = &self.settings.static_vendor_data;
                    match fields.iter_mut().find(|(name, _)| *name == STATIC) {
                        Some(taken) => taken.1 = value,
                        None => fields.push((STATIC, value)),
                    }
                }
                VendorDataProvider::DynamicJson => {
                    for (name, value) in self.dynamic {
                        if fields.iter().all(|(taken, _)| taken != name) {
                            fields.push((name, value));
                        }
                    }
                }
            }
        }
        fields
    }
}

impl Serialize for VendorData2<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}

#[cfg(test)]
mod tests {
    use VendorDataProvider::{DynamicJson, StaticJson};
    use serde_json::json;

    use super::*;

    fn encoded(providers: &[VendorDataProvider], dynamic: &[(&str, Value)]) -> String {
        let settings = Settings {
            vendordata_providers: providers.to_vec(),
            static_vendor_data: json!({"motd": "grüße"}),
            ..Settings::default()
        };
        let dynamic: Vec<_> =
            dynamic.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let encoded = crate::encode_json(&VendorData2::new(&settings, &dynamic));
        String::from_utf8(encoded).expect("ASCII")
    }

    #[test]
    fn sources_come_in_their_order() {
        let dynamic = [("b", json!([1])), ("a", json!({}))];
        let shown = r#"{"static": {"motd": "gr\u00fc\u00dfe"}, "b": [1], "a": {}}"#;
        assert_eq!(encoded(&[StaticJson, DynamicJson], &dynamic), shown);
        let shown = r#"{"b": [1], "a": {}, "static": {"motd": "gr\u00fc\u00dfe"}}"#;
        assert_eq!(encoded(&[DynamicJson, StaticJson], &dynamic), shown);
        assert_eq!(encoded(&[DynamicJson], &dynamic), r#"{"b": [1], "a": {}}"#);
        assert_eq!(encoded(&[], &dynamic), "{}");
    }

    #[test]
    fn the_first_of_a_name_is_shown_and_static_is_the_operators() {
        let dynamic = [("x", json!(1)), ("static", json!("theirs")), ("x", json!(2))];
        let own = r#"{"motd": "gr\u00fc\u00dfe"}"#;
        let shown = format!(r#"{{"static": {own}, "x": 1}}"#);
        assert_eq!(encoded(&[StaticJson, DynamicJson], &dynamic), shown);
        let shown = format!(r#"{{"x": 1, "static": {own}}}"#);
        assert_eq!(encoded(&[DynamicJson, StaticJson], &dynamic), shown);
        let shown = r#"{"x": 1, "static": "theirs"}"#;
        assert_eq!(encoded(&[DynamicJson], &dynamic), shown);
    }
}
