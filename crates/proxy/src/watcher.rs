//! Which namespaces have a name, looked up again and again.
//!
//! A notification would come before `ip netns add` has bound the namespace to its file, and
//! nothing comes after. So the directory is read over and over: a `stat` per known name.

use std::{
    collections::HashMap,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use innkeeper_model::OriginScope;
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};
use tokio_util::sync::CancellationToken;

use crate::{
    ListenError, ProxyConfig,
    listen::ListenAddress,
    listener::Listener,
    name,
    namespace::{Namespace, NamespaceId, check_is_namespace, open},
    opener::Opener,
    status::Troubles,
};

/// How often the directory is read: a namespace that comes or goes is noticed in a quarter of the
/// second that it may take.
const SCAN_PAUSE: Duration = Duration::from_millis(250);
/// How long after a failure the same namespace is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What happened to a name.
#[derive(Debug)]
pub(crate) enum Event {
    /// A namespace has the name and is listened in.
    Serve {
        /// The namespace's name.
        name: String,
        /// Whom it stands for.
        scope: OriginScope,
        /// Where it is listened in.
        address: ListenAddress,
        /// The namespace itself.
        namespace: Namespace,
        /// The socket in it.
        listener: Listener,
    },
    /// The namespace that had the name has it no more.
    Abandon {
        /// The name.
        name: String,
    },
}

/// Reads the directory and tells what changes.
#[derive(Debug)]
pub(crate) struct Watcher {
    directory: PathBuf,
    router_address: ListenAddress,
    opener: Opener,
    known: HashMap<String, Known>,
    events: UnboundedSender<Event>,
    troubles: Troubles,
    runtime: Handle,
    scans: u64,
}

/// Has the directory read at once: whoever makes a namespace in the same process need not let its
/// guests wait for the next look.
#[derive(Debug, Default)]
pub(crate) struct Hurry {
    thread: OnceLock<Thread>,
    asked: AtomicBool,
}

impl Hurry {
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn take(&self) -> bool {
        self.asked.swap(false, Ordering::Acquire)
    }
}

/// A name that may be served.
#[derive(Debug)]
struct Known {
    state: State,
    /// The scan that saw it last.
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Listened in. The listener keeps the namespace, so no other can have its id.
    Served(NamespaceId),
    /// Whatever the name stood for could not be listened in.
    Failed { id: NamespaceId, retry_at: Instant },
}

impl Watcher {
    pub(crate) fn new(
        config: &ProxyConfig,
        events: UnboundedSender<Event>,
        troubles: Troubles,
        runtime: Handle,
    ) -> Self {
        let (directory, router_address) = (config.netns_dir.clone(), config.router_address());
        let (opener, known) = (Opener::default(), HashMap::new());
        Self { directory, router_address, opener, known, events, troubles, runtime, scans: 0 }
    }

    /// Watches until `stop`; unpark the thread to be heard at once.
    pub(crate) fn run(mut self, stop: &CancellationToken, hurry: &Hurry) {
        hurry.thread.get_or_init(thread::current);
        while !stop.is_cancelled() {
            let start = Instant::now();
            self.scan(start);
            while !stop.is_cancelled() && !hurry.take() && start.elapsed() < SCAN_PAUSE {
                thread::park_timeout(SCAN_PAUSE.saturating_sub(start.elapsed()));
            }
        }
    }

    fn scan(&mut self, now: Instant) {
        self.scans += 1;
        match self.look_at_all(now) {
            Ok(()) => self.troubles.clear(DIRECTORY),
            // Nothing is let go for want of descriptors or memory.
            Err(error) => {
                let error = ListenError::of(error, ListenError::Directory);
                self.troubles.report(DIRECTORY, &error);
                return;
            }
        }
        let (scans, events, troubles) = (self.scans, &self.events, &self.troubles);
        self.known.retain(|name, known| {
            if known.seen == scans {
                return true;
            }
            if matches!(known.state, State::Served(_)) {
                abandon(events, name);
            }
            troubles.clear(name);
            false
        });
    }

    fn look_at_all(&mut self, now: Instant) -> io::Result<()> {
        let entries = match fs::read_dir(&self.directory) {
            // Nobody has made a namespace yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str() {
                self.look_at(name, &entry.path(), now);
            }
        }
        Ok(())
    }

    fn look_at(&mut self, name: &str, path: &Path, now: Instant) {
        if let Some(known) = self.known.get_mut(name) {
            let id = match fs::metadata(path) {
                Ok(found) => NamespaceId::of(&found),
                // It went since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(_) => {
                    known.seen = self.scans;
                    return;
                }
            };
            match known.state {
                State::Served(served) if served == id => {
                    known.seen = self.scans;
                    return;
                }
                // Made again: the old one goes, whatever becomes of the new one.
                State::Served(_) => abandon(&self.events, name),
                State::Failed { id: failed, retry_at } if failed == id && now < retry_at => {
                    known.seen = self.scans;
                    return;
                }
                State::Failed { .. } => {}
            }
        }
        if let Some((scope, address)) = name::read(name, self.router_address) {
            let state = self.serve(name, path, scope, address, now);
            match state {
                Some(state) => {
                    let known = Known { state, seen: self.scans };
                    self.known.insert(name.to_owned(), known);
                }
                None => drop(self.known.remove(name)),
            }
        }
    }

    /// Listens in a namespace; `None` if it is gone already.
    fn serve(
        &mut self,
        name: &str,
        path: &Path,
        scope: OriginScope,
        address: ListenAddress,
        now: Instant,
    ) -> Option<State> {
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.troubles.clear(name);
                return None;
            }
            Err(error) => {
                self.troubles.report(name, &ListenError::of(error, ListenError::Open));
                return Some(State::Failed { id: NamespaceId::NONE, retry_at: now + RETRY_PAUSE });
            }
        };
        let id = file.metadata().map_or(NamespaceId::NONE, |found| NamespaceId::of(&found));
        let opened = check_is_namespace(&file)
            .and_then(|()| self.opener.open(file, address))
            .and_then(|listener| self.attend(listener));
        match opened {
            Ok(listener) => {
                self.troubles.clear(name);
                // A receiver that is gone has stopped.
                let (name, path) = (name.to_owned(), path.to_owned());
                let namespace = Namespace { path, id };
                let _ =
                    self.events.send(Event::Serve { name, scope, address, namespace, listener });
                Some(State::Served(id))
            }
            Err(error) => {
                // A file that is about to become a namespace is no trouble yet.
                let is_new = !self.known.contains_key(name);
                if !(is_new && matches!(error, ListenError::NotANamespace)) {
                    self.troubles.report(name, &error);
                }
                Some(State::Failed { id, retry_at: now + RETRY_PAUSE })
            }
        }
    }
}

impl Watcher {
    /// Lets the runtime wait for the listener's connections.
    fn attend(&self, listener: TcpListener) -> Result<Listener, ListenError> {
        let _reactor = self.runtime.enter();
        Listener::attend(listener).map_err(|error| ListenError::of(error, ListenError::Attend))
    }
}

/// What troubles with the directory itself are known by.
const DIRECTORY: &str = "netns_dir";

fn abandon(events: &UnboundedSender<Event>, name: &str) {
    let _ = events.send(Event::Abandon { name: name.to_owned() });
}
