//! From bytes to warnings.

use std::io::Read as _;

use super::{
    UNPACKED_BYTES_MAX, WARNINGS_MAX,
    kind::{self, Kind},
    mime::{self, Part},
    yaml::{self, Expected},
};

/// The first bytes of gzip.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Where cloud-init looks for the header that makes a text MIME.
const MIME_HEADER_BYTES: usize = 4096;
const MIME_HEADER: &[u8] = b"mime-version:";

/// Content types of parts that cloud-init unpacks.
const GZIP_TYPES: &[&str] = &[
    "application/gzip",
    "application/gzip-compressed",
    "application/gzipped",
    "application/x-compress",
    "application/x-compressed",
    "application/x-gunzip",
    "application/x-gzip",
    "application/x-gzip-compressed",
];

/// Content types of parts whose beginning says more than they do.
const SNIFFED_TYPES: &[&str] = &["text/plain", "text/x-not-multipart", "text/x-shellscript"];

/// What a guest would make of `user_data` that its owner hardly means; empty if all is well.
pub(crate) fn warnings_of(user_data: &[u8]) -> Vec<String> {
    let mut warnings = if user_data.is_empty() {
        Vec::new()
    } else if user_data.starts_with(GZIP) {
        match unpacked(user_data) {
            Ok(bytes) => of_plain(&bytes, &format!("unpacked, {}", kind::KNOWN)),
            Err(warning) => vec![warning],
        }
    } else {
        of_plain(user_data, kind::KNOWN)
    };
    warnings.truncate(WARNINGS_MAX);
    warnings.into_iter().map(|warning| format!("user data: {warning}")).collect()
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(UNPACKED_BYTES_MAX).unwrap_or(u64::MAX);
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(most + 1);
    match reader.read_to_end(&mut unpacked) {
        Err(error) => Err(format!("begins like gzip but cannot be unpacked: {error}")),
        Ok(length) if length > UNPACKED_BYTES_MAX => {
            Err("unpacks to more than 1 MiB: it was not checked".to_owned())
        }
        Ok(_) => Ok(unpacked),
    }
}

/// What is not packed. `known` says what could be there.
fn of_plain(bytes: &[u8], known: &str) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        if kind::is_windows(&String::from_utf8_lossy(bytes)) {
            return Vec::new();
        }
        return vec![format!(
            "is not UTF-8 text, so that cloud-init ignores it; save it as UTF-8. {known}"
        )];
    };
    let start = bytes.get(..MIME_HEADER_BYTES).unwrap_or(bytes).to_ascii_lowercase();
    if start.windows(MIME_HEADER.len()).any(|window| window == MIME_HEADER) {
        return of_mime(text);
    }
    if kind::starts_with(text, "content-type: multipart/") {
        let mut warnings = vec![
            "is MIME without the header \"MIME-Version: 1.0\"; cloud-init ignores it without \
             (cloudbase-init does not need it)"
                .to_owned(),
        ];
        warnings.extend(of_mime(text));
        return warnings;
    }
    of_text(text, known)
}

/// A text that is one thing.
fn of_text(text: &str, known: &str) -> Vec<String> {
    if let Some(kind) = kind::by_beginning(text) {
        return of_kind(kind, text);
    }
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return match kind::by_beginning(rest.trim_start()) {
            Some(_) => vec![format!(
                "begins with a byte order mark, so that guests ignore it; save it as UTF-8 \
                 without one. {}",
                first_line(rest)
            )],
            None => vec![unknown(rest, known)],
        };
    }
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return vec!["is blank".to_owned()];
    }
    match kind::by_beginning(trimmed) {
        Some(kind) => {
            let mut warnings = vec![
                "begins with white space; older releases of cloud-init ignore it then, and a \
                 script does not start: remove what stands before its first line"
                    .to_owned(),
            ];
            warnings.extend(of_kind(kind, text));
            warnings
        }
        None => vec![unknown(text, known)],
    }
}

fn of_kind(kind: Kind, text: &str) -> Vec<String> {
    match kind {
        Kind::CloudConfig => yaml::warnings_of(text, Expected::Mapping),
        Kind::CloudConfigArchive => yaml::warnings_of(text, Expected::List),
        Kind::CloudConfigJsonp => of_json_patch(text),
        Kind::Script => of_script(text),
        Kind::Template | Kind::Opaque => Vec::new(),
    }
}

