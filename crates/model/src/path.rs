//! Paths of guests' documents in normal form: one rule for everyone who decides by path.

/// The path's segments with `.` and `..` resolved: `..` cannot climb above the root, and slashes
/// that are doubled, trailing or absent at the start make no difference.
pub fn segments(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments
}

/// Whether the path is one of the root's many names. The root alone is answered to whoever asks.
pub fn is_root(path: &str) -> bool {
    segments(path).is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_resource_has_many_names() {
        for path in ["/x/y", "x/y", "/x//y/", "//x/./y", "/x/z/../y", "/../x/y/.", "/z/../../x/y"] {
            assert_eq!(segments(path), ["x", "y"], "{path}");
        }
        for path in ["", "/", "//", "/.", "/..", "/x/..", "/x/../.."] {
            assert!(is_root(path), "{path}");
        }
        assert_eq!(segments("/..."), ["..."]);
    }

    proptest! {
        #[test]
        fn any_path_has_a_normal_form(path in ".*") {
            let normal = segments(&path);
            prop_assert!(normal.iter().all(|s| !matches!(*s, "" | "." | "..") && !s.contains('/')));
            let again = normal.join("/");
            prop_assert_eq!(segments(&again), normal);
        }
    }
}
