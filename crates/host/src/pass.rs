//! One pass: compare what is to be there with what is, and mend the difference.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::fd::AsFd as _,
    sync::Arc,
    time::{Duration, Instant},
};

use innkeeper_model::{Topology, TopologyGeneration};

use crate::{
    HostConfig, HostError, bridge,
    dhcp::DhcpTarget,
    inside,
    interior::{self, Tools},
    namespace::{Namespace, NamespaceId, Namespaces},
    netlink::{Link, News},
    nftables::{Nft, Table, router_rules},
    outside::Outside,
    pace::RETRY_PAUSE,
    plan::{LinkPlan, NamespacePlan, NamespaceRole, Plan},
    removal,
    report::Failure,
    sweep::Sweep,
    told::Told,
    veth,
    work::{Hands, Work},
};

/// How much a pass looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What the topology changed, what failed before, and what is said to have changed.
    Changed,
    /// That, and everything else but settings.
    Full,
    /// That, and the settings of which the kernel tells: it may not have.
    Unsure,
    /// Everything: somebody else may have changed it.
    Thorough,
    /// Everything, and a bridge goes from under what is plugged into it: an operator wants none of
    /// it any more.
    Removal,
}

/// What a pass is to look at.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) depth: Depth,
    /// Where something is said to have changed.
    pub(crate) news: News,
    /// Bridges on which no guest can pass for another.
    pub(crate) guarded: BTreeSet<String>,
    /// How long the look at everything may take; what is left is for the passes after it.
    pub(crate) at_most: Option<Duration>,
}

/// Makes passes, one at a time, and remembers what is settled.
#[derive(Debug)]
pub(crate) struct Reconciler {
    config: HostConfig,
    namespaces: Namespaces,
    rules: Table,
    settled: BTreeMap<String, Settled>,
    /// The generation of the rules in each namespace that was found right.
    rules_seen: HashMap<NamespaceId, u32>,
    /// What was wrong with namespaces when they were last looked at, settled or not.
    troubles: BTreeMap<String, Trouble>,
    /// Namespaces whose removal failed.
    unremoved: Vec<String>,
    generation: Option<TopologyGeneration>,
    /// The bridges that were guarded at the last pass.
    guarded: BTreeSet<String>,
    /// How far a look at everything has come that is not at its end.
    swept: Option<String>,
}

/// A namespace that is as it should be.
#[derive(Debug)]
struct Settled {
    plan: NamespacePlan,
    id: NamespaceId,
    /// The kernel's number for it.
    number: Option<i32>,
}

/// What could not be brought about, in or of a namespace.
#[derive(Debug)]
struct Trouble {
    failures: Vec<Failure>,
    found: Instant,
}

/// The links of a namespace with their bridges, as far as those are there.
type Bridged<'a> = Vec<(&'a LinkPlan, Option<Link>)>;

impl Reconciler {
    pub(crate) fn new(config: HostConfig) -> Self {
        let nft = Nft::new(config.nft.clone());
        Self {
            namespaces: Namespaces::new(config.netns_dir.clone()),
            rules: router_rules(config.metadata_path, config.metadata_port, nft),
            config,
            settled: BTreeMap::new(),
            rules_seen: HashMap::new(),
            troubles: BTreeMap::new(),
            unremoved: Vec::new(),
            generation: None,
            guarded: BTreeSet::new(),
            swept: None,
        }
    }

    /// Whether the name of a namespace is gone that was there, or stands for something else: of that
    /// the kernel tells nobody as long as somebody has the namespace open.
    pub(crate) fn misses_a_name(&self) -> bool {
        !self.nameless().is_empty()
    }

    /// The topology brought up last, and how many of its namespaces are settled.
    pub(crate) fn progress(&self) -> (Option<TopologyGeneration>, usize) {
        (self.generation, self.settled.len())
    }

    /// The networks whose namespaces are there, for DHCP to be answered in.
    pub(crate) fn dhcp_targets(&self) -> Vec<DhcpTarget> {
        let settled = self.settled.iter().filter_map(|(name, settled)| match &settled.plan.role {
            NamespaceRole::Router => None,
            NamespaceRole::Network(network) => Some(DhcpTarget {
                network: Arc::clone(network),
                namespace: name.clone(),
                path: self.namespaces.path(name),
                id: settled.id,
            }),
        });
        settled.collect()
    }

