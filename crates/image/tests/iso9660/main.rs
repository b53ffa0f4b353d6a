//! ISO 9660 images: ours read by every program at hand, everybody's read by us, and what happens
//! to damaged ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests panic as tests do")]

mod damaged;
mod foreign;
mod oracles;
mod programs;
mod round_trip;
mod sample;
