//! Archives that the kernel unpacks as its first file system: cpio's "newc" format.

use std::io::{self, Write};

/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";
/// Names and contents start at multiples of this.
const ALIGNMENT: usize = 4;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// An archive under construction; the same entries in the same order give the same bytes.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    to: W,
    entries: u32,
    directories: Vec<String>,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub(crate) fn new(to: W) -> Self {
        Self { to, entries: 0, directories: Vec::new() }
    }

    /// Adds a file of root's, and the directories above it that were not added yet.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, FILE | mode, content)
    }

    /// Adds a directory unless it was added already.
    pub(crate) fn directory(&mut self, path: &str) -> io::Result<()> {
        if self.directories.iter().any(|added| added == path) {
            return Ok(());
        }
        self.parents(path)?;
        self.directories.push(path.to_owned());
        self.entry(path, DIRECTORY | 0o755, &[])
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, &[])?;
        Ok(self.to)
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.directory(parent),
            None => Ok(()),
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let sizes = (u32::try_from(content.len()), u32::try_from(path.len() + 1));
        let (Ok(size), Ok(name)) = sizes else {
            return Err(io::Error::other(format!("{path} is too large for a cpio archive")));
        };
        // inode, mode, owner, group, links, time, size, device (4), name's length, checksum
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name, 0];
        let mut header = b"070701".to_vec();
        for field in fields {
            write!(header, "{field:08X}")?;
        }
        header.extend_from_slice(path.as_bytes());
        header.push(0);
        self.padded(&header)?;
        self.padded(content)
    }

    fn padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        let end = bytes.len().next_multiple_of(ALIGNMENT);
        self.to.write_all(&[0; ALIGNMENT][..end - bytes.len()])
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.file("init", 0o755, b"#!/bin/sh\n").expect("memory");
        archive.file("a/b/c", 0o600, b"12345").expect("memory");
        archive.file("a/b/d", 0o644, b"").expect("memory");
        archive.finish().expect("memory")
    }

    #[test]
    fn cpio_lists_what_was_put_in() {
        let mut cpio = Command::new("cpio")
            .args(["--list", "--verbose", "--numeric-uid-gid", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cpio is installed");
        cpio.stdin.take().expect("piped").write_all(&archive()).expect("cpio reads");
        let output = cpio.wait_with_output().expect("cpio ends");
        assert!(output.status.success());
        let listed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<_> = listed.lines().map(columns).collect();
        assert_eq!(
            lines,
            [
                "-rwxr-xr-x 0 0 10 init",
                "drwxr-xr-x 0 0 0 a",
                "drwxr-xr-x 0 0 0 a/b",
                "-rw------- 0 0 5 a/b/c",
                "-rw-r--r-- 0 0 0 a/b/d",
            ]
        );
    }

    /// Mode, owner, group, size and name: not the number of links, not the time.
    fn columns(line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        [&[words[0]], &words[2..5], &words[8..]].concat().join(" ")
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        assert_eq!(archive(), archive());
        assert_eq!(archive().len() % ALIGNMENT, 0);
    }
}