    pub(crate) fn pass(&mut self, topology: &Topology, scope: &Scope, hands: Hands) -> Work {
        let mut work = Work::new(hands);
        match Outside::open() {
            Ok(outside) => self.pass_with(&outside, topology, scope, &mut work),
            Err(error) => {
                work.report.failed("netlink", &error);
                work.report.came_to_nothing = true;
            }
        }
        self.generation = Some(topology.generation);
        work
    }

    fn pass_with(
        &mut self,
        outside: &Outside,
        topology: &Topology,
        scope: &Scope,
        work: &mut Work,
    ) {
        let depth = scope.depth;
        let mut plan = Plan::new(topology, self.config.metadata_path);
        for (who, error) in &plan.conflicts {
            work.report.failed(who, error);
        }
        // Links first, many at once: each that is left in a namespace is removed on its own.
        removal::remove_links(&plan, outside, depth == Depth::Removal, work);
        match self.candidates_for_removal(depth) {
            Ok(names) => {
                self.unremoved = removal::remove_namespaces(names, &plan, &self.namespaces, work);
            }
            Err(error) => work.report.failed("namespaces", &error),
        }
        let bridges = ensure_bridges(outside, &plan, work);
        self.settled.retain(|name, settled| plan.namespaces.get(name) == Some(&settled.plan));
        self.troubles.retain(|name, _| plan.namespaces.contains_key(name));
        let is_new = self.generation != Some(topology.generation);
        let told = self.told(&plan, scope);
        let swept = self.swept.take();
        let mut sweep =
            (depth != Depth::Changed).then(|| Sweep::go_on(swept.clone(), scope.at_most));
        for (name, namespace) in std::mem::take(&mut plan.namespaces) {
            let is_told = told.contains(&name);
            let is_its_turn = sweep.as_mut().is_some_and(|sweep| sweep.reaches(&name));
            if !is_told && !is_its_turn && !self.is_due(&name, is_new) {
                if let Some(trouble) = self.troubles.get(&name) {
                    work.report.failures.extend_from_slice(&trouble.failures);
                }
                continue;
            }
            let failures_before = work.report.failures.len();
            let bridged: Result<Bridged<'_>, ()> = namespace
                .links
                .iter()
                .map(|link| bridges.get(&link.bridge).map(|found| (link, found.clone())).ok_or(()))
                .collect();
            // What is wrong with a bridge was said of the bridge.
            let Ok(bridged) = bridged else {
                self.settled.remove(&name);
                self.troubles.remove(&name);
                continue;
            };
            // Of forwarding, a router's setting, the kernel tells; of what else is set it tells nobody.
            let may_be_told_of_settings = is_told || depth == Depth::Unsure;
            let settings = depth == Depth::Thorough
                || (may_be_told_of_settings && namespace.role == NamespaceRole::Router);
            let begun = Instant::now();
            match self.mend(&name, &namespace, &bridged, (outside, &scope.guarded, settings), work)
            {
                Ok(Some((id, number))) => {
                    self.settled.insert(name.clone(), Settled { plan: namespace, id, number });
                }
                Ok(None) => {}
                Err(error) => {
                    self.settled.remove(&name);
                    work.report.failed(&name, &error);
                }
            }
            self.note_troubles(name, work.report.failures.get(failures_before..));
            if !is_its_turn {
                let took = begun.elapsed();
                work.report.aside += took;
                if let Some(sweep) = &mut sweep {
                    sweep.put_off(took);
                }
            }
        }
        self.swept = match sweep {
            Some(sweep) => sweep.rest(),
            None => swept,
        };
        work.report.unfinished = depth != Depth::Changed && self.swept.is_some();
        self.guarded.clone_from(&scope.guarded);
        let alive: BTreeSet<_> = self.settled.values().map(|settled| settled.id).collect();
        self.rules_seen.retain(|id, _| alive.contains(id));
    }

    /// Whether a namespace of which nobody told anything is to be looked at: what is not settled at
    /// once, or once a while has gone by since it was found wrong.
    fn is_due(&self, name: &str, is_new: bool) -> bool {
        match self.troubles.get(name) {
            Some(trouble) if trouble.found.elapsed() < RETRY_PAUSE => {
                is_new && !self.settled.contains_key(name)
            }
            Some(_) => true,
            None => !self.settled.contains_key(name),
        }
    }

    fn note_troubles(&mut self, name: String, failures: Option<&[Failure]>) {
        match failures {
            None | Some([]) => drop(self.troubles.remove(&name)),
            Some(failures) => {
                let trouble = Trouble { failures: failures.to_vec(), found: Instant::now() };
                self.troubles.insert(name, trouble);
            }
        }
    }

