//! Drives that are not whole, or not found: the guest's program says so and leaves the machine
//! as it was.

use std::fs;

use crate::{
    drives::{Kind, Operator},
    guest_program::guest_program,
    tiny_machine::TinyMachine,
};

const APPLY: &str = r#"
echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
/usr/sbin/innkeeper-guest --source drive --wait 2 --log - >/tmp/said 2>&1
echo "exit $?"
sed 's/^/said /' /tmp/said
echo "hostname $(hostname)"
[ ! -e /root/.ssh ] || echo 'applied keys'
[ ! -e /srv/injected ] || echo 'applied files'
[ ! -e /srv/user-data-ran ] || echo 'applied user data'
"#;

#[test]
fn a_drive_that_was_cut_off_is_refused_and_nothing_of_it_applied() {
    let operator = Operator::new();
    let whole = fs::read(operator.build(Kind::Iso9660)).expect("a drive");
    // The names are at the beginning, what they name is not there any more.
    let cut = operator.path("cut.iso");
    fs::write(&cut, &whole[..whole.len() / 2 / 2048 * 2048]).expect("written");
    let machine = TinyMachine::running(APPLY, vec![guest_program()]).drive(&cut, Kind::Iso9660);
    let report = machine.card(&operator.mac).boot().report;
    let said = report.lines().join("\n");
    assert_eq!(report.first("exit"), Some("1"), "{said}");
    assert!(
        report.all("said").join("\n").contains("/dev/sr0"),
        "it does not name the drive: {said}"
    );
    assert_eq!(report.all("applied"), Vec::<&str>::new(), "{said}");
}

#[test]
fn a_drive_with_another_label_is_not_taken() {
    let operator = Operator::new();
    let drive = operator.build(Kind::Iso9660);
    let mut image = fs::read(&drive).expect("a drive");
    let renamed = relabel(&mut image);
    assert!(renamed >= 2, "the primary and the Joliet descriptor have the label");
    fs::write(&drive, image).expect("written");
    let machine = TinyMachine::running(APPLY, vec![guest_program()]).drive(&drive, Kind::Iso9660);
    let report = machine.card(&operator.mac).boot().report;
    let said = report.lines().join("\n");
    assert_eq!(report.first("exit"), Some("3"), "{said}");
    let all = report.all("said").join("\n");
    assert!(all.contains("no block device has the label config-2"), "{said}");
    assert_eq!(report.all("applied"), Vec::<&str>::new(), "{said}");
}

/// Replaces the label wherever it is, in one byte and in two bytes a character: how often.
fn relabel(image: &mut [u8]) -> usize {
    let wide = |text: &str| text.bytes().flat_map(|byte| [0, byte]).collect::<Vec<_>>();
    let pairs =
        [(b"config-2".to_vec(), b"cidata-2".to_vec()), (wide("config-2"), wide("cidata-2"))];
    let mut count = 0;
    for (old, new) in pairs {
        let windows = image.windows(old.len()).enumerate();
        let places: Vec<_> = windows.filter(|(_, bytes)| *bytes == old).map(|(at, _)| at).collect();
        for at in places {
            image[at..at + new.len()].copy_from_slice(&new);
            count += 1;
        }
    }
    count
}
