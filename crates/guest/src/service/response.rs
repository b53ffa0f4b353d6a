//! Responses of HTTP/1, read from whoever is on the other side.

use std::io::{self, Read};

/// Bytes of a response's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Headers of a response; haproxy's own limit is near.
const HEADERS_MAX: usize = 100;

/// Bytes of a body: more than any document has, and less than a small machine's memory.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes asked for at a time.
const READ_BYTES: usize = 16 * 1024;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// `Retry-After` in seconds.
    pub(crate) retry_after: Option<u64>,
    /// The body, all of it.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseError {
    /// Nothing more comes.
    #[error("the answer could not be read: {0}")]
    Io(#[from] io::Error),
    /// The connection ended too early.
    #[error("the connection ended in the middle of the answer")]
    Truncated,
    /// Not HTTP.
    #[error("the answer is not HTTP/1: {0}")]
    Malformed(&'static str),
    /// Too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

enum Framing {
    Length(usize),
    Chunked,
    UntilEnd,
}

struct Head {
    len: usize,
    status: u16,
    retry_after: Option<u64>,
    framing: Framing,
}

/// Reads one response.
pub(crate) fn read_response(from: &mut impl Read) -> Result<Response, ResponseError> {
    let mut received = Vec::new();
    let head = loop {
        match parse_head(&received)? {
            Some(head) => break head,
            None if received.len() > HEAD_BYTES_MAX => {
                return Err(ResponseError::TooLong(HEAD_BYTES_MAX));
            }
            None => receive(from, &mut received)?,
        }
    };
    let mut rest = received.split_off(head.len);
    let body = match head.framing {
        Framing::Length(len) if len > BODY_BYTES_MAX => {
            return Err(ResponseError::TooLong(BODY_BYTES_MAX));
        }
        Framing::Length(len) => {
            fill(from, &mut rest, len)?;
            rest.truncate(len);
            rest
        }
        Framing::Chunked => read_chunks(from, rest)?,
        Framing::UntilEnd => read_to_end(from, rest)?,
    };
    Ok(Response { status: head.status, retry_after: head.retry_after, body })
}

/// The head, if it is complete.
fn parse_head(received: &[u8]) -> Result<Option<Head>, ResponseError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(received) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(ResponseError::Malformed("too many headers"));
        }
        Err(_) => return Err(ResponseError::Malformed("its head cannot be parsed")),
    };
    let status = response.code.ok_or(ResponseError::Malformed("there is no status"))?;
    let (mut framing, mut length, mut retry_after) = (Framing::UntilEnd, None, None);
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            let parsed = value.parse::<usize>().ok().filter(|_| !value.starts_with('+'));
            if parsed.is_none() || length.is_some_and(|length| Some(length) != parsed) {
                return Err(ResponseError::Malformed("its length is unclear"));
            }
            length = parsed;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(ResponseError::Malformed("its transfer encoding is unknown"));
            }
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.parse().ok();
        }
    }
    if let (Some(length), Framing::UntilEnd) = (length, &framing) {
        framing = Framing::Length(length);
    }
    if matches!(status, 204 | 304) {
        framing = Framing::Length(0);
    }
    Ok(Some(Head { len, status, retry_after, framing }))
}

fn read_chunks(from: &mut impl Read, mut rest: Vec<u8>) -> Result<Vec<u8>, ResponseError> {
    let mut body = Vec::new();
    loop {
        let (head, size) = loop {
            match httparse::parse_chunk_size(&rest) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) if rest.len() > HEAD_BYTES_MAX => {
                    return Err(ResponseError::TooLong(HEAD_BYTES_MAX));
                }
                Ok(httparse::Status::Partial) => receive(from, &mut rest)?,
                Err(_) => return Err(ResponseError::Malformed("a chunk has no size")),
            }
        };
        let size = usize::try_from(size)
            .ok()
            .filter(|size| size.saturating_add(body.len()) <= BODY_BYTES_MAX)
            .ok_or(ResponseError::TooLong(BODY_BYTES_MAX))?;
        // What follows the last chunk is of no use here: the connection is closed.
        if size == 0 {
            return Ok(body);
        }
        let end = head + size;
        fill(from, &mut rest, end + 2)?;
        if rest[end..end + 2] != *b"\r\n" {
            return Err(ResponseError::Malformed("a chunk is longer than its size"));
        }
        body.extend_from_slice(&rest[head..end]);
        rest.drain(..end + 2);
    }
}

