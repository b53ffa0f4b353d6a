//! A metadata service on a thread.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

/// Answers with the documents it was given, after as many failures as it was told.
pub(crate) struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// A document that the service fails to make.
    pub(crate) const FAILS: &str = "\0";

    pub(crate) fn start(documents: &[(&str, &str)], failures: usize) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), documents, failures)
    }

    pub(crate) fn listen(
        listener: TcpListener,
        documents: &[(&str, &str)],
        failures: usize,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let documents: BTreeMap<String, String> =
            documents.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            let mut failures = failures;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n")
                    && stream.read(&mut byte).is_ok_and(|n| n == 1)
                {
                    request.push(byte[0]);
                }
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().unwrap().push(path.clone());
                let (status, body) = if failures > 0 {
                    failures -= 1;
                    ("503 Service Unavailable\r\nRetry-After: 0", "")
                } else {
                    match documents.get(&path).map(String::as_str) {
                        Some(Self::FAILS) => ("500 Internal Server Error", ""),
                        Some(text) => ("200 OK", text),
                        None => ("404 Not Found", ""),
                    }
                };
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
