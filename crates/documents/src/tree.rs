//! The tree of all documents of a machine.

use innkeeper_model::{GuestRecord, path};

use crate::{CivilDate, File, MediaType, Rendered, Settings, ec2, openstack};

/// Every document of one machine, by path.
#[derive(Debug, Clone)]
pub struct GuestTree<'a> {
    pub(crate) record: &'a GuestRecord,
    pub(crate) settings: &'a Settings,
    pub(crate) today: CivilDate,
    pub(crate) asked_from: Option<String>,
    pub(crate) dynamic_vendor_data: &'a [(String, serde_json::Value)],
}

impl<'a> GuestTree<'a> {
    /// The documents of `record` as of `today` (UTC), on which it depends which versions are
    /// listed.
    pub const fn new(record: &'a GuestRecord, settings: &'a Settings, today: CivilDate) -> Self {
        Self { record, settings, today, asked_from: None, dynamic_vendor_data: &[] }
    }

    /// The same documents as asked for from `address`, which a machine without a fixed IPv4
    /// address is shown as its own.
    #[must_use]
    pub fn asked_from(mut self, address: Option<impl ToString>) -> Self {
        self.asked_from = address.map(|address| address.to_string());
        self
    }

    /// The same documents with what the operator's services say of the machine: each service's name
    /// and its answer, in order. Only a file that [needs it](File::needs_dynamic_vendor_data) shows
    /// it.
    #[must_use]
    pub const fn with_dynamic_vendor_data(
        mut self,
        answers: &'a [(String, serde_json::Value)],
    ) -> Self {
        self.dynamic_vendor_data = answers;
        self
    }

    /// What is at `path`, percent-decoded and without its query; `None` if nothing is.
    pub fn get(&self, path: &str) -> Option<Entry<'a>> {
        let segments = path::segments(path);
        match segments.as_slice() {
            ["openstack", rest @ ..] => openstack::get(self, rest),
            ["ec2", rest @ ..] => ec2::get(self, rest),
            all => ec2::get(self, all),
        }
    }
}

/// What `/` lists, whoever asks.
pub fn root_listing() -> Directory {
    ec2::versions()
}

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Entry<'a> {
    /// Something to list.
    Directory(Directory),
    /// Something to render.
    File(File<'a>),
}

impl Entry<'_> {
    /// What guests read of it, to be read more than once.
    pub fn rendered(&self) -> Rendered {
        match self {
            Self::Directory(directory) => {
                Rendered::new(MediaType::Text, directory.listing().into())
            }
            Self::File(file) => file.rendered(),
        }
    }
}

/// The children of a path, in the order of its listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    children: Vec<Child>,
}

impl Directory {
    pub(crate) const fn new(children: Vec<Child>) -> Self {
        Self { children }
    }

    /// What is below.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// What guests read of it: one line per child, no newline at the end.
    pub fn listing(&self) -> String {
        let shown: Vec<&str> = self.children.iter().map(|child| child.shown.as_str()).collect();
        shown.join("\n")
    }
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    segment: String,
    shown: String,
}

impl Child {
    /// The segment by which it is reached.
    pub fn segment(&self) -> &str {
        &self.segment
    }

    /// What the listing says: some directories have a slash behind, some another name.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn plain(name: &str) -> Self {
        Self::shown_as(name, name)
    }

    pub(crate) fn directory(name: &str) -> Self {
        Self::shown_as(name, &format!("{name}/"))
    }

    pub(crate) fn shown_as(segment: &str, shown: &str) -> Self {
        Self { segment: segment.to_owned(), shown: shown.to_owned() }
    }
}
