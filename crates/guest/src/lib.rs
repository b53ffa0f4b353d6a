//! `innkeeper-guest`: the program inside a machine that reads its metadata, from the config drive
//! or the metadata service, and applies it. For images without cloud-init.
//!
//! The program is one static file. What it reads may come from anybody, and the users of the
//! machine may have placed links where it writes: both are expected everywhere below.

mod account;
mod apply;
mod command_line;
mod documents;
mod drive;
mod files;
mod log;
mod naming;
pub mod network;
mod run;
mod service;
mod settings;
mod source;
mod state;
mod steps;

pub use run::{Exit, run};
