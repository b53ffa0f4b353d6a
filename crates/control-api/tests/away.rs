//! What the client says when there is no server, or one that is no control API.

use std::{io::Write as _, os::unix::net::UnixListener, time::Duration};

use innkeeper_control_api::{Client, ControlAddress, ControlError};

#[tokio::test]
async fn a_missing_socket_is_reported_with_advice() {
    let directory = tempfile::tempdir().expect("a directory");
    let client = Client::new(ControlAddress::Unix(directory.path().join("control.sock")));
    let error = client.topology(None, Duration::ZERO).await.expect_err("no server");
    assert!(error.is_unavailable(), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("control API at /"), "{text}");
    assert!(
        text.ends_with("is `innkeeper serve` or `innkeeper api` running? (no such socket)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_socket_nobody_listens_on_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    let client = Client::new(ControlAddress::Unix(path));
    let text = client.topology(None, Duration::ZERO).await.expect_err("no server").to_string();
    assert!(text.ends_with("(connection refused)"), "{text}");
}

#[tokio::test]
async fn somebody_else_is_told_from_the_control_api() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0_u8; 4096];
        let read = std::io::Read::read(&mut stream, &mut head).expect("a request");
        assert!(read > 0, "an empty request");
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope")
            .expect("an answer");
    });
    let client = Client::new(ControlAddress::Unix(path));
    let error = client.topology(None, Duration::ZERO).await.expect_err("not ours");
    assert!(matches!(error, ControlError::Protocol { .. }), "{error:?}");
    drop(client);
    server.join().expect("the server");
}

#[tokio::test]
async fn a_token_never_shows() {
    let token = innkeeper_model::Secret::new("very-secret-token");
    let address = ControlAddress::Tcp { authority: "127.0.0.1:1".to_owned(), token };
    let client = Client::new(address);
    let error = client.topology(None, Duration::ZERO).await.expect_err("no server");
    for text in [format!("{client:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!text.contains("very-secret"), "{text}");
    }
}
