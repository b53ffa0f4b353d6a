//! An API of another make: answers 200 to everything and remembers what it was sent.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// The request line.
    pub(crate) line: String,
    /// Header names in lower case, and values, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    /// The values of a header of this (lower-case) name.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(n, _)| n == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The API of another make.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Listens at `address` for as long as the test runs.
    pub(crate) fn start(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let recorder = Self { requests: Arc::default() };
        let requests = Arc::clone(&recorder.requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = Arc::clone(&requests);
                thread::spawn(move || serve(&stream, &requests));
            }
        });
        Ok(recorder)
    }

    /// What it was sent so far, and forgets it.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.requests.lock().expect("no recorder thread panicked"))
    }
}

fn serve(stream: &TcpStream, requests: &Mutex<Vec<Recorded>>) {
    let mut reader = BufReader::new(stream);
    while let Some(recorded) = read(&mut reader) {
        requests.lock().expect("no recorder thread panicked").push(recorded);
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n\
                      Content-Length: 5\r\n\r\nfine\n";
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Recorded> {
    let line = text(reader)?;
    let mut recorded = Recorded { line, headers: Vec::new(), body: Vec::new() };
    loop {
        let header = text(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        recorded.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = recorded.values("content-length").first().and_then(|n| n.parse().ok());
    recorded.body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut recorded.body).ok()?;
    Some(recorded)
}

fn text(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(read) if read > 0 => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}
