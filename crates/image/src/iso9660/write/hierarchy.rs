//! One of the two trees of an image: its names, the order of its directories, and their sizes.

use std::{collections::HashSet, ops::Range};

use super::{
    super::fields::SECTOR,
    names::Alphabet,
    nodes::Nodes,
    records::{DOT_LEN, fits_behind, record_len},
    rock_ridge::{self, Continuations},
};

/// A tree as it is written.
pub(super) struct Hierarchy<'n, 'a> {
    pub(super) nodes: &'n Nodes<'a>,
    pub(super) alphabet: Alphabet,
    /// Every name, one behind the other, without versions.
    names: Vec<u8>,
    /// Where in `names` that of a node is.
    spans: Vec<Range<usize>>,
    /// As in the nodes, but in the order of the names of this tree.
    children: Vec<usize>,
    /// The directories, as path tables have them: those nearer to the root first, then those whose
    /// parent comes first, then by name.
    pub(super) directories: Vec<usize>,
    /// Which of `directories` a node is; 0 for files.
    pub(super) numbers: Vec<usize>,
    /// Bytes of each of `directories`, whole sectors.
    pub(super) lens: Vec<usize>,
    /// The first sector of each of `directories`.
    pub(super) starts: Vec<usize>,
    /// Sectors behind each of `directories`, for what its records have no room for.
    continuations: Vec<usize>,
}

impl<'n, 'a> Hierarchy<'n, 'a> {
    pub(super) fn new(nodes: &'n Nodes<'a>, alphabet: Alphabet) -> Self {
        let mut names = Vec::with_capacity(nodes.len() * 32);
        let mut spans = Vec::with_capacity(nodes.len());
        for node in nodes.iter() {
            let start = names.len();
            alphabet.encode(node.name, node.contents.is_none(), &mut names);
            spans.push(start..names.len());
        }
        let mut tree = Self {
            nodes,
            alphabet,
            names,
            spans,
            children: nodes.children().to_vec(),
            directories: Vec::with_capacity(nodes.len()),
            numbers: vec![0; nodes.len()],
            lens: Vec::with_capacity(nodes.len()),
            starts: Vec::with_capacity(nodes.len()),
            continuations: Vec::with_capacity(nodes.len()),
        };
        tree.walk();
        tree.measure();
        tree
    }

    /// The name of a node, without version.
    pub(super) fn name(&self, node: usize) -> &[u8] {
        name(&self.names, &self.spans, node)
    }

