//! One pass: compare what is to be there with what is, and mend the difference.

use std::collections::BTreeMap;

use innkeeper_model::{Topology, TopologyGeneration};

use crate::{
    HostConfig, HostError, bridge, inside, interior,
    namespace::Namespaces,
    netlink::Netlink,
    nft::MetadataRules,
    plan::{NamespacePlan, Plan},
    removal,
    report::ReconcileReport,
    veth,
};

/// How much a pass looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What the topology changed, and what failed before.
    Changed,
    /// Everything: somebody else may have changed it.
    Full,
}

/// Makes passes, one at a time, and remembers what is settled.
#[derive(Debug)]
pub(crate) struct Reconciler {
    namespaces: Namespaces,
    rules: MetadataRules,
    settled: BTreeMap<String, NamespacePlan>,
    /// Namespaces whose removal failed.
    unremoved: Vec<String>,
    generation: Option<TopologyGeneration>,
}

impl Reconciler {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self {
            namespaces: Namespaces::new(config.netns_dir),
            rules: MetadataRules::new(config.metadata_port, config.nft),
            settled: BTreeMap::new(),
            unremoved: Vec::new(),
            generation: None,
        }
    }

    /// The topology brought up last, and how many of its namespaces are settled.
    pub(crate) fn progress(&self) -> (Option<TopologyGeneration>, usize) {
        (self.generation, self.settled.len())
    }

    pub(crate) fn pass(&mut self, topology: &Topology, depth: Depth) -> ReconcileReport {
        let mut report = ReconcileReport::default();
        match Netlink::open() {
            Ok(outside) => self.pass_with(&outside, topology, depth, &mut report),
            Err(error) => report.failed("netlink", &error),
        }
        self.generation = Some(topology.generation);
        report
    }

    fn pass_with(
        &mut self,
        outside: &Netlink,
        topology: &Topology,
        depth: Depth,
        report: &mut ReconcileReport,
    ) {
        let plan = Plan::new(topology);
        match self.candidates_for_removal(depth) {
            Ok(names) => {
                self.unremoved =
                    removal::remove_namespaces(names, &plan, &self.namespaces, &self.rules, report);
            }
            Err(error) => report.failed("namespaces", &error),
        }
        removal::remove_links(&plan, outside, report);
        self.settled.retain(|name, settled| plan.namespaces.get(name) == Some(settled));
        for (name, namespace) in plan.namespaces {
            if depth == Depth::Changed && self.settled.contains_key(&name) {
                continue;
            }
            match self.mend(&name, &namespace, outside, report) {
                Ok(()) => {
                    self.settled.insert(name, namespace);
                }
                Err(error) => {
                    self.settled.remove(&name);
                    report.failed(&name, &error);
                }
            }
        }
    }

    fn candidates_for_removal(&self, depth: Depth) -> Result<Vec<String>, HostError> {
        match depth {
            Depth::Changed => Ok(self.settled.keys().chain(&self.unremoved).cloned().collect()),
            Depth::Full => self.namespaces.names(),
        }
    }

    fn mend(
        &self,
        name: &str,
        plan: &NamespacePlan,
        outside: &Netlink,
        report: &mut ReconcileReport,
    ) -> Result<(), HostError> {
        let mut bridges = Vec::with_capacity(plan.links.len());
        for link in &plan.links {
            bridges.push(bridge::ensure(outside, &link.bridge, report)?);
        }
        let namespace = match self.namespaces.open(name)? {
            Some(namespace) => namespace,
            None => {
                let made = self.namespaces.create(name)?;
                report.changed(name, "made namespace");
                made
            }
        };
        let mut within = ReconcileReport::default();
        let mended = inside::run(&namespace.file, name, || {
            interior::mend(plan, &namespace.file, outside, &self.rules, &mut within)
        });
        report.absorb(name, within);
        mended?;
        for (link, bridge) in plan.links.iter().zip(&bridges) {
            veth::plug_in(link, bridge, outside, report)?;
        }
        Ok(())
    }
}
