//! A value of the EC2 documents: something to walk on the metadata service, JSON on a drive.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::{Child, Directory, Entry, File};

/// A node of the tree below `meta-data`.
pub(super) enum Node<'a> {
    Leaf(Leaf<'a>),
    Dictionary(Children<'a>),
    /// A dictionary that its parent lists by a name of its own, without a slash.
    Named(String, Children<'a>),
}

/// In the order in which a drive has them.
pub(super) type Children<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// A value of its own: one path on the service.
pub(super) enum Leaf<'a> {
    Text(Cow<'a, str>),
    Number(u32),
    /// Its elements have no path.
    List(&'a [String]),
    Nothing,
}

impl<'a> Node<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Leaf(Leaf::Text(text.into()))
    }

    /// A text that there may not be.
    pub(super) fn optional_text(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        Self::Leaf(text.map_or(Leaf::Nothing, |text| Leaf::Text(text.into())))
    }

    /// What lies below. A leaf has nothing below it.
    pub(super) fn descend(self, segments: &[&str]) -> Option<Entry<'a>> {
        let Some((first, rest)) = segments.split_first() else { return Some(self.entry()) };
        let children = match self {
            Self::Leaf(_) => return None,
            // An accident of Nova's that guests may have come to read.
            Self::Named(name, _) if *first == "_name" && rest.is_empty() => {
                return Some(Self::text(name).entry());
            }
            Self::Dictionary(children) | Self::Named(_, children) => children,
        };
        let (_, found) = children.into_iter().find(|(name, _)| name == first)?;
        found.descend(rest)
    }

    /// The line by which a listing has it.
    pub(super) fn child(&self, name: &str) -> Child {
        match self {
            Self::Leaf(_) => Child::plain(name),
            Self::Dictionary(_) => Child::directory(name),
            Self::Named(shown, _) => Child::shown_as(name, shown),
        }
    }

    fn entry(self) -> Entry<'a> {
        match self {
            Self::Leaf(leaf) => Entry::File(File::text(leaf.shown())),
            Self::Dictionary(mut children) | Self::Named(_, mut children) => {
                children.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                let children = children.iter().map(|(name, node)| node.child(name));
                Entry::Directory(Directory::new(children.collect()))
            }
        }
    }
}

impl<'a> Leaf<'a> {
    /// What the service answers.
    fn shown(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string().into(),
            Self::List(items) => items.join("\n").into(),
            // As Python shows it.
            Self::Nothing => "None".into(),
        }
    }
}

/// As in a drive's `meta-data.json`; the accident above is not repeated there.
impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(Leaf::Text(text)) => serializer.serialize_str(text),
            Self::Leaf(Leaf::Number(number)) => serializer.serialize_u32(*number),
            Self::Leaf(Leaf::List(items)) => serializer.collect_seq(*items),
            Self::Leaf(Leaf::Nothing) => serializer.serialize_none(),
            Self::Dictionary(children) | Self::Named(_, children) => {
                serializer.collect_map(children.iter().map(|(name, node)| (name, node)))
            }
        }
    }
}
