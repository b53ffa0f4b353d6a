//! As much of HTTP/1.1 as it takes to pass messages on.

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// As many bytes as an agent is told of a guest by our proxy, or an API by our agent.
const ADDED: &[u8] = b"X-Forwarded-For: 10.0.0.16\r\n\
    X-Router-ID: 8a5ad1a1-5a43-4f9c-8fd5-1c3c7a2e9b10\r\n\
    X-Instance-ID: 3f0c6c0e-7f3d-4a55-9b43-7d8d0a6f1c22\r\n\
    X-Tenant-ID: 5b1c9f6a-0d1e-4d7b-8f4c-2e6a9d3b7f54\r\n\
    X-Hop: raw\r\n";

/// Whether a request, which has no body, is there to its last byte.
pub(super) fn is_whole_request(request: &[u8]) -> bool {
    request.ends_with(END)
}

/// Whether an answer is there to its last byte; one that does not say how long it is has no body.
pub(super) fn is_whole_answer(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(END.len()).position(|bytes| bytes == END) else { return false };
    let length = header(answer.get(..head).unwrap_or_default(), b"content-length:");
    let length = length.and_then(|text| str::from_utf8(text).ok()?.parse::<usize>().ok());
    answer.len() >= head + END.len() + length.unwrap_or_default()
}

/// Whether who sent a request wants no other answer on that connection.
pub(super) fn is_last(request: &[u8]) -> bool {
    header(request, b"connection:").is_some_and(|value| value.eq_ignore_ascii_case(b"close"))
}

/// Adds headers to a request.
pub(super) fn add_headers(request: &mut Vec<u8>) {
    let blank_line = b"\r\n";
    request.truncate(request.len().saturating_sub(blank_line.len()));
    request.extend_from_slice(ADDED);
    request.extend_from_slice(blank_line);
}

/// The value of a header, whose name is given in lower case and with its colon.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = |line: &'a [u8]| {
        let (beginning, value) = line.split_at_checked(name.len())?;
        beginning.eq_ignore_ascii_case(name).then_some(value.trim_ascii())
    };
    head.split(|byte| *byte == b'\n').find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Connections, request};

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\n\r\n\r\n";
        assert!(is_whole_answer(answer));
        for length in 0..answer.len() {
            assert!(!is_whole_answer(&answer[..length]), "{length}");
        }
        assert!(is_whole_answer(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    }

    #[test]
    fn a_request_is_whole_with_its_blank_line() {
        let request = request("/", Connections::Kept);
        assert!(is_whole_request(&request));
        assert!(!is_whole_request(&request[..request.len() - 1]));
        assert!(!is_whole_request(b""));
    }

    #[test]
    fn the_last_request_says_so() {
        assert!(is_last(&request("/", Connections::PerRequest)));
        assert!(is_last(b"GET / HTTP/1.1\r\nconnection:Close\r\nHost: x\r\n\r\n"));
        assert!(!is_last(&request("/", Connections::Kept)));
        assert!(!is_last(b"GET /close HTTP/1.1\r\nX-Connection: close\r\n\r\n"));
    }

    #[test]
    fn headers_are_added_before_the_blank_line() {
        let before = request("/", Connections::Kept);
        let mut request = before.clone();
        add_headers(&mut request);
        assert!(is_whole_request(&request));
        assert!(request.starts_with(&before[..before.len() - 2]));
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        assert_eq!(parsed.parse(&request), Ok(httparse::Status::Complete(request.len())));
        assert!(parsed.headers.iter().any(|header| header.name == "X-Forwarded-For"));
        assert!((190..=210).contains(&(request.len() - before.len())), "{}", request.len());
    }
}
