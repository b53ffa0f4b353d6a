//! Which namespaces there is a reason to look at. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    netlink::News,
    plan::{LinkPlan, NamespacePlan},
};

/// What speaks for a look.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// What the kernel said.
    news: &'a News,
    /// Bridges that are guarded since, or no more: the links on them are to be marked so.
    bridges: BTreeSet<&'a String>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(
        news: &'a News,
        guarded_before: &'a BTreeSet<String>,
        guarded: &'a BTreeSet<String>,
    ) -> Self {
        Self { news, bridges: guarded_before.symmetric_difference(guarded).collect() }
    }

    /// Whether something has changed in the namespace that the kernel gave this number.
    pub(crate) fn inside(&self, number: Option<i32>) -> bool {
        number.is_some_and(|number| self.news.namespaces.contains(&number))
    }

    /// The namespaces for whose sake a link outside has changed, or is to.
    pub(crate) fn outside<'p>(
        &self,
        namespaces: &'p BTreeMap<String, NamespacePlan>,
    ) -> impl Iterator<Item = &'p String> {
        let links = &self.news.links;
        let concerns = |link: &LinkPlan| {
            self.bridges.contains(&link.bridge)
                || self.news.ports.contains(&link.port)
                || links.contains(&link.outside)
                || links.contains(&link.bridge)
        };
        namespaces
            .iter()
            .filter(move |(_, plan)| plan.links.iter().any(concerns))
            .map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{MacAddress, PortId};

    use super::*;
    use crate::plan::NamespaceRole;

    fn namespaces() -> BTreeMap<String, NamespacePlan> {
        let namespace = |outside: &str, bridge: &str| NamespacePlan {
            role: NamespaceRole::Router,
            links: vec![LinkPlan {
                port: PortId::random(),
                inside: "qr-0".to_owned(),
                outside: outside.to_owned(),
                bridge: bridge.to_owned(),
                mac: MacAddress::generated([1, 2, 3]),
                mtu: None,
                addresses: BTreeSet::new(),
            }],
        };
        BTreeMap::from([
            ("one".to_owned(), namespace("tap1", "brq1")),
            ("two".to_owned(), namespace("tap2", "brq2")),
        ])
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn a_link_is_told_of_by_its_own_name_and_its_bridges() {
        for (link, expected) in [("tap1", &["one"][..]), ("brq2", &["two"]), ("eth0", &[])] {
            let news = News { links: names([link]), ..News::default() };
            let none = BTreeSet::new();
            let (told, all) = (Told::new(&news, &none, &none), namespaces());
            assert_eq!(told.outside(&all).collect::<Vec<_>>(), expected, "{link}");
        }
    }

    #[test]
    fn links_are_marked_anew_where_the_guard_came_or_went() {
        let news = News::default();
        let (before, now) = (names(["brq0", "brq1"]), names(["brq0", "brq2"]));
        let (told, all) = (Told::new(&news, &before, &now), namespaces());
        assert_eq!(told.outside(&all).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(Told::new(&news, &now, &now).outside(&all).count(), 0);
    }

    #[test]
    fn a_namespace_is_told_of_by_its_number() {
        let news = News { namespaces: [3].into(), ..News::default() };
        let none = BTreeSet::new();
        let told = Told::new(&news, &none, &none);
        assert!(told.inside(Some(3)));
        assert!(!told.inside(Some(4)) && !told.inside(None));
    }
}
