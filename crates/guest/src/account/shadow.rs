//! `/etc/shadow`.

/// Gives `user` the password hash `hash`, last changed on `day` since 1970; every other line stays
/// byte for byte. A user without a line gets one at the end.
///
/// Without a day the password does not age: 0 would mean that it must be changed at once, and a
/// day long ago that it has expired.
pub(crate) fn with_password(shadow: &[u8], user: &str, hash: &str, day: Option<u64>) -> Vec<u8> {
    let day = day.map(|day| day.to_string()).unwrap_or_default();
    let mut written = Vec::with_capacity(shadow.len() + hash.len() + 32);
    let mut is_found = false;
    for line in shadow.split_inclusive(|byte| *byte == b'\n') {
        if !is_found && is_of(line, user) {
            is_found = true;
            written.extend(changed(line, user, hash, &day));
        } else {
            written.extend_from_slice(line);
        }
    }
    if !is_found {
        if written.last().is_some_and(|byte| *byte != b'\n') {
            written.push(b'\n');
        }
        written.extend(format!("{user}:{hash}:{day}:0:99999:7:::\n").into_bytes());
    }
    written
}

fn is_of(line: &[u8], user: &str) -> bool {
    line.strip_prefix(user.as_bytes()).is_some_and(|rest| rest.first() == Some(&b':'))
}

/// The line with its second and third field replaced, whatever else it has.
fn changed(line: &[u8], user: &str, hash: &str, day: &str) -> Vec<u8> {
    let mut fields = line.splitn(4, |byte| *byte == b':').skip(3);
    let rest = fields.next();
    let mut changed = format!("{user}:{hash}:{day}:").into_bytes();
    match rest {
        Some(rest) => changed.extend_from_slice(rest),
        // A line without the fields that belong there: they are left empty.
        None => changed.extend_from_slice(b":::::\n"),
    }
    changed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_users_line_changes_and_no_other() {
        let shadow = b"daemon:*:1:0:99999:7:::\nroot:!:19000:0:99999:7:::\nrootx:!:1::::::\nlast";
        let expected =
            "daemon:*:1:0:99999:7:::\nroot:$6$h:20000:0:99999:7:::\nrootx:!:1::::::\nlast";
        assert_eq!(with_password(shadow, "root", "$6$h", Some(20000)), expected.as_bytes());
    }

    #[test]
    fn a_user_without_a_line_gets_one() {
        let expected = "a:*:1::::::\nroot:$6$h:2:0:99999:7:::\n";
        for shadow in ["a:*:1::::::\n", "a:*:1::::::"] {
            assert_eq!(
                with_password(shadow.as_bytes(), "root", "$6$h", Some(2)),
                expected.as_bytes()
            );
        }
        assert_eq!(with_password(b"", "root", "$6$h", Some(2)), b"root:$6$h:2:0:99999:7:::\n");
    }

    #[test]
    fn a_clock_that_does_not_know_the_day_expires_nothing() {
        for shadow in ["root:!:19000:0:90:7:30::\n", "root:!:0:0:90:7:30::\n"] {
            let written = with_password(shadow.as_bytes(), "root", "h", None);
            assert_eq!(written, b"root:h::0:90:7:30::\n");
        }
    }

    #[test]
    fn a_short_line_becomes_a_whole_one() {
        for line in ["root:\n", "root:!", "root:!:\n"] {
            let written = with_password(line.as_bytes(), "root", "h", Some(2));
            assert_eq!(written, b"root:h:2::::::\n", "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn other_lines_stay_byte_for_byte(
            before in prop::collection::vec("[a-z:!*$]{0,12}", 0..5),
            after in prop::collection::vec("[a-z:!*$]{0,12}", 0..5),
        ) {
            let block = |lines: &[String]| lines.iter().map(|l| format!("x{l}\n")).collect::<String>();
            let (before, after) = (block(&before), block(&after));
            let shadow = format!("{before}root:!:1:2:3:4:5:6:7\n{after}");
            let expected = format!("{before}root:H:9:2:3:4:5:6:7\n{after}");
            prop_assert_eq!(with_password(shadow.as_bytes(), "root", "H", Some(9)), expected.into_bytes());
        }

        #[test]
        fn doing_it_twice_is_doing_it_once(shadow: Vec<u8>) {
            let once = with_password(&shadow, "root", "$6$h", Some(3));
            prop_assert_eq!(with_password(&once, "root", "$6$h", Some(3)), once);
        }
    }
}
