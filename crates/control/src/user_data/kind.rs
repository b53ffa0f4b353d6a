//! The kinds of user data that guests know, told by how they begin.

/// What guests do with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mapping in YAML.
    CloudConfig,
    /// A list in YAML of further texts.
    CloudConfigArchive,
    /// A JSON patch of the cloud-config.
    CloudConfigJsonp,
    /// A program, by its first line.
    Script,
    /// A template of one of the others: not known before the guest fills it in.
    Template,
    /// What nothing more can be said about.
    Opaque,
}

/// What is shown where something is of none of these kinds.
pub(super) const KNOWN: &str = "cloud-init knows #cloud-config, #cloud-config-archive, \
    #cloud-config-jsonp, #! scripts, #cloud-boothook, #include, #include-once, #part-handler, \
    ## template: jinja, MIME multipart and gzip of these; cloudbase-init knows rem cmd, #ps1, \
    #ps1_sysnative, #ps1_x86, <script> and <powershell>; Ignition knows JSON with \"ignition\"";

/// How cloud-init 22.4 tells them, in any case of letters. The longer ones come first.
const BY_BEGINNING: &[(&str, Kind)] = &[
    ("#cloud-config-archive", Kind::CloudConfigArchive),
    ("#cloud-config-jsonp", Kind::CloudConfigJsonp),
    ("## template: jinja", Kind::Template),
    ("#cloud-boothook", Kind::Opaque),
    ("#part-handler", Kind::Opaque),
    ("#include-once", Kind::Opaque),
    ("#cloud-config", Kind::CloudConfig),
    ("#include", Kind::Opaque),
    ("#!", Kind::Script),
];

/// How cloudbase-init tells its own: a word and the white space after it.
const WINDOWS_LINES: &[&str] = &["#ps1", "#ps1_sysnative", "#ps1_x86"];
const WINDOWS_TAGS: &[&str] = &["<powershell>", "<script>"];

/// The content types that cloud-init 22.4 handles, without those that it unpacks.
const BY_CONTENT_TYPE: &[(&str, Kind)] = &[
    ("text/cloud-config", Kind::CloudConfig),
    ("text/cloud-config-archive", Kind::CloudConfigArchive),
    ("text/cloud-config-jsonp", Kind::CloudConfigJsonp),
    ("text/jinja2", Kind::Template),
    ("text/cloud-boothook", Kind::Opaque),
    ("text/part-handler", Kind::Opaque),
    ("text/x-include-url", Kind::Opaque),
    ("text/x-include-once-url", Kind::Opaque),
    ("text/x-shellscript-per-boot", Kind::Script),
    ("text/x-shellscript-per-instance", Kind::Script),
    ("text/x-shellscript-per-once", Kind::Script),
];

/// The kind of a text that begins at its first byte.
pub(super) fn by_beginning(text: &str) -> Option<Kind> {
    let begins = |(beginning, _): &&(&str, Kind)| starts_with(text, beginning);
    let cloud_init = BY_BEGINNING.iter().find(begins).map(|(_, kind)| *kind);
    cloud_init.or_else(|| (is_windows(text) || is_ignition(text)).then_some(Kind::Opaque))
}

/// The kind that a part of MIME says it is.
pub(super) fn by_content_type(content_type: &str) -> Option<Kind> {
    BY_CONTENT_TYPE.iter().find(|(known, _)| *known == content_type).map(|(_, kind)| *kind)
}

/// Whether cloudbase-init takes it as a script of Windows; in any encoding, unlike cloud-init.
pub(super) fn is_windows(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    WINDOWS_TAGS.iter().any(|tag| text.starts_with(tag))
        || text.starts_with('#') && WINDOWS_LINES.contains(&first)
        || text.starts_with("rem") && first == "rem" && words.next() == Some("cmd")
}

fn is_ignition(text: &str) -> bool {
    text.starts_with('{')
        && serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|json| json.get("ignition").is_some_and(serde_json::Value::is_object))
}

/// Whether `text` begins with `beginning`, in any case of ASCII letters.
pub(super) fn starts_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_beginning_is_known() {
        for text in [
            "#cloud-boothook\n",
            "#include\nhttp://a/b",
            "#include-once\n",
            "#part-handler\n",
            "rem cmd\r\necho",
            "#ps1\n",
            "#ps1_sysnative\r\n",
            "#ps1_x86\n",
            "<powershell>\n",
            "<script>\n",
            r#"{"ignition": {"version": "3.4.0"}}"#,
        ] {
            assert_eq!(by_beginning(text), Some(Kind::Opaque), "{text}");
        }
        for (text, kind) in [
            ("#Cloud-Config\n", Kind::CloudConfig),
            ("#cloud-config-archive\n", Kind::CloudConfigArchive),
            ("#cloud-config-jsonp\n", Kind::CloudConfigJsonp),
            ("#!/bin/sh\n", Kind::Script),
            ("## template: jinja\n#cloud-config\n", Kind::Template),
        ] {
            assert_eq!(by_beginning(text), Some(kind), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for text in
            ["a: b", "#ps2\n", "remove cmd", "{}", "{\"ignition\": 1}", "# cloud-config", ""]
        {
            assert_eq!(by_beginning(text), None, "{text}");
        }
    }
}
