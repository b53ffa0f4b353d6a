//! The services to ask, as the operator names them.

use crate::url::ServiceUrl;

/// A service that is asked for each machine, and the key of its answer in `vendor_data2.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    name: String,
    url: ServiceUrl,
}

impl Target {
    /// Reads `name@url`. The first `@` divides: later ones belong to the URL, which may carry a
    /// user and password. The error says what is wrong, and shows no part that may be secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((name, url)) = text.split_once('@') else {
            return Err("it has no \"@\"; write name@url".to_owned());
        };
        if name.contains("://") {
            return Err("it begins with a URL; write the name first: name@url".to_owned());
        }
        let url = ServiceUrl::parse(url)
            .map_err(|what| format!("the URL of \"{}\" {what}", name.escape_debug()))?;
        Ok(Self { name: name.to_owned(), url })
    }

    /// The key of its answer.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &ServiceUrl {
        &self.url
    }
}

/// Reads a list as Nova does: what is no target is left out, and of one name the first counts.
/// Each omission has a warning, which shows no part that may be secret.
pub fn parse_targets(texts: &[String]) -> (Vec<Target>, Vec<String>) {
    let mut targets: Vec<Target> = Vec::new();
    let mut warnings = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let number = index + 1;
        match Target::parse(text) {
            Err(what) => warnings.push(format!("vendor data target {number} is left out: {what}")),
            Ok(target) if targets.iter().any(|other| other.name == target.name) => {
                warnings.push(format!(
                    "vendor data target {number} is left out: \"{}\" is the name of an earlier one",
                    target.name.escape_debug()
                ));
            }
            Ok(target) => targets.push(target),
        }
    }
    (targets, warnings)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(texts: &[&str]) -> (Vec<String>, Vec<String>) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let (targets, warnings) = parse_targets(&texts);
        (targets.into_iter().map(|target| target.name).collect(), warnings)
    }

    #[test]
    fn a_list_is_read_as_nova_reads_it() {
        let (names, warnings) = names(&[
            "echo@http://127.0.0.1:19999/echo",
            "noname",
            "dead@http://127.0.0.1:1/dead",
            "echo@http://127.0.0.1:19999/dup",
            "bad@nonsense",
        ]);
        assert_eq!(names, ["echo", "dead"]);
        assert_eq!(
            warnings,
            [
                "vendor data target 2 is left out: it has no \"@\"; write name@url",
                "vendor data target 4 is left out: \"echo\" is the name of an earlier one",
                "vendor data target 5 is left out: the URL of \"bad\" does not begin with http:// \
                 or https://",
            ]
        );
    }

    #[test]
    fn the_first_at_sign_divides() {
        let target = Target::parse("a@http://user:password@v.example/x@y").expect("a target");
        assert_eq!(target.name(), "a");
        assert_eq!(target.url().to_string(), "http://***@v.example/x@y");
        assert!(!format!("{target:?}").contains("password"));
    }

    #[test]
    fn a_forgotten_name_shows_no_password() {
        let refused = Target::parse("http://user:password@v.example/").expect_err("no name");
        assert!(!refused.contains("password") && refused.contains("name@url"), "{refused}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_or_shows_a_password(text in ".*", rest in "[!-~]*") {
            let _ = Target::parse(&text);
            let secret = format!("a@http://user:hunter2@v.example{rest}");
            let shown = match Target::parse(&secret) {
                Ok(target) => format!("{target:?}{}", target.url()),
                Err(what) => what,
            };
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
