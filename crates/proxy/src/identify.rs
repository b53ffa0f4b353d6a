//! By which address whoever is at the other end of a connection is known.
//!
//! Nearly always by the one it comes from. Only an IPv6 link-local address that was made from no
//! MAC address, a stable-privacy one, says nothing of its port; the kernel, which has just answered
//! it, knows the MAC address behind it. What the hops behind us are told is then the address that
//! a machine with that MAC address would have made for itself, as agents of every make expect.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use innkeeper_model::MacAddress;
use tokio::{
    sync::{
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    time::timeout,
};

use crate::{namespace::Namespace, neighbour::guarded_mac, visit::Home};

/// How long the kernel may take to say who somebody is, with everybody's questions in one queue
/// and some 50 µs each: with the hold of the request still less than the 10 s that guests wait.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(1);
/// Questions in the queue; further ones wait their turn outside, in order, as long as they may.
const QUESTIONS_MAX: usize = 64;

/// Finds out who asks, on a thread of its own, which is there once it is needed.
#[derive(Debug, Default)]
pub(crate) struct Identifier {
    thread: Mutex<Option<Sender<Question>>>,
}

/// Which MAC address has `address` on link `index` of a namespace?
#[derive(Debug)]
struct Question {
    namespace: Arc<Namespace>,
    index: u32,
    address: Ipv6Addr,
    answer: oneshot::Sender<io::Result<Option<MacAddress>>>,
}

impl Identifier {
    /// The address by which `peer` is known; its own if it is known by nothing else.
    pub(crate) async fn identify(&self, peer: SocketAddr, namespace: &Arc<Namespace>) -> IpAddr {
        match nameless(peer) {
            // On the heap, since few connections need it.
            Some((address, index)) => Box::pin(self.by_mac(address, index, namespace)).await,
            None => peer.ip(),
        }
    }

    /// The same, if it is certain without asking anybody.
    pub(crate) fn known(peer: SocketAddr) -> Option<IpAddr> {
        nameless(peer).is_none().then(|| peer.ip())
    }

    async fn by_mac(&self, address: Ipv6Addr, index: u32, namespace: &Arc<Namespace>) -> IpAddr {
        let asked = timeout(QUESTION_TIMEOUT, self.ask(Arc::clone(namespace), index, address));
        let asked = asked.await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
        let namespace = namespace.path.display();
        match asked {
            Ok(Some(mac)) => {
                tracing::debug!(%namespace, %address, %mac, "known by its MAC address");
                return mac.link_local().into();
            }
            Ok(None) => {
                tracing::debug!(%namespace, %address, "not guarded, or its MAC address is unknown");
            }
            Err(error) => {
                tracing::debug!(%namespace, %address, %error, "its MAC address cannot be asked for");
            }
        }
        address.into()
    }

    async fn ask(
        &self,
        namespace: Arc<Namespace>,
        index: u32,
        address: Ipv6Addr,
    ) -> io::Result<Option<MacAddress>> {
        let ended = || io::Error::other("the thread that asks ended; a new one is started");
        let (answer, answered) = oneshot::channel();
        let question = Question { namespace, index, address, answer };
        self.questions()?.send(question).await.map_err(|_gone| ended())?;
        answered.await.map_err(|_gone| ended())?
    }

    fn questions(&self) -> io::Result<Sender<Question>> {
        // A panic cannot leave half a sender behind.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(questions) = thread.as_ref().filter(|questions| !questions.is_closed()) {
            return Ok(questions.clone());
        }
        Ok(thread.insert(start()?).clone())
    }
}

fn start() -> io::Result<Sender<Question>> {
    let (questions, asked) = channel(QUESTIONS_MAX);
    let home = Home::here()?;
    let answering = move || answer_all(&home, asked);
    thread::Builder::new().name("proxy-neighbour".to_owned()).spawn(answering)?;
    Ok(questions)
}

fn answer_all(home: &Home, mut asked: Receiver<Question>) {
    while let Some(Question { namespace, index, address, answer }) = asked.blocking_recv() {
        if answer.is_closed() {
            continue;
        }
        let (said, is_home) = match namespace.reopen() {
            Ok(file) => {
                let visit = home.visit(file, || guarded_mac(index, address));
                (visit.outcome.flatten(), visit.is_home)
            }
            Err(error) => (Err(error), true),
        };
        // Whoever asked may be gone by now.
        let _ = answer.send(said);
        if !is_home {
            return;
        }
    }
}

/// The source address and the link of a peer whose address says nothing of its port.
fn nameless(peer: SocketAddr) -> Option<(Ipv6Addr, u32)> {
    let SocketAddr::V6(peer) = peer else { return None };
    let address = *peer.ip();
    let says_nothing =
        address.is_unicast_link_local() && MacAddress::from_link_local(address).is_none();
    (says_nothing && peer.scope_id() != 0).then_some((address, peer.scope_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_link_local_addresses_without_a_mac_say_nothing() {
        let stable_privacy = "[fe80::1234:5678:9abc:def0%3]:5";
        let address = "fe80::1234:5678:9abc:def0".parse().unwrap();
        assert_eq!(nameless(stable_privacy.parse().unwrap()), Some((address, 3)));
        for peer in [
            "10.0.0.5:5",
            "[::ffff:10.0.0.5]:5",
            "[2001:db8::5]:5",
            "[fe80::f816:3eff:fe00:65%3]:5",
            // Nobody knows on which link.
            "[fe80::1234:5678:9abc:def0]:5",
        ] {
            assert_eq!(nameless(peer.parse().unwrap()), None, "{peer}");
        }
    }
}
