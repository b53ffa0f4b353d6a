//! Which version is read.

/// The newest version whose documents are understood here. A later one may mean something else by
/// the same words.
const NEWEST_KNOWN: &str = "2025-04-04";

/// What is always there.
const LATEST: &str = "latest";

/// Dated versions that are tried: OpenStack has made fourteen in as many years.
const DATED_MAX: usize = 32;

/// The versions to try, best first: dated ones up to the newest known, from new to old, and
/// `latest` where no dated one is good.
pub(crate) fn candidates(offered: &[String]) -> Vec<String> {
    let mut dated: Vec<&String> =
        offered.iter().filter(|name| is_date(name) && name.as_str() <= NEWEST_KNOWN).collect();
    dated.sort_unstable();
    dated.dedup();
    dated.into_iter().rev().take(DATED_MAX).cloned().chain([LATEST.to_owned()]).collect()
}

/// Whether it is like `2012-08-10`; dates of this form are in order as texts.
fn is_date(name: &str) -> bool {
    name.len() == NEWEST_KNOWN.len()
        && name
            .bytes()
            .zip(NEWEST_KNOWN.bytes())
            .all(|(byte, model)| if model == b'-' { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(offered: &[&str]) -> Vec<String> {
        candidates(&offered.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_newest_known_comes_first() {
        assert_eq!(
            of(&["2012-08-10", "latest", "2025-04-04", "2018-08-27", "content"]),
            ["2025-04-04", "2018-08-27", "2012-08-10", "latest"]
        );
        assert_eq!(of(&["2031-01-01", "2019-05-05", "latest"]), ["2019-05-05", "latest"]);
        assert_eq!(of(&["2031-01-01"]), ["latest"]);
        assert_eq!(of(&[]), ["latest"]);
    }

    proptest! {
        #[test]
        fn only_plain_names_are_tried(offered in prop::collection::vec("[0-9./a-]{0,12}", 0..6)) {
            for name in candidates(&offered) {
                prop_assert!(name == LATEST || is_date(&name), "{}", name);
            }
        }
    }
}
