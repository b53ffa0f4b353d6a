//! Whether a guest will understand its user data, told when the operator writes it: what is wrong
//! with it shows otherwise on the first boot only, as a machine without its keys.
//!
//! Any bytes are allowed, as in Nova; this only warns.

mod check;
mod kind;
mod mime;
mod yaml;

pub(crate) use check::warnings_of;

/// Bytes that are looked at, of one text and of all that is packed in one: far more than anybody
/// writes, and little enough that a few bytes of gzip cannot fill the memory.
const UNPACKED_BYTES_MAX: usize = 1024 * 1024;

/// Warnings about one user data: who has more than these reads none of them.
const WARNINGS_MAX: usize = 10;