fn read_to_end(from: &mut impl Read, mut body: Vec<u8>) -> Result<Vec<u8>, ResponseError> {
    loop {
        if body.len() > BODY_BYTES_MAX {
            return Err(ResponseError::TooLong(BODY_BYTES_MAX));
        }
        match receive(from, &mut body) {
            Ok(()) => {}
            Err(ResponseError::Truncated) => return Ok(body),
            Err(error) => return Err(error),
        }
    }
}

/// Reads until there are `len` bytes.
fn fill(from: &mut impl Read, received: &mut Vec<u8>, len: usize) -> Result<(), ResponseError> {
    while received.len() < len {
        receive(from, received)?;
    }
    Ok(())
}

/// Reads some more bytes, at least one.
fn receive(from: &mut impl Read, received: &mut Vec<u8>) -> Result<(), ResponseError> {
    let len = received.len();
    received.resize(len + READ_BYTES, 0);
    let read = loop {
        match from.read(&mut received[len..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    received.truncate(len + read.as_ref().copied().unwrap_or_default());
    if read? == 0 { Err(ResponseError::Truncated) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    fn read(bytes: &[u8]) -> Result<Response, ResponseError> {
        read_response(&mut &*bytes)
    }

    #[test]
    fn every_framing_gives_the_same_body() {
        for response in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nhello",
        ] {
            for size in [1, 2, 3, 1000] {
                let response = read_response(&mut Pieces(response.as_bytes(), size)).unwrap();
                assert_eq!((response.status, &*response.body), (200, &b"hello"[..]));
            }
        }
    }

    #[test]
    fn a_length_that_is_not_kept_is_an_error() {
        for cut in [
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nContent-Len",
            "",
        ] {
            assert!(matches!(read(cut.as_bytes()), Err(ResponseError::Truncated)), "{cut:?}");
        }
    }

    #[test]
    fn what_is_unclear_or_too_long_is_refused() {
        for (head, problem) in [
            ("Content-Length: 1\r\nContent-Length: 2", "length is unclear"),
            ("Content-Length: +1", "length is unclear"),
            ("Content-Length: 99999999999", "longer than"),
            ("Transfer-Encoding: gzip", "unknown"),
        ] {
            let error = read(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nab").as_bytes());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(problem), "{head}: {error}");
        }
        let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n";
        assert!(matches!(read(chunk), Err(ResponseError::TooLong(_))));
        let head = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'a'; 100_000]].concat();
        assert!(matches!(read(&head), Err(ResponseError::TooLong(_))));
        assert!(matches!(read(b"SSH-2.0-x\r\n\r\n"), Err(ResponseError::Malformed(_))));
    }

    #[test]
    fn when_to_come_again_is_read() {
        let response =
            read(b"HTTP/1.1 503 x\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!((response.status, response.retry_after), (503, Some(3)));
    }

    proptest! {
        #[test]
        fn no_answer_is_a_panic(
            head in "(HTTP/1\\.[01] [0-9]{3}( OK)?\r\n)?((Content-Length: [0-9]{1,3}|Transfer-Encoding: chunked)\r\n)?(\r\n)?",
            body: Vec<u8>,
        ) {
            let _ = read(&[head.as_bytes(), &body].concat());
        }

        #[test]
        fn chunks_are_put_together(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..6), size in 1..40_usize) {
            let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for part in &parts {
                wire.extend(format!("{:x}\r\n", part.len()).bytes());
                wire.extend(part);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let response = read_response(&mut Pieces(&wire, size)).unwrap();
            prop_assert_eq!(response.body, parts.concat());
        }
    }
}
