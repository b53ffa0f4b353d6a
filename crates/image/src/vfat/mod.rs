//! FAT with long names.

mod boot;
mod chain;
mod geometry;
mod layout;
mod names;
mod plan;
mod read;
mod records;
mod time;
mod write;

pub(crate) use read::Reader;
pub(crate) use write::write;
