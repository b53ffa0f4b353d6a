//! Virtual hard disks of Hyper-V, as of Microsoft's Virtual Hard Disk Image Format 1.0.

mod footer;
mod view;
mod write;

pub(crate) use view::{View, unwrap};
pub(crate) use write::wrap;
