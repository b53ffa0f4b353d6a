//! Chains of clusters, as the table links them.

use std::collections::HashSet;

use super::{geometry::Width, layout::Layout};
use crate::{ReadError, Source, drive::read_at};

/// Bytes of the table that are read at once: some hundred links, most of them needed next.
const WINDOW: usize = 4096;

/// The clusters of a chain, one after the other. Whoever walks it sets the limit.
pub(super) struct Chain<'a> {
    source: &'a dyn Source,
    layout: &'a Layout,
    first: u32,
    last: Option<u32>,
    /// Every cluster so far, so that a ring is noticed before it is read twice.
    seen: HashSet<u32>,
    window: Vec<u8>,
    /// Where the window begins in the table.
    window_at: u64,
}

impl<'a> Chain<'a> {
    /// The chain that begins with `first`.
    pub(super) fn new(source: &'a dyn Source, layout: &'a Layout, first: u32) -> Self {
        let (seen, window) = (HashSet::new(), Vec::new());
        Self { source, layout, first, last: None, seen, window, window_at: 0 }
    }

    /// The place of the next cluster; `None` behind the last one.
    pub(super) fn next_offset(&mut self) -> Result<Option<u64>, ReadError> {
        let cluster = match self.last {
            None => self.first,
            Some(last) => self.entry(last)?,
        };
        if self.last.is_some() && cluster >= self.layout.width.end_of_chain() - 7 {
            return Ok(None);
        }
        let damaged = |what| ReadError::Damaged { what };
        let offset = self.layout.cluster_offset(cluster).ok_or_else(|| {
            damaged(format!("a chain goes to cluster {cluster}, which the volume does not have"))
        })?;
        if !self.seen.insert(cluster) {
            return Err(damaged(format!("a chain comes back to cluster {cluster}")));
        }
        self.last = Some(cluster);
        Ok(Some(offset))
    }

    fn entry(&mut self, cluster: u32) -> Result<u32, ReadError> {
        let cluster = u64::from(cluster);
        Ok(match self.layout.width {
            Width::Fat12 => {
                let [low, high] = self.bytes(cluster + cluster / 2)?;
                let two = u32::from(u16::from_le_bytes([low, high]));
                if cluster.is_multiple_of(2) { two & 0xFFF } else { two >> 4 }
            }
            Width::Fat16 => u32::from(u16::from_le_bytes(self.bytes(cluster * 2)?)),
            Width::Fat32 => u32::from_le_bytes(self.bytes(cluster * 4)?) & 0x0FFF_FFFF,
        })
    }

    fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], ReadError> {
        let inside = |at: u64, window_at: u64, window: &[u8]| {
            let start = usize::try_from(at.checked_sub(window_at)?).ok()?;
            window.get(start..)?.first_chunk().copied()
        };
        if let Some(bytes) = inside(at, self.window_at, &self.window) {
            return Ok(bytes);
        }
        // What follows the tables is data, so that more than they have can be read, except where
        // there is no data.
        self.window.resize(WINDOW, 0);
        self.window_at = at;
        let place = self.layout.table + at;
        let what = "a file allocation table";
        if read_at(self.source, &mut self.window, place, what).is_err() {
            self.window.resize(N, 0);
            read_at(self.source, &mut self.window, place, what)?;
        }
        Ok(*self.window.first_chunk().expect("the window has at least N bytes"))
    }
}
