//! Keeping the guard as it should be.

use std::collections::{BTreeMap, BTreeSet};

use innkeeper_model::{PluggedPort, Topology};

use super::{
    decide::{Decision, decide},
    survey::{Bridges, SeenTap, Survey},
};
use crate::{
    HostError, bridge,
    netlink::LinkChange,
    nftables::{Guard, GuardedTap, Nft, Rules},
    outside::Outside,
    report::Failure,
    work::{Hands, Work},
};

/// Guards taps, one pass after another, and remembers what was right.
#[derive(Debug)]
pub(crate) struct Guarding {
    guard: Guard,
    /// What is let through, and the generation of rules in which that was found set.
    seen: Option<(BTreeMap<String, GuardedTap>, u32)>,
}

/// How the guard stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GuardState {
    /// Bridges on which no guest can pass for another.
    pub(crate) bridges: BTreeSet<String>,
    /// How many taps are guarded.
    pub(crate) taps: usize,
    /// What an operator should know.
    pub(crate) remarks: Vec<Failure>,
}

/// What was found, and for whose tap it is to be asked.
#[derive(Debug)]
pub(crate) struct Look {
    outside: Outside,
    bridges: Bridges,
    survey: Survey,
}

impl Look {
    /// Looks at the links of the calling thread's namespace.
    pub(crate) fn new(topology: &Topology) -> Result<Self, HostError> {
        let outside = Outside::open()?;
        let bridges = Bridges::of(topology, &outside);
        let survey = Survey::of(&outside, &bridges);
        Ok(Self { outside, bridges, survey })
    }

    /// The beginnings of the ids of the ports to ask for.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        self.survey.prefixes()
    }
}

impl Guarding {
    pub(crate) fn new(nft: Nft) -> Self {
        Self { guard: Guard::new(nft), seen: None }
    }

    /// Guards what was found; `ports` is `None` if nobody could be asked for them.
    pub(crate) fn pass(
        &mut self,
        look: &Look,
        ports: Option<&[PluggedPort]>,
        hands: Hands,
    ) -> (GuardState, Work) {
        let mut work = Work::new(hands);
        let nothing = BTreeMap::new();
        let before = self.seen.as_ref().map_or(&nothing, |(taps, _)| taps);
        let decision = decide(&look.survey, &look.bridges, ports, before);
        let mut state = GuardState {
            bridges: decision.guarded_bridges.clone(),
            taps: decision.guard.len(),
            remarks: decision.remarks.clone(),
        };
        let ensured = if ports.is_none() && self.seen.is_none() {
            self.close_newcomers(&decision, &mut work)
        } else {
            self.ensure(&decision, &mut work)
        };
        match ensured {
            Ok(()) => plug_in(look, &decision, &mut work),
            Err(error) => {
                // Nobody is believed for what could not be set.
                state.bridges.clear();
                work.report.failed("guard", &error);
            }
        }
        (state, work)
    }

    fn ensure(&mut self, decision: &Decision, work: &mut Work) -> Result<(), HostError> {
        let mut rules = Rules::open()?;
        let generation = rules.generation()?;
        let seen = self
            .seen
            .as_ref()
            .is_some_and(|(taps, seen)| *seen == generation && *taps == decision.guard);
        if seen {
            return Ok(());
        }
        let none = decision.guard.is_empty() && !self.guard.is_there(&mut rules)?;
        if !none && !self.guard.is_set(&mut rules, &decision.guard)? {
            let what = format!("set to guard {} taps", decision.guard.len());
            work.change("guard", what, || self.guard.set(&mut rules, &decision.guard))?;
        }
        if work.mends() {
            self.seen = Some((decision.guard.clone(), rules.generation()?));
        }
        Ok(())
    }

    /// What an earlier run let through is let through still; nothing comes from other taps.
    fn close_newcomers(&self, decision: &Decision, work: &mut Work) -> Result<(), HostError> {
        let mut rules = Rules::open()?;
        let known = self.guard.taps(&mut rules)?;
        let is_new = |name: &&String| !known.as_ref().is_some_and(|known| known.contains(*name));
        let new: Vec<&str> = decision.guard.keys().filter(is_new).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(());
        }
        let what = format!("closed {} taps until their ports can be looked up", new.len());
        work.change("guard", what, || self.guard.close(&mut rules, &new))
    }

    /// Removes the taps that were made here.
    pub(crate) fn remove_taps(&self, look: &Look, hands: Hands) -> Work {
        let mut work = Work::new(hands);
        let made_here = look.survey.taps.iter().filter(|tap| tap.made_for.is_some()).cloned();
        remove(look, &made_here.collect::<Vec<_>>(), "removed", &mut work);
        work
    }

    /// Takes the guard away.
    pub(crate) fn remove(&mut self, hands: Hands) -> Work {
        let mut work = Work::new(hands);
        let removed = Rules::open().and_then(|mut rules| {
            if self.guard.is_there(&mut rules)? {
                work.change("guard", "removed", || self.guard.remove())?;
            }
            Ok(())
        });
        if let Err(error) = removed {
            work.report.failed("guard", &error);
        }
        self.seen = None;
        work
    }
}

/// Keeps the taps that were made here where they belong, and removes those of ports that are gone.
fn plug_in(look: &Look, decision: &Decision, work: &mut Work) {
    for (tap, bridge_name) in &decision.plugged {
        let name = tap.link.name.as_str();
        // A network whose bridge is not there yet: the other pass makes it, and says what is wrong.
        let Some(bridge) = look.outside.link(bridge_name) else { continue };
        let mut change = LinkChange::of(&tap.link);
        let mut what = Vec::new();
        if tap.link.controller != Some(bridge.index) {
            change = change.controller(bridge.index);
            what.push(format!("plugged into {bridge_name}"));
        }
        if !tap.link.up {
            change = change.up();
            what.push("brought up".to_owned());
        }
        if what.is_empty() {
            continue;
        }
        let changed = work.change(name, what.join(", "), || {
            bridge::keep_host_out(&look.outside.settings, name)?;
            look.outside.netlink.change(&change)
        });
        if let Err(error) = changed {
            work.report.failed(name, &error);
        }
    }
    remove(look, &decision.unwanted, "removed, as its port is gone", work);
}

fn remove(look: &Look, taps: &[SeenTap], what: &str, work: &mut Work) {
    for tap in taps {
        let name = tap.link.name.as_str();
        if let Err(error) = work.change(name, what, || look.outside.remove(&tap.link)) {
            work.report.failed(name, &error);
        }
    }
}
