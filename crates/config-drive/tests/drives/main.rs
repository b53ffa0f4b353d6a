//! Drives of every recorded machine: made, read back by our reader and by everybody else's, kept.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod built_in;
mod external;
mod iso9660;
mod machines;
mod reading;
mod shelf;
mod vfat;
