//! What belongs to a descriptor, found by its number, which the kernel reuses and keeps small.

use std::os::fd::AsRawFd;

/// Things of one kind, at most one for each descriptor.
#[derive(Debug)]
pub(super) struct Numbered<T>(Vec<Option<T>>);

impl<T> Numbered<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn put(&mut self, number: usize, thing: T) {
        if self.0.len() <= number {
            self.0.resize_with(number + 1, || None);
        }
        if let Some(place) = self.0.get_mut(number) {
            *place = Some(thing);
        }
    }

    pub(super) fn get(&mut self, number: usize) -> Option<&mut T> {
        self.0.get_mut(number)?.as_mut()
    }

    pub(super) fn take(&mut self, number: usize) -> Option<T> {
        self.0.get_mut(number)?.take()
    }
}

/// The number of an open descriptor.
pub(super) fn number(descriptor: &impl AsRawFd) -> usize {
    usize::try_from(descriptor.as_raw_fd()).expect("an open descriptor is not negative")
}
