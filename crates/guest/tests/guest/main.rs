//! The program as image builders run it: on trees of files with `--root`, on images of every
//! format, against services on this machine, and live in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests panic as tests do")]

mod bad_input;
mod drive;
mod harness;
mod http;
mod live;
mod once;
mod service;
