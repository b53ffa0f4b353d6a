//! A virtual hard disk seen as the disk that it is.

use std::io;

use super::footer::{DiskType, FOOTER, Footer, checksum, u32_at, u64_at};
use crate::{Container, ReadError, Source, drive::read_at};

/// Bytes of the header of a dynamic disk, and where its checksum is.
const HEADER: usize = 1024;
const HEADER_CHECKSUM_AT: usize = 36;

/// Bytes of a sector; what the table counts in.
const SECTOR: u64 = 512;

/// Bytes of a block: Windows makes 512 KiB and 2 MiB, others up to this.
const BLOCK_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// In the table: a block that was never written.
const NO_BLOCK: u32 = u32::MAX;

/// Where in a source the bytes of the disk are.
#[derive(Debug)]
pub(crate) enum View {
    /// Where they are on the disk. Behind a fixed disk there is a footer, but nothing goes by where
    /// that says the disk ends: a drive that is no disk ends with a tenant's file.
    Same,
    /// In blocks.
    Blocks(Blocks),
}

/// The table of a dynamic disk.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Where it is in the source.
    table: u64,
    block_bytes: u32,
    /// Bytes before each block that say which of its sectors were written.
    bitmap_bytes: u64,
    /// Bytes of the disk.
    size: u64,
}

/// The disk's bytes.
#[derive(Clone, Copy)]
pub(crate) struct Disk<'a> {
    view: &'a View,
    source: &'a dyn Source,
}

/// Finds out whether `source` is a virtual hard disk. What is none is `Container::Raw`.
pub(crate) fn unwrap(source: &dyn Source) -> Result<(Container, View), ReadError> {
    let what = "the size";
    let size = source.size().map_err(|source| ReadError::Io { what, at: 0, source })?;
    let Some(end) = size.checked_sub(FOOTER as u64) else {
        return Ok((Container::Raw, View::Same));
    };
    let mut bytes = [0; FOOTER];
    read_at(source, &mut bytes, 0, "the first sector")?;
    if let Some(blocks) = Blocks::of_first_sector(source, &bytes)? {
        return Ok((Container::DynamicVhd, View::Blocks(blocks)));
    }
    // Without a sound footer there is the disk all the same; the last sectors of some CDs cannot
    // even be read.
    if source.read_exact_at(&mut bytes, end).is_err() {
        return Ok((Container::Raw, View::Same));
    }
    let is_fixed =
        |footer: &Footer| footer.disk_type == DiskType::Fixed && (1..=end).contains(&footer.size);
    Ok(match Footer::read(&bytes).filter(is_fixed) {
        Some(_) => (Container::FixedVhd, View::Same),
        None => (Container::Raw, View::Same),
    })
}

impl View {
    pub(crate) fn over<'a>(&'a self, source: &'a dyn Source) -> Disk<'a> {
        Disk { view: self, source }
    }
}

impl Source for Disk<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self.view {
            View::Same => self.source.read_exact_at(buffer, offset),
            View::Blocks(blocks) => {
                let end = offset.checked_add(buffer.len() as u64);
                end.filter(|end| *end <= blocks.size).ok_or(io::ErrorKind::UnexpectedEof)?;
                blocks.read(self.source, buffer, offset)
            }
        }
    }

    fn size(&self) -> io::Result<u64> {
        match self.view {
            View::Same => self.source.size(),
            View::Blocks(blocks) => Ok(blocks.size),
        }
    }
}

impl Blocks {
    /// `None` if the first sector is no copy of a footer, or of that of a fixed disk.
    fn of_first_sector(
        source: &dyn Source,
        bytes: &[u8; FOOTER],
    ) -> Result<Option<Self>, ReadError> {
        let damaged = |what: &str| Err(ReadError::Damaged { what: what.to_owned() });
        let Some(footer) = Footer::read(bytes) else { return Ok(None) };
        match footer.disk_type {
            DiskType::Fixed => return Ok(None),
            DiskType::Dynamic => {}
            DiskType::Other(4) => return damaged("it is a differencing disk without its parent"),
            DiskType::Other(_) => return damaged("it is a virtual hard disk of no known type"),
        }
        let mut header = [0; HEADER];
        read_at(source, &mut header, footer.header_at, "the header of a dynamic disk")?;
        let is_sound = header.starts_with(b"cxsparse")
            && u32_at(&header, HEADER_CHECKSUM_AT) == checksum(&header, HEADER_CHECKSUM_AT);
        if !is_sound {
            return damaged("the header of the dynamic disk is none, or its checksum is wrong");
        }
        let (entries, block_bytes) = (u32_at(&header, 28), u32_at(&header, 32));
        if !block_bytes.is_power_of_two() || !(512..=BLOCK_BYTES_MAX).contains(&block_bytes) {
            return damaged("the dynamic disk has blocks of a size that there is not");
        }
        let bits = u64::from(block_bytes) / SECTOR;
        Ok(Some(Self {
            table: u64_at(&header, 16),
            block_bytes,
            bitmap_bytes: bits.div_ceil(8).next_multiple_of(SECTOR),
            size: footer.size.min(u64::from(entries) * u64::from(block_bytes)),
        }))
    }

    /// Reads what is within `size`.
    fn read(&self, source: &dyn Source, buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        let mut rest = buffer;
        while !rest.is_empty() {
            let (number, within) =
                (at / u64::from(self.block_bytes), at % u64::from(self.block_bytes));
            let left = u64::from(self.block_bytes) - within;
            let count = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
            let (now, later) = rest.split_at_mut(count);
            self.read_block(source, now, number, within)?;
            at += count as u64;
            rest = later;
        }
        Ok(())
    }

    fn read_block(
        &self,
        source: &dyn Source,
        buffer: &mut [u8],
        number: u64,
        within: u64,
    ) -> io::Result<()> {
        let mut entry = [0; 4];
        let entry_at = self.table.checked_add(number * 4).ok_or(io::ErrorKind::UnexpectedEof)?;
        source.read_exact_at(&mut entry, entry_at)?;
        let entry = u32::from_be_bytes(entry);
        if entry == NO_BLOCK {
            buffer.fill(0);
            return Ok(());
        }
        let block = u64::from(entry) * SECTOR;
        source.read_exact_at(buffer, block + self.bitmap_bytes + within)?;
        self.clear_unwritten(source, buffer, block, within)
    }

    /// Makes zeros of the sectors that were never written, whatever stands there.
    fn clear_unwritten(
        &self,
        source: &dyn Source,
        buffer: &mut [u8],
        block: u64,
        within: u64,
    ) -> io::Result<()> {
        let (first, last) = (within / SECTOR, (within + buffer.len() as u64 - 1) / SECTOR);
        let mut bitmap = vec![0; usize::try_from(last / 8 - first / 8 + 1).unwrap_or_default()];
        source.read_exact_at(&mut bitmap, block + first / 8)?;
        let mut sector = first;
        let mut rest = buffer;
        let mut skipped = within % SECTOR;
        while !rest.is_empty() {
            let left = usize::try_from(SECTOR - skipped).unwrap_or_default();
            let (now, later) = rest.split_at_mut(left.min(rest.len()));
            let byte = usize::try_from(sector / 8 - first / 8).unwrap_or_default();
            if bitmap[byte] & (0x80 >> (sector % 8)) == 0 {
                now.fill(0);
            }
            (rest, sector, skipped) = (later, sector + 1, 0);
        }
        Ok(())
    }
}
