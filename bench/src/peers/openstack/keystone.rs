//! Keystone's stand-in, the only one in the whole path: Nova asks it once for a token, and for where
//! Neutron is.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};

/// Keystone's port.
const PORT: u16 = 5000;
/// A client that says nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any request for a token is long.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// Answers on 127.0.0.1 for as long as this program runs.
pub(super) fn start() -> anyhow::Result<()> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).context("listen in Keystone's place")?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever has gone asks again.
            let _ = answer(stream);
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    io::copy(&mut reader.take(BODY_BYTES_MAX.min(length)), &mut io::sink())?;
    let (status, body) =
        if first.starts_with("POST") { ("201 Created", token()) } else { ("200 OK", versions()) };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Subject-Token: bench\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn versions() -> Value {
    json!({ "version": {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{ "rel": "self", "href": "http://127.0.0.1:5000/v3/" }],
        "media-types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.identity-v3+json",
        }],
    }})
}

fn token() -> Value {
    let domain = json!({ "id": "default", "name": "Default" });
    let endpoint = |interface: &str| {
        json!({
            "id": interface,
            "interface": interface,
            "region": "regionOne",
            "region_id": "regionOne",
            "url": "http://127.0.0.1:9696",
        })
    };
    let endpoints = ["public", "internal", "admin"].map(endpoint);
    json!({ "token": {
        "methods": ["password"],
        "issued_at": "2020-01-01T00:00:00.000000Z",
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "user": { "id": "nova", "name": "nova", "domain": domain },
        "project": { "id": "service", "name": "service", "domain": domain },
        "roles": [{ "id": "admin", "name": "admin" }],
        "catalog": [{
            "type": "network",
            "id": "neutron",
            "name": "neutron",
            "endpoints": endpoints,
        }],
    }})
}
