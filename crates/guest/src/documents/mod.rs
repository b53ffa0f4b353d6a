//! The documents of one machine, in the newest version that is known here.

mod instance;
mod reading;
mod version;

pub(crate) use instance::{Instance, KeyPair};
pub(crate) use reading::{Documents, Injected, ReadingError, read};
