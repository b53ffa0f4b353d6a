//! The text of an `authorized_keys` file.

/// The line before the keys of the instance.
const BEGIN: &str = "# Keys of this instance, by innkeeper-guest:";

/// The line behind them.
const END: &str = "# End of the keys of this instance.";

/// How the types of public keys begin.
const TYPES: &[&str] = &["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"];

/// A public key as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyLine(String);

impl KeyLine {
    /// The keys in `data`, one a line; `None` if something in it is no key.
    pub(super) fn all(data: &str) -> Option<Vec<Self>> {
        let lines = data.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<Self>> = lines
            .map(|line| {
                let is_key = identity(line).is_some() && !line.starts_with('#');
                (is_key && !line.contains(char::is_control)).then(|| Self(line.to_owned()))
            })
            .collect();
        keys.filter(|keys| !keys.is_empty())
    }
}

/// The file with `keys` in a block of their own, instead of the block of an earlier instance.
/// Other lines stay byte for byte, and a key among them is not in the block again.
pub(super) fn merged(existing: &[u8], keys: &[KeyLine]) -> Vec<u8> {
    let mut text = without_block(existing);
    let mut known: Vec<Option<(String, String)>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| identity(&line))
        .collect();
    let mut block = String::new();
    for key in keys {
        let identity = identity(&key.0);
        if !known.contains(&identity) {
            block.push_str(&key.0);
            block.push('\n');
            known.push(identity);
        }
    }
    if block.is_empty() {
        return text;
    }
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text.extend(format!("{BEGIN}\n{block}{END}\n").bytes());
    text
}

/// The file without our blocks. A block without an end loses its first line only: whose the lines
/// behind it are is not known.
fn without_block(existing: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = existing.split_inclusive(|byte| *byte == b'\n').collect();
    let is = |line: &[u8], marker: &str| line.trim_ascii() == marker.as_bytes();
    let mut kept = Vec::with_capacity(existing.len());
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        at += 1;
        if !is(line, BEGIN) {
            kept.extend_from_slice(line);
        } else if let Some(end) = lines[at..].iter().position(|line| is(line, END)) {
            at += end + 1;
        }
    }
    kept
}

/// The type and the key itself: what is before them are options, what is behind is a comment.
fn identity(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let kind = words.find(|word| TYPES.iter().any(|start| word.starts_with(start)))?;
    let key = words.next()?;
    let is_base64 = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    is_base64.then(|| (kind.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(data: &str) -> Vec<KeyLine> {
        KeyLine::all(data).unwrap()
    }

    fn text(existing: &str, data: &str) -> String {
        String::from_utf8(merged(existing.as_bytes(), &keys(data))).unwrap()
    }

    #[test]
    fn the_next_instance_replaces_the_keys_of_the_last() {
        let theirs = "ssh-rsa AAAA own@laptop";
        let first = text(theirs, "ssh-ed25519 BBBB one\nssh-rsa CCCC two\n");
        assert_eq!(
            first,
            format!("{theirs}\n{BEGIN}\nssh-ed25519 BBBB one\nssh-rsa CCCC two\n{END}\n")
        );
        let second = text(&format!("{first}# mine\n"), "ssh-ed25519 DDDD three");
        assert_eq!(second, format!("{theirs}\n# mine\n{BEGIN}\nssh-ed25519 DDDD three\n{END}\n"));
    }

    #[test]
    fn a_key_is_there_once() {
        let theirs = "from=\"10.0.0.0/8\",command=\"a b\" ssh-rsa AAAA x\n";
        assert_eq!(text(theirs, "ssh-rsa AAAA other-comment"), theirs);
        let commented = "# ssh-rsa AAAA x\n";
        assert!(text(commented, "ssh-rsa AAAA x\nssh-rsa AAAA y").matches("AAAA").count() == 2);
    }

    #[test]
    fn an_unfinished_block_loses_nothing() {
        let existing = format!("{BEGIN}\nssh-rsa AAAA x\n");
        let merged = text(&existing, "ssh-rsa BBBB y");
        assert!(merged.starts_with("ssh-rsa AAAA x\n"), "{merged}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for data in [
            "",
            "\n",
            "hello",
            "ssh-rsa",
            "ssh-rsa AA\u{1}",
            "# ssh-rsa AAAA",
            "ssh-rsa <x>",
            "ssh-rsa AAAA\nroot",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(KeyLine::all(data), None, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn merging_again_changes_nothing(existing in "(ssh-rsa [A-C]{2}|# .{0,5}|x)?(\n(ssh-rsa [A-C]{2}|x)){0,4}\n?") {
            let keys = keys("ssh-rsa AA a\nssh-rsa ZZ z");
            let once = merged(existing.as_bytes(), &keys);
            prop_assert!(once.starts_with(existing.as_bytes()));
            prop_assert_eq!(merged(&once, &keys), once);
        }

        #[test]
        fn no_file_is_a_panic(existing: Vec<u8>) {
            let _ = merged(&existing, &keys("ssh-rsa AA a"));
        }
    }
}
