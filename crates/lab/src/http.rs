use std::io::{BufRead, BufReader, Read};

use crate::LabError;

/// An HTTP answer, as a client with no library would read it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are none are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value, LabError> {
        serde_json::from_slice(&self.body)
            .map_err(|e| LabError::NotHttp(format!("{e} in the body {}", self.text())))
    }
}

/// Reads one answer with Content-Length, or up to the end of the connection.
pub fn read_reply(stream: &mut impl Read) -> Result<Reply, LabError> {
    let mut reader = BufReader::new(stream);
    let status_line = line(&mut reader)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| LabError::NotHttp(format!("{status_line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let text = line(&mut reader)?;
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let mut reply = Reply { status, headers, body: Vec::new() };
    let length = reply.header("content-length").map(str::to_owned);
    match length.and_then(|length| length.parse().ok()) {
        Some(length) => {
            reply.body = vec![0; length];
            reader.read_exact(&mut reply.body)?;
        }
        None => {
            reader.read_to_end(&mut reply.body)?;
        }
    }
    Ok(reply)
}

fn line(reader: &mut impl BufRead) -> Result<String, LabError> {
    let mut text = String::new();
    if reader.read_line(&mut text)? == 0 {
        return Err(LabError::NotHttp("the connection was closed".to_owned()));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
