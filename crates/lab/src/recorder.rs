//! What went over a guest's card.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use crate::{Guest, LabError, wait_for};

/// Linux's `ETH_P_ALL`, in network byte order: frames of every kind, in both directions.
const EVERY_PROTOCOL: u32 = 3_u16.to_be() as u32;
/// The largest frame: a packet of 64 KiB and its Ethernet header.
const FRAME_BYTES_MAX: usize = 65_536 + 14;

/// A frame, and when it went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Since the recording began.
    pub at: Duration,
    /// The whole frame, Ethernet header first. A card that sums for its machine has not summed yet.
    pub frame: Vec<u8>,
}

/// Records every frame that a guest sends or is sent, to the end of the test.
#[derive(Debug, Clone)]
pub struct Recorder {
    frames: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Begins.
    pub fn start(guest: &Guest) -> Result<Self, LabError> {
        let open = || {
            let protocol = rustix::net::RawProtocol::new(EVERY_PROTOCOL);
            let protocol = protocol.map(rustix::net::Protocol::from_raw);
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
        };
        let socket = guest.run(open)?.map_err(std::io::Error::from)?;
        let recorder = Self { frames: Arc::default() };
        let frames = Arc::clone(&recorder.frames);
        let started = Instant::now();
        thread::spawn(move || {
            let mut buffer = vec![0; FRAME_BYTES_MAX];
            // The card's going down is an error too, and no end.
            loop {
                let Ok((length, _)) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())
                else {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                };
                let recorded = Recorded { at: started.elapsed(), frame: buffer[..length].to_vec() };
                frames.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
            }
        });
        Ok(recorder)
    }

    /// What was recorded so far.
    pub fn frames(&self) -> Vec<Recorded> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was recorded so far.
    pub fn clear(&self) {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits for a frame, recorded before or to come, of which `wanted` makes something.
    pub fn await_frame<T>(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, LabError> {
        wait_for(what, limit, || self.frames().iter().find_map(|one| wanted(&one.frame)))
    }
}