fn of_script(text: &str) -> Vec<String> {
    match text.trim_start().split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => vec![
            "is a script whose lines end as on Windows (CR LF); Linux does not find its \
             interpreter: convert it, for example with dos2unix"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

/// The line that names its kind is no part of the JSON.
fn of_json_patch(text: &str) -> Vec<String> {
    const BEGINNING: &str = "#cloud-config-jsonp";
    let json = text.trim_start().get(BEGINNING.len()..).unwrap_or_default();
    match serde_json::from_str::<Vec<serde_json::Value>>(json) {
        Ok(_) => Vec::new(),
        Err(error) => vec![format!(
            "{BEGINNING} is not followed by a JSON patch (a list of operations): {error}; \
             cloud-init ignores it"
        )],
    }
}

fn of_mime(text: &str) -> Vec<String> {
    let parts = match mime::parts_of(text) {
        Ok(parts) => parts,
        Err(why) => return vec![format!("is MIME, but {why}")],
    };
    let brings_a_handler = parts.iter().any(|part| part.content_type == "text/part-handler");
    let mut left = UNPACKED_BYTES_MAX;
    let mut warnings = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let found = of_part(part, brings_a_handler, &mut left);
        let number = index + 1;
        warnings.extend(
            found
                .into_iter()
                .map(|warning| format!("part {number} ({}): {warning}", shown(&part.content_type))),
        );
    }
    warnings
}

/// `left` is how many more bytes the message's packed parts may unpack to.
fn of_part(part: &Part, brings_a_handler: bool, left: &mut usize) -> Vec<String> {
    let content_type = part.content_type.as_str();
    if GZIP_TYPES.contains(&content_type) {
        return match unpacked(&part.body) {
            Ok(bytes) => match left.checked_sub(bytes.len()) {
                Some(rest) => {
                    *left = rest;
                    of_sniffed(&bytes)
                }
                None => {
                    vec!["unpacks to more than 1 MiB with those before: not checked".to_owned()]
                }
            },
            Err(warning) => vec![warning],
        };
    }
    if SNIFFED_TYPES.contains(&content_type) {
        return of_sniffed(&part.body);
    }
    match kind::by_content_type(content_type) {
        Some(kind) => match std::str::from_utf8(&part.body) {
            Ok(text) => of_kind(kind, text),
            Err(_not_utf8) => vec!["is not UTF-8 text".to_owned()],
        },
        None if brings_a_handler => Vec::new(),
        None => vec![
            "no guest knows this Content-Type; use for example text/cloud-config or \
             text/x-shellscript"
                .to_owned(),
        ],
    }
}

/// A part that is what it begins with.
fn of_sniffed(bytes: &[u8]) -> Vec<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => of_text(text, kind::KNOWN),
        Err(_not_utf8) => vec!["is not UTF-8 text".to_owned()],
    }
}

fn unknown(text: &str, known: &str) -> String {
    format!("guests will ignore it: {} {known}", first_line(text))
}

/// Characters of the first line that a warning shows.
const FIRST_LINE_CHARS_MAX: usize = 40;

fn first_line(text: &str) -> String {
    format!("Its first line is \"{}\".", shown(text.lines().next().unwrap_or_default()))
}

