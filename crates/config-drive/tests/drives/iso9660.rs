//! ISO 9660 images as other programs read them.

use std::{collections::BTreeMap, fs, path::Path};

use innkeeper_config_drive::Format;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    machines::{self, drive},
    reading::{Files, assert_same, below, ours, run},
};

#[test]
fn isoinfo_reads_every_name_there_is() {
    for_every_image(|name, path, expected| {
        let image = path.to_str().unwrap();
        let said = text(run("isoinfo", "genisoimage", &["-d", "-i", image]));
        assert!(said.contains("Volume id: config-2\n"), "{name}: {said}");
        let publisher = format!("Publisher id: Innkeeper {}\n", env!("CARGO_PKG_VERSION"));
        assert!(said.contains(&publisher), "{name}: {said}");
        for (names, shown_as) in
            [(&["-R"][..], same as fn(&str) -> String), (&["-J"], same), (&[], plain)]
        {
            let by = format!("isoinfo {names:?}");
            let listed =
                text(run("isoinfo", "genisoimage", &[names, &["-f", "-i", image]].concat()));
            for (path, contents) in expected {
                let path = format!("/{}", shown_as(path));
                assert!(listed.lines().any(|line| line == path), "{name}: {by}: {path}: {listed}");
                let arguments = [names, &["-i", image, "-x", &path]].concat();
                let read = run("isoinfo", "genisoimage", &arguments);
                assert!(read == *contents, "{name}: {by} reads {path} differently");
            }
        }
    });
}

#[test]
fn xorriso_copies_the_same() {
    for_every_image(|name, path, expected| {
        let to = path.with_extension("copied");
        let (image, to) = (path.to_str().unwrap(), to.to_str().unwrap());
        let copy = ["-osirrox", "on", "-indev", image, "-extract", "/", to];
        run("xorriso", "xorriso", &copy);
        assert_same(name, "xorriso", &below(Path::new(to)), expected);
        run("chmod", "coreutils", &["-R", "u+w", to]);
    });
}

/// What an orchestrator of Python's asks of a drive, by each kind of name.
#[test]
fn pycdlib_reads_the_same() {
    const SCRIPT: &str = r#"
import base64, io, json, sys
import pycdlib
iso = pycdlib.PyCdlib()
iso.open(sys.argv[1])
read = {}
for kind in ("iso_path", "joliet_path", "rr_path"):
    read[kind] = {}
    for path, names in json.load(open(sys.argv[2])).items():
        to = io.BytesIO()
        iso.get_file_from_iso_fp(to, **{kind: names[kind]})
        read[kind][path] = base64.b64encode(to.getvalue()).decode()
json.dump(read, sys.stdout)
"#;
    for_every_image(|name, path, expected| {
        let names: Value = expected
            .keys()
            .map(|path| {
                let real = format!("/{path}");
                let plain = format!("/{}", plain(path));
                (
                    path.clone(),
                    serde_json::json!({
                        "iso_path": plain, "joliet_path": real, "rr_path": real,
                    }),
                )
            })
            .collect();
        let latest = &names["openstack/latest/network_data.json"]["iso_path"];
        assert_eq!(latest, "/openstack/latest/network_data.json;1");
        let asked = path.with_extension("json");
        fs::write(&asked, names.to_string()).unwrap();
        let arguments = ["-c", SCRIPT, path.to_str().unwrap(), asked.to_str().unwrap()];
        // Debian's Python has the package; another one in the PATH may not.
        let read = run("/usr/bin/python3", "python3-pycdlib", &arguments);
        let read: BTreeMap<String, BTreeMap<String, String>> =
            serde_json::from_slice(&read).unwrap();
        for (kind, files) in read {
            let files: Files =
                files.into_iter().map(|(path, base64)| (path, decoded(&base64))).collect();
            assert_same(name, &format!("pycdlib by {kind}"), &files, expected);
        }
    });
}

/// Each image in a file of a directory of its own, with what is on it.
fn for_every_image(check: impl Fn(&str, &Path, &Files)) {
    for machine in machines::all() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("image");
        let image = drive(&machine, Format::Iso9660, "s").image.to_vec();
        fs::write(&path, &image).unwrap();
        let expected = ours(&*image);
        assert_eq!(expected.len(), machine.recorded.len(), "{}", machine.name);
        check(&machine.name, &path, &expected);
    }
}

fn same(path: &str) -> String {
    path.to_owned()
}

/// The name without any extension of the standard: small letters and more than one dot in spite of
/// it, but no hyphen; a version behind it.
fn plain(path: &str) -> String {
    let path = path.replace('-', "_");
    let has_dot = path.rsplit('/').next().unwrap().contains('.');
    format!("{path}{};1", if has_dot { "" } else { "." })
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

fn text(printed: Vec<u8>) -> String {
    String::from_utf8(printed).unwrap()
}
