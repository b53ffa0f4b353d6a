//! The directories and files of a tree, before anything is said of names or places.

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;

use crate::{
    BuildError, Format, Tree,
    limits::{DEPTH_MAX, PATH_BYTES_MAX},
};

/// Directories of an image: path tables number them with 16 bits.
const DIRECTORIES_MAX: usize = 0xffff;

/// Bytes of a name: Linux cuts longer ones off where Rock Ridge puts them together.
const NAME_BYTES_MAX: usize = 253;

/// A directory or file.
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    /// Which node it is in; the root is in itself.
    pub(super) parent: usize,
    /// Of a file, which of the contents; `None` for a directory.
    pub(super) contents: Option<usize>,
    /// As `stat` has it: for a directory, its name, its `.` and one `..` per directory in it.
    pub(super) links: u32,
}

/// All of them. The first is the root, and each one comes after the one it is in.
pub(super) struct Nodes<'a> {
    nodes: Vec<Node<'a>>,
    /// Contents that do not share memory, in the order of the files that have them first.
    contents: Vec<&'a Bytes>,
    /// Nodes by the node they are in.
    children: Vec<usize>,
    /// Where in `children` those of a node begin, and behind the last one the end.
    first_child: Vec<usize>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(tree: &'a Tree) -> Result<Self, BuildError> {
        let root = Node { name: "", parent: 0, contents: None, links: 2 };
        let mut nodes = Vec::with_capacity(2 * tree.files().len() + 1);
        nodes.push(root);
        let mut contents = Contents::with_capacity(tree.files().len());
        // The directories of the file before, from the root. Files of one directory follow each
        // other in a sorted tree, as they begin with the same bytes.
        let mut open: Vec<usize> = vec![0];
        let mut open_path = "";
        let mut directories = 1;
        for (path, bytes) in tree.files() {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            if directory != open_path {
                directories += open_directories(&mut nodes, &mut open, directory);
                open_path = directory;
            }
            check(path, open.len(), directories)?;
            let parent = *open.last().expect("the root is never closed");
            nodes.push(Node { name, parent, contents: Some(contents.index(bytes)), links: 1 });
        }
        let (children, first_child) = group(&nodes);
        Ok(Self { nodes, contents: contents.list, children, first_child })
    }

    pub(super) const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, index: usize) -> &Node<'a> {
        &self.nodes[index]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter()
    }

    pub(super) fn contents(&self) -> &[&'a Bytes] {
        &self.contents
    }

    /// All nodes but the root, those in one directory next to each other.
    pub(super) fn children(&self) -> &[usize] {
        &self.children
    }

    /// Which of the [`children`](Self::children) are in `directory`.
    pub(super) fn within(&self, directory: usize) -> Range<usize> {
        self.first_child[directory]..self.first_child[directory + 1]
    }
}

/// Contents, each once.
struct Contents<'a> {
    list: Vec<&'a Bytes>,
    places: HashMap<(*const u8, usize), usize>,
}

impl<'a> Contents<'a> {
    fn with_capacity(files: usize) -> Self {
        Self { list: Vec::with_capacity(files), places: HashMap::with_capacity(files) }
    }

    fn index(&mut self, bytes: &'a Bytes) -> usize {
        *self.places.entry((bytes.as_ptr(), bytes.len())).or_insert_with(|| {
            self.list.push(bytes);
            self.list.len() - 1
        })
    }
}

/// Closes directories and opens others until `path` is open; answers how many are new.
fn open_directories<'a>(nodes: &mut Vec<Node<'a>>, open: &mut Vec<usize>, path: &'a str) -> usize {
    let before = nodes.len();
    let mut depth = 1;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let is_open = open.get(depth).is_some_and(|index| nodes[*index].name == name);
        if !is_open {
            open.truncate(depth);
            let parent = open[depth - 1];
            open.push(nodes.len());
            nodes[parent].links += 1;
            nodes.push(Node { name, parent, contents: None, links: 2 });
        }
        depth += 1;
    }
    open.truncate(depth);
    nodes.len() - before
}

fn check(path: &str, depth: usize, directories: usize) -> Result<(), BuildError> {
    let reason = if depth > DEPTH_MAX {
        "it is more than 64 directories deep"
    } else if path.len() > PATH_BYTES_MAX {
        "it is longer than the 4096 bytes that Linux takes"
    } else if path.split('/').any(|name| name.len() > NAME_BYTES_MAX) {
        "a name has more than the 253 bytes that Linux reads of one"
    } else if directories > DIRECTORIES_MAX {
        "there are more than 65535 directories"
    } else {
        return Ok(());
    };
    Err(BuildError::Path { format: Format::Iso9660, path: path.to_owned(), reason })
}

/// The nodes sorted by parent, and where those of each one begin.
fn group(nodes: &[Node<'_>]) -> (Vec<usize>, Vec<usize>) {
    let mut first = vec![0; nodes.len() + 1];
    nodes.iter().skip(1).for_each(|node| first[node.parent + 1] += 1);
    for index in 1..first.len() {
        first[index] += first[index - 1];
    }
    let mut next = first.clone();
    let mut children = vec![0; nodes.len() - 1];
    for (index, node) in nodes.iter().enumerate().skip(1) {
        children[next[node.parent]] = index;
        next[node.parent] += 1;
    }
    (children, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_once_and_counted() {
        let mut tree = Tree::new();
        for path in ["a-b", "a/x/1", "a/x/2", "a/y", "a.b/z", "c"] {
            tree.insert(path, Bytes::from(path.to_owned())).unwrap();
        }
        let nodes = Nodes::new(&tree).unwrap();
        let names = |directory: usize| -> Vec<&str> {
            let range = nodes.within(directory);
            nodes.children()[range].iter().map(|index| nodes.node(*index).name).collect()
        };
        assert_eq!(names(0), ["a-b", "a.b", "a", "c"]);
        let a = (0..nodes.len()).find(|index| nodes.node(*index).name == "a").unwrap();
        assert_eq!(names(a), ["x", "y"]);
        assert_eq!((nodes.node(0).links, nodes.node(a).links), (4, 3));
    }

    #[test]
    fn contents_in_the_same_memory_are_one() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let mut tree = Tree::new();
        tree.insert("a", bytes.clone()).unwrap();
        tree.insert("b", Bytes::from(vec![1, 2, 3])).unwrap();
        tree.insert("c", bytes).unwrap();
        let nodes = Nodes::new(&tree).unwrap();
        let contents: Vec<_> = nodes.iter().filter_map(|node| node.contents).collect();
        assert_eq!(contents, [0, 1, 0]);
    }

    #[test]
    fn what_no_guest_could_open_is_refused() {
        let deep = |depth| {
            let mut tree = Tree::new();
            tree.insert(vec!["d"; depth].join("/"), Bytes::new()).unwrap();
            Nodes::new(&tree).map(|nodes| nodes.len())
        };
        assert_eq!(deep(DEPTH_MAX), Ok(DEPTH_MAX + 1));
        assert!(matches!(deep(DEPTH_MAX + 1), Err(BuildError::Path { .. })));
        for path in [vec!["d".repeat(200); 21].join("/"), "n".repeat(254), "n".repeat(254) + "/a"] {
            let mut tree = Tree::new();
            tree.insert(path, Bytes::new()).unwrap();
            assert!(matches!(Nodes::new(&tree), Err(BuildError::Path { .. })));
        }
    }
}
