//! ISO 9660 with Rock Ridge and Joliet.

mod fields;
mod read;
mod write;

pub(crate) use self::{read::Reader, write::write};
