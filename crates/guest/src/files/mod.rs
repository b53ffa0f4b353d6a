//! Files of the machine, read and written so that what users of the machine put in the way does
//! not lead elsewhere.

mod error;
mod place;
mod root;
mod write;

pub(crate) use error::FileError;
pub(crate) use place::Place;
pub(crate) use root::{Missing, Root};
pub(crate) use write::Owned;
