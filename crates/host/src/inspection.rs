//! What is there and what is not as it should be, for people.

use std::{collections::BTreeMap, fmt};

use innkeeper_model::{MetadataPath, Topology};

use crate::{
    plan::Plan,
    report::{Failure, ReconcileReport},
};

/// What a host role would do, and how everything stands.
#[derive(Debug, Default)]
pub struct Inspection {
    /// What would be changed, in order, and what stands in the way.
    pub report: ReconcileReport,
    /// Every namespace that is to be there.
    pub namespaces: BTreeMap<String, Standing>,
    /// Taps that are guarded, or would be.
    pub taps: usize,
    /// What an operator should know, and the role cannot mend.
    pub remarks: Vec<Failure>,
}

/// How a namespace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Good,
    /// Not there.
    Missing,
    /// There, with something in it that is to be changed.
    Differing,
    /// Something stands in the way.
    Failing,
}

impl Standing {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Missing => "missing",
            Self::Differing => "differing",
            Self::Failing => "failing",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Inspection {
    /// Whether nothing is to be done and nothing to be known.
    pub fn is_good(&self) -> bool {
        self.report.is_settled() && self.report.changes.is_empty() && self.remarks.is_empty()
    }

    pub(crate) fn of(topology: &Topology, path: MetadataPath, report: ReconcileReport) -> Self {
        let mut namespaces: BTreeMap<String, Standing> = Plan::new(topology, path)
            .namespaces
            .into_keys()
            .map(|name| (name, Standing::Good))
            .collect();
        let mut stands = |item: &str, standing: Standing| {
            let (name, within) = item.split_once('/').unwrap_or((item, ""));
            let standing = match standing {
                Standing::Differing if within.is_empty() => Standing::Missing,
                other => other,
            };
            if let Some(known) = namespaces.get_mut(name)
                && *known != Standing::Missing
            {
                *known = standing;
            }
        };
        for change in &report.changes {
            stands(&change.item, Standing::Differing);
        }
        for failure in &report.failures {
            stands(&failure.item, Standing::Failing);
        }
        Self { report, namespaces, ..Self::default() }
    }
}
