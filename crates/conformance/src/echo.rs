//! The dynamic vendor data service of the recordings: it answers what it was posted.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

/// Whoever posts less in this time is not our program.
const PATIENCE: Duration = Duration::from_secs(10);
/// A posted machine is far smaller.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// A client library sends fewer headers.
const HEADERS_MAX: usize = 64;

/// The service; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Echo {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Starts it at a free port.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                thread::spawn(move || answer(stream));
            }
        });
        Ok(Self { address, ending, thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // Whoever waits for a connection is woken by one.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let (status, body) = match posted(&mut stream) {
        Ok(posted) => ("200 OK", json!({ "echo": posted }).to_string()),
        Err(error) => ("400 Bad Request", error.to_string()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // Whoever does not wait for the answer is reported where the answer is missing.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn posted(stream: &mut TcpStream) -> io::Result<Value> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        if let Some(body) = body_of(&bytes)? {
            return serde_json::from_slice(body).map_err(io::Error::other);
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return Err(io::Error::other("no whole request"));
        }
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}

/// The body of a request, once all of it is there.
fn body_of(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("a request without Content-Length"))?;
    Ok(bytes.get(head..head.saturating_add(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_comes_back() {
        let echo = Echo::start().expect("a port");
        let mut stream = TcpStream::connect(echo.address()).expect("it listens");
        let body = r#"{"b": 1, "a": "é"}"#;
        let head = format!("POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).expect("a head");
        stream.write_all(body.as_bytes()).expect("a body");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with(r#"{"echo":{"b":1,"a":"é"}}"#), "{answer}");
    }
}
