//! What went wrong with guests lately: said once in the log, and kept for the status.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use innkeeper_model::{MacAddress, NetworkId};

/// Troubles kept: guests cause them, so there is an end to it.
const TROUBLES_MAX: usize = 256;
/// How long after it last happened a trouble is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// The same trouble is in the log at most this often.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// Something that went wrong, with a guest or with a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpTrouble {
    /// Where; `None` if everywhere.
    pub network: Option<NetworkId>,
    /// With whom, if with one.
    pub mac: Option<MacAddress>,
    /// What, and what to do about it.
    pub text: String,
    /// How often within the time that it is kept.
    pub times: u64,
    /// When last.
    pub last: SystemTime,
}

/// Whom a trouble is with: one sort of it is one entry per subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) network: Option<NetworkId>,
    pub(super) mac: Option<MacAddress>,
}

/// Sorts of trouble.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Another machine uses the address.
    Declined,
    /// An extra option cannot be sent; its name.
    Option(String),
    /// Options were left out for want of room.
    Shortened,
    /// Whose port it is could not be found out.
    Lookup,
    /// A reply could not be sent.
    Send,
    /// Requests could not be received.
    Receive,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<(Subject, Sort), Entry>>);

#[derive(Debug)]
struct Entry {
    text: String,
    times: u64,
    last: SystemTime,
    last_instant: Instant,
    said: Instant,
}

impl Troubles {
    /// Keeps a trouble, and logs it if it is new or long ago.
    pub(super) fn report(&self, subject: Subject, sort: Sort, text: &dyn Display) {
        let text = text.to_string();
        if self.keep(subject, sort, &text, Instant::now()) {
            let Subject { network, mac } = subject;
            let network = network.map(tracing::field::display);
            let mac = mac.map(tracing::field::display);
            tracing::warn!(network, mac, "DHCP: {text}");
        }
    }

    /// Whether it is to be said.
    fn keep(&self, subject: Subject, sort: Sort, text: &str, now: Instant) -> bool {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = SystemTime::now();
        if let Some(entry) = entries.get_mut(&(subject, sort.clone())) {
            let is_said = entry.said + SAID_AGAIN_AFTER <= now;
            (entry.times, entry.last, entry.last_instant) = (entry.times + 1, last, now);
            text.clone_into(&mut entry.text);
            if is_said {
                entry.said = now;
            }
            return is_said;
        }
        if entries.len() >= TROUBLES_MAX {
            entries.retain(|_, entry| entry.last_instant + KEPT > now);
        }
        if entries.len() >= TROUBLES_MAX {
            return false;
        }
        let entry = Entry { text: text.to_owned(), times: 1, last, last_instant: now, said: now };
        entries.insert((subject, sort), entry);
        true
    }

    /// Those that are not over.
    pub(super) fn all(&self) -> Vec<DhcpTrouble> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        entries.retain(|_, entry| entry.last_instant + KEPT > now);
        let trouble = |((Subject { network, mac }, _), entry): (&(Subject, Sort), &Entry)| {
            let (network, mac) = (*network, *mac);
            let (text, times, last) = (entry.text.clone(), entry.times, entry.last);
            DhcpTrouble { network, mac, text, times, last }
        };
        entries.iter().map(trouble).collect()
    }

    /// Forgets those of networks that are no longer served.
    pub(super) fn retain(&self, is_served: impl Fn(NetworkId) -> bool) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(subject, _), _| subject.network.is_none_or(&is_served));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::testing::MAC;

    fn subject(network: NetworkId) -> Subject {
        Subject { network: Some(network), mac: Some(MAC) }
    }

    #[test]
    fn the_same_trouble_is_said_once_in_a_while_and_counted() {
        let (troubles, start) = (Troubles::default(), Instant::now());
        let who = subject(NetworkId::random());
        let keep = |after| troubles.keep(who, Sort::Declined, "in use", start + after);
        assert!(keep(Duration::ZERO));
        assert!(!keep(Duration::from_secs(1)));
        assert!(keep(SAID_AGAIN_AFTER));
        assert!(!keep(SAID_AGAIN_AFTER + Duration::from_secs(1)));
        assert_eq!(troubles.all().first().map(|trouble| trouble.times), Some(4));
        troubles.retain(|_| false);
        assert_eq!(troubles.all(), []);
    }

    #[test]
    fn their_number_is_bounded_and_old_ones_make_room() {
        let (troubles, start) = (Troubles::default(), Instant::now());
        let new = |at| troubles.keep(subject(NetworkId::random()), Sort::Send, "x", at);
        assert!((0..TROUBLES_MAX).all(|_| new(start)));
        assert!(!new(start));
        assert!(new(start + KEPT));
    }
}
