//! Virtual hard disks as QEMU sees them, and QEMU's as we do.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod tools;

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use innkeeper_image::{Container, Drive, Format, ReadError, Source, Volume, build};
use proptest::prelude::*;
use tempfile::TempDir;
use tools::{files, image_at, read_back, run, tree, volume};

/// Bytes of the footer.
const FOOTER: u64 = 512;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What QEMU takes for the size of a disk.
fn virtual_size(image: &Path) -> u64 {
    let told = run("qemu-img", &["info", "-f", "vpc", "--output=json", text(image)]);
    let size = told.lines().find_map(|line| line.trim().strip_prefix("\"virtual-size\": "));
    size.unwrap().trim_end_matches(',').parse().unwrap()
}

#[test]
fn qemu_reads_our_disk_and_finds_the_image_and_zeros() {
    let directory = TempDir::new().unwrap();
    let path = |name| directory.path().join(name);
    let (iso, vhd, raw, back) = (path("iso"), path("vhd"), path("raw"), path("back"));
    image_at(&iso, &files(), Format::Iso9660, &volume());
    image_at(&vhd, &files(), Format::Vhd, &volume());

    let size = virtual_size(&vhd);
    assert!(size >= fs::metadata(&iso).unwrap().len());
    assert_eq!(size + FOOTER, fs::metadata(&vhd).unwrap().len(), "QEMU sees the size we wrote");

    fs::copy(&iso, &raw).unwrap();
    File::options().write(true).open(&raw).unwrap().set_len(size).unwrap();
    let formats = ["compare", "-f", "raw", "-F", "vpc"];
    run("qemu-img", &[&formats[..], &[text(&raw), text(&vhd)]].concat());
    run("qemu-img", &["convert", "-f", "vpc", "-O", "raw", text(&vhd), text(&back)]);
    assert_eq!(fs::read(&back).unwrap(), fs::read(&raw).unwrap());
}

#[test]
fn we_read_our_disk_and_those_that_qemu_makes() {
    let directory = TempDir::new().unwrap();
    let path = |name| directory.path().join(name);
    let (iso, vfat, ours) = (path("iso"), path("vfat"), path("ours"));
    image_at(&iso, &files(), Format::Iso9660, &volume());
    image_at(&vfat, &files(), Format::Vfat, &volume());
    image_at(&ours, &files(), Format::Vhd, &volume());
    check(&ours, Container::FixedVhd);
    for image in [&iso, &vfat] {
        for (subformat, container) in
            [("dynamic", Container::DynamicVhd), ("fixed", Container::FixedVhd)]
        {
            for size in ["on", "off"] {
                let made = path("made");
                let options = format!("subformat={subformat},force_size={size}");
                let formats = ["convert", "-f", "raw", "-O", "vpc", "-o", &options];
                run("qemu-img", &[&formats[..], &[text(image), text(&made)]].concat());
                check(&made, container);
            }
        }
    }
}

fn check(image: &Path, container: Container) {
    let drive = Drive::open(File::open(image).unwrap()).unwrap();
    assert_eq!(drive.container(), container);
    assert_eq!(drive.label(), "config-2");
    assert_eq!(read_back(&drive), files());
}

#[test]
fn a_truncated_dynamic_disk_is_said_to_be_one() {
    let directory = TempDir::new().unwrap();
    let (iso, vhd) = (directory.path().join("iso"), directory.path().join("vhd"));
    image_at(&iso, &files(), Format::Iso9660, &volume());
    run("qemu-img", &["convert", "-f", "raw", "-O", "vpc", text(&iso), text(&vhd)]);
    let bytes = fs::read(&vhd).unwrap();
    for end in [1024, 2000, 40_000] {
        let error = Drive::open(&bytes[..end]).map(drop).unwrap_err();
        assert!(matches!(error, ReadError::Truncated { .. }), "{end}: {error}");
    }
    let mut differencing = bytes;
    differencing[63] = 4;
    differencing[67] = differencing[67].wrapping_sub(1);
    let error = Drive::open(&differencing[..]).map(drop).unwrap_err();
    assert!(error.to_string().contains("differencing"), "{error}");
}

