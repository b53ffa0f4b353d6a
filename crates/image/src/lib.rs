//! Drive images: a tree to ISO 9660, VFAT and VHD, and back. All in this process and in memory:
//! no program is started, nothing is mounted, nobody has to be root.
//!
//! What is read may come from anybody: sizes, counts and depths are limited, and an image that
//! contradicts itself is an error.

mod build;
mod drive;
mod format;
mod image;
mod iso9660;
mod limits;
mod source;
mod tree;
mod vfat;
mod vhd;

pub use build::{BuildError, VFAT_BYTES, Volume, build, fixed_vhd};
pub use drive::{Container, Drive, Entry, EntryKind, FileSystem, ReadError};
pub use format::{Format, UnknownFormat};
pub use image::Image;
pub use source::Source;
pub use tree::{SEGMENT_BYTES_MAX, Tree, TreeError};
