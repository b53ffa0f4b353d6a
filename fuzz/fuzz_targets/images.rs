//! Everything on an image that the bytes are: ISO 9660, FAT, a virtual hard disk around one.
//!
//! The first byte says how the others stand on the drive (see [`Form`]), so that large images have
//! short inputs. Images of ours are the seeds: they are made when the program starts, into the
//! directory that `FUZZ_SEEDS` names.

#![no_main]

use std::{env, fs, io, path::Path};

use bytes::Bytes;
use innkeeper_image::{Container, Drive, EntryKind, Format, Tree, Volume, build};
use libfuzzer_sys::{Corpus, fuzz_target};

/// What is before the first descriptor of ISO 9660.
const SYSTEM_AREA: usize = 32 * 1024;

/// Zeros behind the bytes of an input, up to this length.
const DRIVE_BYTES: usize = 256 * 1024;

/// Bytes of the footer of a virtual hard disk.
const FOOTER: usize = 512;

/// Entries of a drive, as `innkeeper_image` limits them.
const ENTRIES_MAX: usize = 10_000;

/// How many files are read: they may all be the same megabytes.
const FILES_READ: usize = 64;

/// Bits of the first byte.
#[derive(Clone, Copy)]
struct Form(u8);

impl Form {
    /// Zeros stand before the bytes, as before ISO 9660's descriptors.
    const SYSTEM_AREA: u8 = 1;
    /// Zeros stand behind them.
    const PADDED: u8 = 2;
    /// The checksums of a virtual hard disk are put right: no fuzzer finds them.
    const CHECKSUMS: u8 = 4;

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

fuzz_target!(
    init: {
        if let Some(seeds) = env::var_os("FUZZ_SEEDS") {
            write_seeds(Path::new(&seeds)).expect("the seeds' directory can be written");
        }
    },
    |bytes: &[u8]| -> Corpus { read_everything(bytes) }
);

fn read_everything(bytes: &[u8]) -> Corpus {
    let Some((form, bytes)) = bytes.split_first() else { return Corpus::Reject };
    let image = unpacked(Form(*form), bytes);
    let drive = match Drive::open(&image[..]) {
        Ok(drive) => drive,
        Err(_) => return Corpus::Keep,
    };
    let _ = drive.find("openstack/latest/meta_data.json");
    let Ok(entries) = drive.entries() else { return Corpus::Keep };
    assert!(entries.len() <= ENTRIES_MAX, "{} entries", entries.len());
    let mut read = 0;
    for entry in entries {
        assert!(!entry.path.split('/').any(|part| matches!(part, "" | "." | "..")), "{entry:?}");
        if entry.kind == EntryKind::File && read < FILES_READ {
            read += 1;
            let _ = drive.find(&entry.path);
            if let Ok(contents) = drive.read(&entry) {
                assert_eq!(contents.len() as u64, entry.len, "{entry:?}");
            }
        }
    }
    Corpus::Keep
}

fn unpacked(form: Form, bytes: &[u8]) -> Vec<u8> {
    let mut image = vec![0; if form.has(Form::SYSTEM_AREA) { SYSTEM_AREA } else { 0 }];
    image.extend(bytes);
    if form.has(Form::PADDED) && image.len() < DRIVE_BYTES {
        image.resize(DRIVE_BYTES, 0);
    }
    if form.has(Form::CHECKSUMS) {
        let end = image.len().saturating_sub(FOOTER);
        for (start, len, at) in [(0, FOOTER, 64), (FOOTER, 1024, 36), (end, FOOTER, 64)] {
            let is_one =
                |part: &&mut [u8]| part.starts_with(b"conectix") || part.starts_with(b"cxsparse");
            if let Some(part) = image.get_mut(start..start + len).filter(is_one) {
                part[at..at + 4].fill(0);
                let sum: u32 = part.iter().map(|byte| u32::from(*byte)).sum();
                part[at..at + 4].copy_from_slice(&(!sum).to_be_bytes());
            }
        }
    }
    image
}

/// One image of each kind, in its shortest form.
fn write_seeds(directory: &Path) -> io::Result<()> {
    let padded = Form::PADDED;
    let iso = image(Format::Iso9660, 0);
    let fat12 = image(Format::Vfat, 64 * 1024);
    let mut footer = image(Format::Vhd, 0);
    footer.drain(..footer.len() - FOOTER);
    footer[48..56].copy_from_slice(&(fat12.len() as u64).to_be_bytes());
    let (_, descriptors) = iso.split_at(SYSTEM_AREA);
    let seeds = [
        ("iso9660", padded | Form::SYSTEM_AREA, trimmed(descriptors).to_vec()),
        ("fat12", padded, trimmed(&fat12).to_vec()),
        ("fat16", padded, small_fat(false)),
        ("fat32", padded, small_fat(true)),
        ("fixed-vhd", Form::CHECKSUMS, [&fat12[..], &footer].concat()),
        ("dynamic-vhd", padded | Form::CHECKSUMS, dynamic_vhd(&fat12)),
    ];
    for (name, form, bytes) in seeds {
        let seed = [&[form][..], &bytes].concat();
        let kind = Drive::open(&unpacked(Form(form), &bytes)[..]).map(|drive| drive.container());
        assert_eq!(kind.ok(), Some(container_of(name)), "the seed {name} is read");
        fs::write(directory.join(name), seed)?;
    }
    Ok(())
}

fn container_of(seed: &str) -> Container {
    match seed {
        "fixed-vhd" => Container::FixedVhd,
        "dynamic-vhd" => Container::DynamicVhd,
        _ => Container::Raw,
    }
}

fn image(format: Format, vfat_bytes: u64) -> Vec<u8> {
    let mut tree = Tree::new();
    let contents = Bytes::from_static(b"{\"uuid\": \"0\"}\n");
    for path in
        ["openstack/latest/meta_data.json", "openstack/content/0000", "ec2/latest/user-data"]
    {
        tree.insert(path, contents.clone()).expect("a path of a drive");
    }
    tree.insert("ec2/latest/ä long name, of 2 parts", Bytes::from(vec![7; 3000])).expect("a path");
    let (label, publisher) = ("config-2".to_owned(), "fuzz".to_owned());
    let volume = Volume { label, publisher, time: 1_700_000_000, vfat_bytes };
    build(&tree, format, &volume).expect("a small tree has an image").to_vec()
}

/// A volume of FAT16 or FAT32 with a file and a directory in as few sectors as there can be: tables
/// of one sector each, however many clusters it says it has.
fn small_fat(is_fat32: bool) -> Vec<u8> {
    let mut boot = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| boot[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0xEB, 0, 0x90]);
    put(11, &512_u16.to_le_bytes());
    put(13, &[1, 1, 0, 1]);
    put(17, &[if is_fat32 { 0 } else { 16 }, 0]);
    put(19, &5000_u16.to_le_bytes());
    put(21, &[0xF8, u8::from(!is_fat32)]);
    put(36, &[u8::from(is_fat32)]);
    put(44, &[2]);
    put(510, &[0x55, 0xAA]);
    let entries = [0xFFF8_u32, 0xFFFF, 0xFFFF, 0xFFFF, 5, 0xFFFF];
    let link = |entry: u32| if entry == 0xFFFF { 0x0FFF_FFFF } else { entry };
    let mut table: Vec<u8> = match is_fat32 {
        true => entries.into_iter().flat_map(|entry| link(entry).to_le_bytes()).collect(),
        false => entries.into_iter().flat_map(|entry| entry.to_le_bytes()[..2].to_vec()).collect(),
    };
    table.resize(512, 0);
    let slot = |name: &[u8; 11], attributes, first, len: u16| {
        let mut slot = [0; 32];
        slot[..11].copy_from_slice(name);
        (slot[11], slot[26]) = (attributes, first);
        slot[28..30].copy_from_slice(&len.to_le_bytes());
        slot
    };
    let sector = |slots: &[[u8; 32]]| {
        let mut bytes = slots.concat();
        bytes.resize(512, 0);
        bytes
    };
    let root = sector(&[slot(b"CONFIG-2   ", 8, 0, 0), slot(b"EC2        ", 16, 3, 0)]);
    // The root is cluster 2 of FAT32; FAT16 has it in front, and nothing in that cluster.
    let spare = if is_fat32 { Vec::new() } else { vec![0; 512] };
    let ec2 = sector(&[slot(b"META    JSO", 32, 4, 900)]);
    [&boot[..], &table, &root, &spare, &ec2, &[b'x'; 900]].concat()
}

/// A dynamic disk in blocks of 32 KiB, of which only the first is there.
fn dynamic_vhd(disk: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 32 * 1024;
    let mut bytes = vec![0; 2048];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"conectix");
    put(16, &512_u64.to_be_bytes());
    put(48, &(disk.len() as u64).to_be_bytes());
    put(60, &3_u32.to_be_bytes());
    put(512, b"cxsparse");
    put(528, &1536_u64.to_be_bytes());
    put(540, &2_u32.to_be_bytes());
    put(544, &(BLOCK as u32).to_be_bytes());
    put(1536, &[4_u32.to_be_bytes(), u32::MAX.to_be_bytes()].concat());
    let (first, rest) = disk.split_at(BLOCK);
    assert!(rest.iter().all(|byte| *byte == 0), "the disk's files are in its first block");
    bytes.extend([0xFF; 512]);
    bytes.extend(trimmed(first));
    bytes
}

/// Without the zeros at the end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}