/// The last sector of an image is the end of a tenant's file.
#[test]
fn a_file_that_ends_like_a_disk_hides_nothing() {
    let disk = build(&tree(&files()), Format::Vhd, &volume()).unwrap().to_vec();
    let footer = disk.last_chunk::<512>().unwrap();
    let honest_size = u64::from_be_bytes(*footer[48..].first_chunk().unwrap());
    for size in [1, 512, 40_000, honest_size] {
        let mut contents = [&[b'x'; 1536][..], footer].concat();
        let made_up = contents.last_chunk_mut::<512>().unwrap();
        made_up[48..56].copy_from_slice(&size.to_be_bytes());
        made_up[64..68].fill(0);
        let sum: u32 = made_up.iter().map(|byte| u32::from(*byte)).sum();
        made_up[64..68].copy_from_slice(&(!sum).to_be_bytes());
        let mut files = files();
        files.insert("zzz".to_owned(), contents);
        let image = build(&tree(&files), Format::Iso9660, &volume()).unwrap().to_vec();
        assert_eq!(image.last_chunk::<8>(), Some(&[0; 8]), "it ends with the footer");
        assert!(image[image.len() - 512..].starts_with(b"conectix"), "it ends with the footer");
        let drive = Drive::open(&image[..]).unwrap();
        assert_eq!(drive.label(), "config-2");
        assert_eq!(read_back(&drive), files, "{size}");
    }
}

/// As a CD that was not written to its end: the kernel counts two sectors that cannot be read.
struct Worn<'a>(&'a [u8]);

impl Source for Worn<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + buffer.len() as u64 > self.0.len() as u64 {
            return Err(io::Error::other("unrecovered read error"));
        }
        self.0.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64 + 4096)
    }
}

#[test]
fn an_end_that_cannot_be_read_costs_nothing_else() {
    let image = build(&tree(&files()), Format::Iso9660, &volume()).unwrap().to_vec();
    let drive = Drive::open(Worn(&image)).unwrap();
    assert_eq!(drive.container(), Container::Raw);
    assert_eq!(read_back(&drive), files());
}

#[test]
fn the_same_contents_make_the_same_disk() {
    let disk = |volume: &Volume| build(&tree(&files()), Format::Vhd, volume).unwrap().to_vec();
    assert_eq!(disk(&volume()), disk(&volume()));
    let later = Volume { time: volume().time + 60, ..volume() };
    assert_ne!(disk(&volume()), disk(&later));
}

/// A dynamic disk of 64 KiB in two blocks, with checksums that are right whatever else is not.
fn dynamic(footer: &[(usize, u8)], header: &[(usize, u8)], table: [u32; 2]) -> Vec<u8> {
    let mut bytes = vec![0_u8; 2048];
    bytes[..8].copy_from_slice(b"conectix");
    bytes[16..24].copy_from_slice(&512_u64.to_be_bytes());
    bytes[48..56].copy_from_slice(&65_536_u64.to_be_bytes());
    bytes[60..64].copy_from_slice(&3_u32.to_be_bytes());
    bytes[512..520].copy_from_slice(b"cxsparse");
    bytes[528..536].copy_from_slice(&1536_u64.to_be_bytes());
    bytes[540..544].copy_from_slice(&2_u32.to_be_bytes());
    bytes[544..548].copy_from_slice(&32_768_u32.to_be_bytes());
    footer.iter().for_each(|(at, byte)| bytes[*at] = *byte);
    header.iter().for_each(|(at, byte)| bytes[512 + at] = *byte);
    for (start, end, at) in [(0, 512, 64), (512, 1536, 548)] {
        bytes[at..at + 4].fill(0);
        let sum: u32 = bytes[start..end].iter().map(|byte| u32::from(*byte)).sum();
        bytes[at..at + 4].copy_from_slice(&(!sum).to_be_bytes());
    }
    bytes[1536..1540].copy_from_slice(&table[0].to_be_bytes());
    bytes[1540..1544].copy_from_slice(&table[1].to_be_bytes());
    let disk = build(&tree(&files()), Format::Vfat, &Volume { vfat_bytes: 65_536, ..volume() });
    for block in disk.unwrap().to_vec().chunks(32_768) {
        bytes.extend([0xFF; 512]);
        bytes.extend(block);
    }
    bytes
}

#[test]
fn the_dynamic_disk_of_these_tests_is_one() {
    let disk = dynamic(&[], &[], [4, 4 + 65]);
    let drive = Drive::open(&disk[..]).unwrap();
    assert_eq!(drive.container(), Container::DynamicVhd);
    assert_eq!(read_back(&drive), files());
}

proptest! {
    #[test]
    fn damage_is_an_error_or_other_contents_and_nothing_worse(
        footer in prop::collection::vec((8..64_usize, any::<u8>()), 0..4),
        header in prop::collection::vec((8..40_usize, any::<u8>()), 0..4),
        first in prop_oneof![Just(4), 0..200_u32, any::<u32>()],
        second in prop_oneof![Just(69), 0..200_u32, any::<u32>()],
        end in prop::option::of(0..70_000_usize),
    ) {
        let mut disk = dynamic(&footer, &header, [first, second]);
        disk.truncate(end.unwrap_or(disk.len()));
        if let Ok(drive) = Drive::open(&disk[..]) {
            for entry in drive.entries().unwrap_or_default() {
                let _ = drive.read(&entry);
            }
        }
    }
}
