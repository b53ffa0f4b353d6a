//! One request over TCP, to the byte as it was recorded, and its answer read whole.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::recording::Exchange;

/// More than the longest that the API itself may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers have fewer headers; more are not worth comparing.
const HEADERS_MAX: usize = 64;

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// 0: nothing came.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Asks on a connection of its own.
pub(crate) fn ask(address: SocketAddr, exchange: &Exchange) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    // Whoever is refused early may be closed on while still sending; the answer counts.
    let sent = stream.write_all(&request(exchange));
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => Err(sent.err().unwrap_or(error)),
        _ => parse(&bytes),
    }
}

fn request(exchange: &Exchange) -> Vec<u8> {
    let version = if exchange.name == "http 1.0" { "HTTP/1.0" } else { "HTTP/1.1" };
    let Exchange { method, path, headers, .. } = exchange;
    let mut bytes = latin1(&format!("{method} {path} {version}\r\n"));
    for (name, value) in headers {
        bytes.extend(latin1(&format!("{name}: {value}\r\n")));
    }
    let told = |name: &str| headers.iter().any(|(told, _)| told.eq_ignore_ascii_case(name));
    if !told("Host") {
        bytes.extend_from_slice(b"Host: 169.254.169.254\r\n");
    }
    if !told("Connection") {
        bytes.extend_from_slice(b"Connection: close\r\n");
    }
    let body = exchange.request_body.as_deref();
    match body {
        Some(body) if !told("Content-Length") && !told("Transfer-Encoding") => {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend_from_slice(body);
        }
        None if exchange.name.contains("no content-length") => {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        }
        _ => {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body.unwrap_or_default());
        }
    }
    bytes
}

/// As Python's clients put text on the wire: Latin-1, and UTF-8 for what that does not have.
fn latin1(text: &str) -> Vec<u8> {
    let narrow: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    narrow.unwrap_or_else(|_| text.as_bytes().to_vec())
}

fn parse(bytes: &[u8]) -> io::Result<Answer> {
    if bytes.is_empty() {
        return Ok(Answer::default());
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(io::Error::other)? else {
        return Err(io::Error::other("the answer ends within its headers"));
    };
    let mut answer = Answer {
        status: response.code.unwrap_or_default(),
        headers: response
            .headers
            .iter()
            .map(|header| {
                (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
            })
            .collect(),
        body: bytes.get(head..).unwrap_or_default().to_vec(),
    };
    if answer.header("Transfer-Encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        answer.body = unchunked(&answer.body)?;
    }
    Ok(answer)
}

fn unchunked(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let broken = || io::Error::other("the chunks of the answer are broken");
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(rest)
        else {
            return Err(broken());
        };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(body);
        }
        let end = start.checked_add(length).ok_or_else(broken)?;
        body.extend_from_slice(rest.get(start..end).ok_or_else(broken)?);
        rest = rest.get(end + b"\r\n".len()..).ok_or_else(broken)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(json: &serde_json::Value) -> Exchange {
        serde_json::from_value(json.clone()).expect("an exchange")
    }

    #[test]
    fn a_request_is_sent_as_it_was_recorded() {
        let odd = exchange(&serde_json::json!({
            "name": "http 1.0", "method": "GET", "path": "*", "status": 0,
            "headers": [["x-b", "é"], ["X-A", "1"]],
        }));
        let sent = b"GET * HTTP/1.0\r\nx-b: \xe9\r\nX-A: 1\r\nHost: 169.254.169.254\r\n\
                     Connection: close\r\n\r\n";
        assert_eq!(request(&odd), sent);
    }

    #[test]
    fn a_body_is_announced_unless_the_recording_says_otherwise() {
        let with = exchange(&serde_json::json!({
            "method": "POST", "path": "/p", "status": 200, "request_body_b64": "//4=",
        }));
        assert!(request(&with).ends_with(b"\r\nContent-Length: 2\r\n\r\n\xff\xfe"));
        let without = exchange(&serde_json::json!({
            "name": "POST no content-length", "method": "POST", "path": "/p", "status": 0,
        }));
        assert!(request(&without).ends_with(b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
    }

    #[test]
    fn answers_are_read_whole() {
        let plain = parse(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nbody").expect("an answer");
        assert_eq!((plain.status, plain.header("a"), &*plain.body), (404, Some("b"), &b"body"[..]));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                        3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).expect("an answer").body, b"abcde");
        assert_eq!(parse(b"").expect("nothing"), Answer::default());
        assert!(parse(b"HTTP/1.1 200 OK\r\nA: b").is_err(), "headers without an end");
    }
}
