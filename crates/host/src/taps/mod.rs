//! The taps that machines are plugged in by: which there are, what may come from them, and keeping
//! those that were made here plugged in.

mod decide;
mod device;
mod guard;
mod survey;
mod tun;

pub(crate) use self::guard::{GuardState, Guarding, Look};
pub use self::{device::Tap, tun::TapOwner};