fn shown(text: &str) -> String {
    text.chars().take(FIRST_LINE_CHARS_MAX).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).expect("memory");
        packer.finish().expect("memory")
    }

    #[track_caller]
    fn warned(user_data: &[u8], words: &str) {
        let warnings = warnings_of(user_data);
        assert!(warnings.iter().any(|one| one.contains(words)), "{words}: {warnings:?}");
        assert!(warnings.iter().all(|one| one.starts_with("user data: ")), "{warnings:?}");
    }

    #[track_caller]
    fn good(user_data: &[u8]) {
        assert_eq!(warnings_of(user_data), Vec::<String>::new());
    }

    const MULTIPART: &str = "Content-Type: multipart/mixed; boundary=\"b\"\nMIME-Version: 1.0\n\n";

    #[test]
    fn what_guests_understand_is_good() {
        good(b"");
        good(b"#cloud-config\npackages: [nginx]\n");
        good(b"#!/bin/sh\necho hi\n");
        good(b"## template: jinja\n#cloud-config\n{% if x %}\n: [\n");
        good(b"#cloud-config-archive\n- type: text/cloud-config\n  content: 'a: b'\n");
        good(b"#cloud-config-jsonp\n[{\"op\": \"add\", \"path\": \"/a\", \"value\": 1}]\n");
        good(b"#ps1_sysnative\r\nWrite-Host hi\r\n");
        good(b"#ps1\r\nWrite-Host h\xe9\r\n");
        good(&gzip(b"#cloud-config\na: b\n"));
        good(
            format!(
                "{MULTIPART}--b\nContent-Type: text/cloud-config\n\na: b\n--b\n\
                 Content-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n"
            )
            .as_bytes(),
        );
    }

    #[test]
    fn what_no_guest_knows_is_told_with_what_they_know() {
        warned(b"packages: [nginx]\n", "Its first line is \"packages: [nginx]\"");
        warned(b"packages: [nginx]\n", "#cloud-config-archive");
        warned(b"packages: [nginx]\n", "<powershell>");
        warned(&[0xff, 0xfe, b'#', 0], "not UTF-8");
        warned(b" \n", "is blank");
        warned(&gzip(b"hello"), "unpacked, cloud-init knows");
        warned(&gzip(&gzip(b"#!/bin/sh\n")), "not UTF-8");
    }

    #[test]
    fn what_hides_a_good_beginning_is_told() {
        warned("\u{feff}#cloud-config\na: b\n".as_bytes(), "byte order mark");
        warned(b"\n#cloud-config\na: b\n", "begins with white space");
        warned(b" #cloud-config\na: [\n", "broken at line");
        warned(b"#!/bin/sh\r\necho hi\r\n", "CR LF");
        warned(b"#cloud-config-jsonp\n{}", "JSON patch");
    }

    #[test]
    fn broken_yaml_is_told_with_its_place() {
        warned(b"#cloud-config\npackages: [nginx\nruncmd: []\n", "line 3 column ");
        warned(&gzip(b"#cloud-config\n- a\n"), "is a list");
        warned(b"#cloud-config-archive\na: b\n", "is a mapping");
    }

    #[test]
    fn parts_are_told_by_number_and_type() {
        let message = |part: &str| format!("{MULTIPART}--b\n{part}\n--b--\n").into_bytes();
        warned(
            &message("Content-Type: text/cloud-config\n\n- a"),
            "part 1 (text/cloud-config): the YAML is a list",
        );
        warned(&message("Content-Type: text/x-unknown\n\na"), "no guest knows");
        warned(&message("\nhello"), "part 1 (text/plain): guests will ignore it");
        warned(
            &message("Content-Type: application/gzip\n\nhello"),
            "part 1 (application/gzip): begins like gzip but cannot",
        );
        warned(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n#!/bin/sh\n", "MIME-Version");
        good(
            format!(
                "{MULTIPART}--b\nContent-Type: text/part-handler\n\n#part-handler\n--b\n\
                     Content-Type: text/x-own\n\nx\n--b--\n"
            )
            .as_bytes(),
        );
    }

    #[test]
    fn a_bomb_of_gzip_is_given_up() {
        let bomb = gzip(&vec![b'#'; 64 * UNPACKED_BYTES_MAX]);
        assert!(bomb.len() < 100_000, "as large as user data may be: {}", bomb.len());
        warned(&bomb, "more than 1 MiB");
        warned(&[0x1f, 0x8b, 8], "cannot be unpacked");
    }

    /// Beginnings that lead somewhere, so that the bytes after them are read.
    const BEGINNINGS: &[&str] = &[
        "",
        "#cloud-config\n",
        "\u{feff}#cloud-config\n",
        "#cloud-config-archive\n",
        "#cloud-config-jsonp\n",
        "#!",
        "{",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
        "MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n#cloud-config\n",
        "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n",
        "MIME-Version: 1.0\n",
    ];

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(
            beginning in proptest::sample::select(BEGINNINGS),
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let whole = [beginning.as_bytes(), &bytes].concat();
            prop_assert!(warnings_of(&whole).len() <= WARNINGS_MAX);
            prop_assert!(warnings_of(&gzip(&whole)).len() <= WARNINGS_MAX);
            prop_assert!(warnings_of(&[GZIP, &[8, 0], &bytes].concat()).len() <= WARNINGS_MAX);
        }

        #[test]
        fn any_text_has_an_answer(
            beginning in proptest::sample::select(BEGINNINGS),
            text in "([-a-z:=#\\[\\]{}&*!|>'\"%@`,? \t\r\n\u{e9}\u{feff}]{0,80}|\\PC{0,80})",
        ) {
            let whole = format!("{beginning}{text}");
            prop_assert!(warnings_of(whole.as_bytes()).len() <= WARNINGS_MAX);
        }
    }
}
