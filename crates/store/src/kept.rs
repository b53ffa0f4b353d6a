//! What guests' requests have read of the database, kept for the next request.
//!
//! An entry holds the [`Moment`] that was now before it was read, and is used without reading only
//! while that is still now: then nothing was committed in between, by whatever process, and it
//! cannot be older than the last acknowledged change. There is nothing to be told of changes and so
//! nothing that can be forgotten to tell; two requests that fill an entry at once, in whatever
//! order, leave one that is at worst read again.

use std::{
    io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use innkeeper_model::{GuestRecord, InstanceId, Origin, PortOwner};

use crate::{
    bounded::Bounded,
    moment::{Moment, Moments},
};

/// The part of the memory that is for who asks: an entry is some 200 bytes beside the few KiB of a
/// record, and a machine has few addresses.
const OWNERS_SHARE: usize = 8;

/// What is kept.
pub(crate) struct Kept {
    moments: Moments,
    owners: Bounded<Origin, (Moment, PortOwner)>,
    records: Bounded<InstanceId, (Moment, Arc<KeptRecord>)>,
}

/// The record of an instance as of one revision.
#[derive(Debug)]
pub struct KeptRecord {
    record: GuestRecord,
    pub(crate) version: RecordVersion,
    number: u64,
    bytes: usize,
}

/// What a record's row says of its state. Two records of equal versions are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordVersion {
    pub(crate) row: i64,
    pub(crate) revision: i64,
}

impl Kept {
    pub(crate) fn new(moments: Moments, bytes_max: usize) -> Self {
        let owners_bytes_max = bytes_max / OWNERS_SHARE;
        Self {
            moments,
            owners: Bounded::new(owners_bytes_max),
            records: Bounded::new(bytes_max - owners_bytes_max),
        }
    }

    /// The state that the database is in; nothing if that cannot be told.
    pub(crate) fn now(&self) -> Option<Moment> {
        self.moments.now()
    }

    /// Who was found there, if nothing was committed since.
    pub(crate) fn owner(&self, origin: &Origin, now: Option<Moment>) -> Option<PortOwner> {
        let (then, owner) = self.owners.get(origin)?;
        (Some(then) == now).then_some(owner)
    }

    pub(crate) fn keep_owner(&self, origin: &Origin, owner: &PortOwner, now: Moment) {
        let bytes = owner.project.as_str().len();
        self.owners.insert(origin.clone(), (now, owner.clone()), bytes);
    }

    /// The record that is kept, and whether nothing was committed since it was current.
    pub(crate) fn record(
        &self,
        id: &InstanceId,
        now: Option<Moment>,
    ) -> (Option<Arc<KeptRecord>>, bool) {
        let Some((then, record)) = self.records.get(id) else { return (None, false) };
        (Some(record), Some(then) == now)
    }

    pub(crate) fn keep_record(&self, id: InstanceId, record: &Arc<KeptRecord>, now: Moment) {
        self.records.insert(id, (now, Arc::clone(record)), record.bytes);
    }
}

impl KeptRecord {
    pub(crate) fn new(record: GuestRecord, version: RecordVersion) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bytes = bytes_of(&record);
        Self { record, version, number, bytes }
    }

    /// A number that no other record of this process has, nor any other state of this one.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Deref for KeptRecord {
    type Target = GuestRecord;

    fn deref(&self) -> &GuestRecord {
        &self.record
    }
}

/// About what a record takes: its texts are as long here as in JSON, and each has a length and a
/// place of its own, for which JSON has a name and quotes.
fn bytes_of(record: &GuestRecord) -> usize {
    let mut count = Count(size_of::<KeptRecord>());
    let shown = (&record.instance, &record.network_info, &record.security_groups);
    // Neither counting nor these values' encoding can fail.
    let _ = serde_json::to_writer(&mut count, &shown);
    count.0 + record.password.len()
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
