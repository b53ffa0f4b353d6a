//! The kinds of user data, told by how they begin.

/// What user data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A program with its interpreter in the first line.
    Script,
    /// Something else, in words.
    Other(&'static str),
}

/// What guests know, by its beginning in any case of letters; the longer beginnings come first.
const BEGINNINGS: &[(&str, &str)] = &[
    ("#cloud-config-archive", "a cloud-config archive"),
    ("#cloud-config-jsonp", "a JSON patch of a cloud-config"),
    ("#cloud-config", "a cloud-config"),
    ("#cloud-boothook", "a cloud-init boot hook"),
    ("#include", "a list of URLs to include"),
    ("#part-handler", "a cloud-init part handler"),
    ("#upstart-job", "an Upstart job"),
    ("## template:", "a template of cloud-init"),
    ("content-type:", "MIME multipart"),
    ("mime-version:", "MIME multipart"),
    ("from ", "MIME multipart"),
    ("#ps1", "a PowerShell script"),
    ("<powershell>", "a PowerShell script"),
    ("<script>", "a batch file of Windows"),
    ("rem cmd", "a batch file of Windows"),
    ("{", "JSON, perhaps for Ignition"),
];

/// The kind of `data`, which is not compressed any more.
pub(super) fn kind_of(data: &[u8]) -> Kind {
    // A byte order mark is not part of the first line; the kernel refuses a script with one, so
    // that it is not one.
    if data.starts_with(b"#!") {
        return Kind::Script;
    }
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data).trim_ascii_start();
    let begins = |beginning: &str| {
        let start = text.get(..beginning.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    let known = BEGINNINGS.iter().find(|(beginning, _)| begins(beginning));
    Kind::Other(known.map_or("of no kind that is known here", |(_, words)| words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_are_told_by_their_beginnings() {
        assert_eq!(kind_of(b"#!/bin/sh\n"), Kind::Script);
        for (data, words) in [
            ("#Cloud-Config\nx: 1", "a cloud-config"),
            ("#cloud-config-archive\n", "archive"),
            ("#include-once\nhttp://x", "URLs"),
            ("#cloud-boothook\n#!/bin/sh", "boot hook"),
            ("## template: jinja\n#cloud-config", "template"),
            ("\u{feff}#!/bin/sh", "no kind"),
            ("\nContent-Type: multipart/mixed; boundary=x", "MIME"),
            ("hello", "no kind"),
            ("", "no kind"),
        ] {
            let Kind::Other(told) = kind_of(data.as_bytes()) else { panic!("{data} is a script") };
            assert!(told.contains(words), "{data:?}: {told}");
        }
    }

    proptest! {
        #[test]
        fn no_data_are_a_panic(data: Vec<u8>) {
            let _ = kind_of(&data);
        }
    }
}