    /// What ends the name of a node.
    pub(super) fn version(&self, node: usize) -> &'static [u8] {
        if self.is_directory(node) { b"" } else { self.alphabet.version() }
    }

    pub(super) fn is_directory(&self, node: usize) -> bool {
        self.nodes.node(node).contents.is_none()
    }

    /// The nodes in a directory, in the order of their records.
    pub(super) fn within(&self, directory: usize) -> &[usize] {
        &self.children[self.nodes.within(directory)]
    }

    pub(super) const fn has_rock_ridge(&self) -> bool {
        matches!(self.alphabet, Alphabet::Plain)
    }

    /// Bytes of the record of a node.
    pub(super) fn record_len(&self, node: usize) -> usize {
        let record = record_len(self.name(node).len() + self.version(node).len());
        if !self.has_rock_ridge() {
            return record;
        }
        (record + rock_ridge::len_behind(record, self.nodes.node(node).name)).next_multiple_of(2)
    }

    /// Bytes of the records of `.` and `..`.
    pub(super) const fn dots_len(&self, directory: usize) -> (usize, usize) {
        match (self.has_rock_ridge(), directory) {
            (false, _) => (DOT_LEN, DOT_LEN),
            (true, 0) => {
                let root = (DOT_LEN + rock_ridge::ROOT_LEN).next_multiple_of(2);
                (root, DOT_LEN + rock_ridge::DOTS_LEN)
            }
            (true, _) => (DOT_LEN + rock_ridge::DOTS_LEN, DOT_LEN + rock_ridge::DOTS_LEN),
        }
    }

    /// Gives every directory its place, from `sector` on; answers the first sector behind.
    pub(super) fn place(&mut self, mut sector: usize) -> usize {
        for (len, continuations) in self.lens.iter().zip(&self.continuations) {
            self.starts.push(sector);
            sector += len / SECTOR + continuations;
        }
        sector
    }

    /// Numbers the directories, level by level, and sorts what is in them.
    fn walk(&mut self) {
        self.directories.push(0);
        let mut next = 0;
        while let Some(directory) = self.directories.get(next).copied() {
            self.numbers[directory] = next;
            next += 1;
            let within = self.nodes.within(directory);
            self.sort(within.clone());
            let of_these = &self.children[within];
            let nodes = self.nodes;
            let directories = of_these.iter().filter(|node| nodes.node(**node).contents.is_none());
            self.directories.extend(directories);
        }
    }

    /// Sorts the names of one directory, and makes them differ.
    fn sort(&mut self, within: Range<usize>) {
        let children = &mut self.children[within.clone()];
        let (names, spans, alphabet) = (&self.names, &self.spans, self.alphabet);
        let by_name =
            |one: &usize, other: &usize| name(names, spans, *one).cmp(name(names, spans, *other));
        children.sort_unstable_by(by_name);
        let is_equal = |pair: &[usize]| {
            let [one, other] = [pair[0], pair[1]].map(|node| name(names, spans, node));
            alphabet.as_read(one) == alphabet.as_read(other)
        };
        if children.windows(2).any(is_equal) {
            self.number_equal_names(within.clone());
            self.sort(within);
        }
    }

    /// Numbers names that others have already. Those that are the same in this alphabet stay as
    /// they are, then those of earlier nodes.
    fn number_equal_names(&mut self, within: Range<usize>) {
        let mut nodes = self.children[within].to_vec();
        nodes.sort_unstable_by_key(|node| {
            (!self.alphabet.keeps(self.nodes.node(*node).name), *node)
        });
        let mut taken: HashSet<Vec<u8>> = HashSet::with_capacity(nodes.len());
        // Never set back, so that many equal names do not take many times as many attempts.
        let mut number = 0;
        for node in nodes {
            let is_directory = self.is_directory(node);
            let is_first = taken.insert(self.alphabet.as_read(self.name(node)).to_vec());
            if is_first {
                continue;
            }
            let mut candidate = self.name(node).to_vec();
            while taken.contains(self.alphabet.as_read(&candidate)) {
                number += 1;
                candidate.clear();
                let name = self.nodes.node(node).name;
                self.alphabet.encode_numbered(name, is_directory, Some(number), &mut candidate);
            }
            let start = self.names.len();
            self.names.extend_from_slice(&candidate);
            self.spans[node] = start..self.names.len();
            taken.insert(self.alphabet.as_read(&candidate).to_vec());
        }
    }

    /// How long the directories are, and what their records have no room for.
    fn measure(&mut self) {
        for directory in &self.directories {
            let mut continuations = Continuations::default();
            if self.has_rock_ridge() && *directory == 0 {
                continuations.claim_extension();
            }
            let (own, parent) = self.dots_len(*directory);
            let mut at = own + parent;
            for node in self.within(*directory) {
                let len = self.record_len(*node);
                at = fits_behind(at, len) + len;
                if self.has_rock_ridge() {
                    let record = record_len(self.name(*node).len() + self.version(*node).len());
                    continuations.claim_name(record, self.nodes.node(*node).name);
                }
            }
            self.lens.push(at.next_multiple_of(SECTOR));
            self.continuations.push(continuations.sectors());
        }
    }
}

fn name<'a>(names: &'a [u8], spans: &[Range<usize>], node: usize) -> &'a [u8] {
    &names[spans[node].clone()]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Tree;

    fn root_names(paths: &[String]) -> Vec<String> {
        let mut tree = Tree::new();
        paths.iter().for_each(|path| tree.insert(path.as_str(), Bytes::new()).unwrap());
        let nodes = Nodes::new(&tree).unwrap();
        let plain = Hierarchy::new(&nodes, Alphabet::Plain);
        let names = plain.within(0).iter().map(|node| plain.name(*node).to_vec());
        names.map(|name| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn names_that_become_equal_are_numbered_and_plain_ones_stay() {
        let names = root_names(&["a-b", "a b", "a_b", "a+b/c", "a_b_1"].map(str::to_owned));
        assert_eq!(names, ["a_b.", "a_b_1.", "a_b_2.", "a_b_3", "a_b_4."]);
    }

    #[test]
    fn a_thousand_long_names_with_one_beginning_differ() {
        let paths: Vec<_> = (0..1000).map(|number| format!("{}{number}", "n".repeat(40))).collect();
        let names = root_names(&paths);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 1000);
        assert!(names.iter().all(|name| name.len() <= 31), "{names:?}");
        assert!(names.is_sorted());
    }
}
