//! What a guest posts as its password.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use innkeeper_model::{Identity, InstanceId};
use innkeeper_wire::{GuestResponse, NextHop, Reason, limits::API_HOLD};
use tokio::time::Instant;

use crate::{
    harness::{SECRET, ask_raw},
    identity::{Web, request},
};

const PASSWORD: &str = "/openstack/latest/password";

async fn post(web: &Web, who: Identity, body: impl Into<Bytes>) -> GuestResponse {
    let mut request = request(who, Method::POST, PASSWORD, API_HOLD);
    request.body = body.into();
    web.world.api.call(request).await
}

async fn stored(web: &Web) -> String {
    web.world.store.guest_record(web.id).await.unwrap().unwrap().password
}

#[tokio::test]
async fn it_is_kept_once_and_read_until_it_is_cleared() {
    let web = Web::new().await;
    let who = || web.identity(Some(web.address), true);
    let kept = post(&web, who(), "geheim").await;
    assert_eq!((kept.status, kept.reason, kept.body.len()), (StatusCode::OK, Reason::Served, 0));
    assert_eq!(kept.headers[header::CONTENT_TYPE], "text/html; charset=UTF-8");
    assert_eq!(web.get(who(), PASSWORD).await.body, "geheim");
    for body in ["", "other", "x".repeat(5_000).as_str()] {
        let again = post(&web, who(), body.to_owned()).await;
        assert_eq!((again.status, again.reason), (StatusCode::CONFLICT, Reason::PasswordSet));
    }
    assert_eq!(stored(&web).await, "geheim");
    web.world.store.guest_password_clear(web.id).await.unwrap();
    assert_eq!(post(&web, who(), "other").await.status, StatusCode::OK);
    assert_eq!(web.get(who(), PASSWORD).await.body, "other");
}

#[tokio::test]
async fn of_many_at_once_one_is_kept() {
    let web = Web::new().await;
    let posts = (0..16).map(|n| post(&web, web.identity(None, false), format!("password {n}")));
    let posts: Vec<_> = posts.collect();
    let mut kept = Vec::new();
    for (n, answer) in futures(posts).await.into_iter().enumerate() {
        match answer.status {
            StatusCode::OK => kept.push(format!("password {n}")),
            status => assert_eq!(status, StatusCode::CONFLICT),
        }
    }
    assert_eq!(kept, [stored(&web).await]);
}

/// All of them, begun together.
async fn futures<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut pinned {
            if output.is_none()
                && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
            {
                *output = Some(done);
            }
        }
        if pinned.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    pinned.into_iter().map(|(_, output)| output.unwrap()).collect()
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_leaves_nothing() {
    let web = Web::new().await;
    let who = || web.identity(None, false);
    let large = post(&web, who(), "x".repeat(1_021)).await;
    assert_eq!((large.status, large.reason), (StatusCode::BAD_REQUEST, Reason::PasswordTooLarge));
    assert_eq!(large.body, "400 Bad Request\n\nRequest is too large.\n\n   ");
    let binary = post(&web, who(), &b"\xff\xfe"[..]).await;
    assert_eq!((binary.status, binary.reason), (StatusCode::BAD_REQUEST, Reason::BadRequest));
    assert_eq!(post(&web, who(), "").await.status, StatusCode::OK, "nothing is no password");
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let refused = web.call(who(), method.clone(), PASSWORD).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{method}");
        if method != Method::HEAD {
            let text = "400 Bad Request\n\nGET and POST only are supported.\n\n   ";
            assert_eq!(refused.body, text, "{method}");
        }
    }
    let mut old = request(who(), Method::POST, "/openstack/2012-08-10/password", API_HOLD);
    old.body = Bytes::from_static(b"x");
    assert_eq!(web.world.api.call(old).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stored(&web).await, "");
}

#[tokio::test]
async fn nobody_posts_for_another_machine() {
    let web = Web::new().await;
    let elsewhere: IpAddr = "10.0.0.77".parse().unwrap();
    let other = Identity { project: "other".parse().unwrap(), ..web.identity(None, false) };
    let stranger = Identity { instance: InstanceId::random(), ..web.identity(None, false) };
    for (who, reason) in [
        (web.identity(Some(elsewhere), true), Reason::StaleAddress),
        (other, Reason::TenantMismatch),
        (stranger, Reason::UnknownInstance),
    ] {
        assert_eq!(post(&web, who, "planted").await.reason, reason);
    }
    assert_eq!(stored(&web).await, "");
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for() {
    let web = Web::new().await;
    web.world.store.close().await;
    let (begun, hold) = (Instant::now(), Duration::from_millis(200));
    let mut request = request(web.identity(None, false), Method::POST, PASSWORD, hold);
    request.body = Bytes::from_static(b"geheim");
    let response = web.world.api.call(request).await;
    assert_eq!(response.reason, Reason::StoreAway);
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(begun.elapsed() <= hold * 10, "held for {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_body_in_chunks_is_a_body() {
    let web = Web::new().await;
    let address = web.world.serve().await;
    let secret = innkeeper_wire::signature::SharedSecret::new(SECRET).unwrap();
    let mut list = innkeeper_wire::headers::HeaderList::default();
    let who = web.identity(None, false);
    innkeeper_wire::headers::encode_identity(&who, &secret, false, &mut list);
    let mut headers: Vec<_> = list
        .to_map()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    // The line end behind the last header's value, and the body, go with the value.
    headers.push(("Transfer-Encoding".to_owned(), "chunked\r\n\r\n6\r\ngeheim\r\n0".to_owned()));
    let answer = ask_raw(address, &format!("POST {PASSWORD} HTTP/1.1"), &headers, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stored(&web).await, "geheim");
}