    /// The namespaces that there is a reason to look at.
    fn told(&self, plan: &Plan, scope: &Scope) -> BTreeSet<String> {
        let told = Told::new(&scope.news, &self.guarded, &scope.guarded);
        let inside = self.settled.iter().filter(|(_, settled)| told.inside(settled.number));
        let names = inside.map(|(name, _)| name).chain(told.outside(&plan.namespaces));
        names.cloned().chain(self.nameless()).collect()
    }

    /// Settled namespaces whose names are gone, or stand for something else.
    fn nameless(&self) -> Vec<String> {
        let settled = self.settled.iter();
        let nameless = settled.filter(|(name, found)| self.namespaces.id(name) != Some(found.id));
        nameless.map(|(name, _)| name.clone()).collect()
    }

    fn candidates_for_removal(&self, depth: Depth) -> Result<Vec<String>, HostError> {
        match depth {
            Depth::Changed => Ok(self.settled.keys().chain(&self.unremoved).cloned().collect()),
            Depth::Full | Depth::Unsure | Depth::Thorough | Depth::Removal => {
                self.namespaces.names()
            }
        }
    }

    /// Its id and the kernel's number for it; `None` if it is not there because nothing is changed.
    fn mend(
        &mut self,
        name: &str,
        plan: &NamespacePlan,
        bridged: &Bridged<'_>,
        (outside, guarded, settings): (&Outside, &BTreeSet<String>, bool),
        work: &mut Work,
    ) -> Result<Option<(NamespaceId, Option<i32>)>, HostError> {
        let found = self.namespaces.open(name)?;
        let is_made = found.is_none();
        let found = match found {
            None => self.make_namespace(name, plan, work)?,
            found => found,
        };
        let Some(namespace) = found else { return Ok(None) };
        let id = namespace.id;
        if is_made {
            // The kernel may have given it the id of the one before.
            self.settled.remove(name);
            self.rules_seen.remove(&id);
        }
        let rules_seen = self.rules_seen.get(&id).copied();
        let known = self.settled.get(name).filter(|settled| settled.id == id);
        let number = known.and_then(|known| known.number);
        let settings = settings || known.is_none();
        let tools = Tools { name, outside, rules: &self.rules, rules_seen, settings, guarded };
        let mut within = work.within();
        let mended = inside::run(&namespace.file, name, || {
            interior::mend(plan, &namespace.file, tools, &mut within)
        });
        work.absorb(name, within);
        if let Some(generation) = mended? {
            self.rules_seen.insert(id, generation);
        }
        for (link, bridge) in bridged {
            veth::plug_in(link, bridge.as_ref(), outside, work)?;
        }
        let number = match number {
            None => outside.netlink.number_of(namespace.file.as_fd())?,
            known => known,
        };
        Ok(Some((id, number)))
    }

    fn make_namespace(
        &self,
        name: &str,
        plan: &NamespacePlan,
        work: &mut Work,
    ) -> Result<Option<Namespace>, HostError> {
        if !work.mends() {
            work.change(name, "made namespace", || Ok(()))?;
            if plan.role == NamespaceRole::Router {
                work.change(&format!("{name}/nftables"), "set the metadata rules", || Ok(()))?;
            }
            for link in &plan.links {
                let item = format!("{name}/{}", link.inside);
                let addresses: Vec<_> = link.addresses.iter().map(ToString::to_string).collect();
                let what = format!(
                    "made, with {} plugged into {}, and given {}",
                    link.outside,
                    link.bridge,
                    addresses.join(", ")
                );
                work.change(&item, what, || Ok(()))?;
            }
            return Ok(None);
        }
        let made = self.namespaces.create(name)?;
        work.change(name, "made namespace", || Ok(()))?;
        Ok(Some(made))
    }
}

/// The bridges that are as they should be, `None` where one is not there because nothing is
/// changed. What is wrong with another is in the report.
fn ensure_bridges(
    outside: &Outside,
    plan: &Plan,
    work: &mut Work,
) -> HashMap<String, Option<Link>> {
    let mut found = HashMap::new();
    for (name, bridge) in &plan.bridges {
        match bridge::ensure(outside, name, *bridge, work) {
            Ok(link) => drop(found.insert(name.clone(), link)),
            Err(error) => work.report.failed(name, &error),
        }
    }
    found
}
