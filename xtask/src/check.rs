//! The checks by name, and what they look at.

mod bans;
mod directions;
mod docs;
mod licences;
mod sources;
mod tidy;
mod unsafety;

use anyhow::Result;

use crate::{metadata::Metadata, tree::Tree};

/// Everything that a check may look at, read once.
pub(crate) struct Project {
    pub(crate) metadata: Metadata,
    pub(crate) tree: Tree,
}

impl Project {
    /// Asks cargo and git about the workspace this program was built from.
    pub(crate) fn read() -> Result<Self> {
        let metadata = Metadata::read()?;
        let tree = Tree::read(&metadata.root)?;
        Ok(Self { metadata, tree })
    }
}

/// One thing that is looked after.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// What holds when nothing is found.
    pub(crate) rule: &'static str,
    /// One sentence per finding.
    pub(crate) run: fn(&Project) -> Result<Vec<String>>,
}

/// All checks, in the order in which they run.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "directions",
        rule: "a crate uses only what stands in its row of xtask/src/check/directions.rs",
        run: |project| Ok(directions::check(&project.metadata)),
    },
    Check {
        name: "licences",
        rule: "every dependency's licence is on the list in xtask/src/check/licences.rs",
        run: |project| Ok(licences::check(&project.metadata)),
    },
    Check {
        name: "sources",
        rule: "dependencies come from crates.io or this workspace",
        run: |project| Ok(sources::check(&project.metadata)),
    },
    Check {
        name: "bans",
        rule: "no crate of the list in xtask/src/check/bans.rs, and one version of the large ones",
        run: |project| Ok(bans::check(&project.metadata)),
    },
    Check {
        name: "tidy",
        rule: "short files, nothing unfinished, no path of one machine",
        run: |project| Ok(tidy::check(&project.tree)),
    },
    Check {
        name: "docs",
        rule: "every file under docs is referred to, every relative link leads somewhere",
        run: |project| Ok(docs::check(&project.tree)),
    },
    Check {
        name: "unsafe",
        rule: "unsafe code stands only in the modules listed in xtask/src/check/unsafety.rs",
        run: |project| Ok(unsafety::check(&project.tree)),
    },
];
