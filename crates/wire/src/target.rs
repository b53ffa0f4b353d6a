//! Request targets: whatever a guest writes there, it stays a path on our own upstream.

use http::{Uri, uri::PathAndQuery};
use innkeeper_model::path;
use percent_encoding::percent_decode_str;

use crate::Reason;

/// The path and query of a request target in origin form or absolute form; the host of the latter
/// says nothing here. `*` and the target of CONNECT name no resource of ours.
pub fn path_of(uri: &Uri) -> Result<PathAndQuery, Reason> {
    let target = uri.path_and_query().ok_or(Reason::BadRequest)?;
    if target.as_str().starts_with('/') {
        return Ok(target.clone());
    }
    // `http://host?query` has an empty path, which stands for the root.
    match target.query() {
        Some(query) if target.as_str().starts_with('?') => {
            PathAndQuery::try_from(format!("/?{query}")).ok().ok_or(Reason::BadRequest)
        }
        _ => Err(Reason::BadRequest),
    }
}

/// Whether a target names the root, in whatever spelling.
pub fn is_root(target: &PathAndQuery) -> bool {
    let path = target.path();
    // As nearly all are: with a name in it, and nothing that takes a name away.
    if !path.contains('%')
        && !path.contains("..")
        && path.bytes().any(|byte| !b"/.".contains(&byte))
    {
        return false;
    }
    percent_decode_str(path).decode_utf8().is_ok_and(|path| path::is_root(&path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_path_counts() {
        for (target, path) in [
            ("/a?b", Some("/a?b")),
            ("//evil/x", Some("//evil/x")),
            ("/../../x", Some("/../../x")),
            ("http://evil/x?y", Some("/x?y")),
            ("http://evil", Some("/")),
            ("http://evil?y", Some("/?y")),
            ("*", None),
            ("evil:80", None),
        ] {
            let found = path_of(&target.parse().unwrap());
            assert_eq!(found.ok().as_ref().map(PathAndQuery::as_str), path, "{target}");
        }
    }

    #[test]
    fn the_root_has_many_names() {
        for root in
            ["/", "//", "/.", "/./", "/..", "/x/..", "/a/b/../../", "/%2e", "/x/%2E.", "/?x"]
        {
            assert!(is_root(&root.parse().unwrap()), "{root}");
        }
        for other in ["/x", "/...", "/.x", "/x/../y", "/%2f..x", "/%ff/..", "/latest/", "/a..b"] {
            assert!(!is_root(&other.parse().unwrap()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn the_root_is_the_root_of_the_tree(path in "/(\\.|/|%2e|%2F|%|a|\\.\\.|;|b/){0,8}") {
            if let Ok(target) = path.parse::<PathAndQuery>() {
                let decoded = percent_decode_str(target.path()).decode_utf8();
                let expected = decoded.is_ok_and(|path| path::is_root(&path));
                prop_assert_eq!(is_root(&target), expected);
            }
        }

        #[test]
        fn anything_at_all_gives_a_path_or_nothing(target in "\\PC{1,40}") {
            if let Ok(uri) = target.parse() && let Ok(path) = path_of(&uri) {
                prop_assert!(path.as_str().starts_with('/'));
            }
        }
    }
}
