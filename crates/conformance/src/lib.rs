//! Replays recordings of OpenStack Nova against the real program and compares what it answers,
//! byte for byte.
//!
//! A [`Plan`] is read from a directory of recordings: which configurations there were, which
//! machines each needs, which requests were asked of it. [`run`] starts `innkeeper api` once per
//! configuration, imports the machines as an operator would, asks, and compares. What differs on
//! purpose stands in a file of [`Deviations`], and nowhere else.

mod compare;
mod configuration;
mod deviations;
mod echo;
mod error;
mod exchange;
mod plan;
mod recording;
mod replay;
mod report;
mod server;

pub use deviations::{Deviation, Deviations};
pub use error::ConformanceError;
pub use plan::Plan;
pub use replay::{Options, run};
pub use report::Report;
