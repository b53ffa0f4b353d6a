//! What spares services: kept answers, shared questions, and no questions to one that is away.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use innkeeper_vendor_data::VendorData;
use serde_json::{Value, json};
use support::{PATIENCE, Service, answer, machine, ok, said, skip, until, vendor_data, with};
use tokio::{sync::Semaphore, time::Instant};

/// Says the instance's id.
async fn naming() -> Service {
    Service::start(|call| async move {
        let asked: Value = serde_json::from_slice(&call.asked.body).unwrap();
        let (number, id) = (call.number, asked["instance-id"].clone());
        call.reply_json(&json!([number, id])).await;
    })
    .await
}

/// Answers one question per permit.
async fn gated() -> (Service, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let kept = Arc::clone(&gate);
    let service = Service::start(move |call| {
        let gate = Arc::clone(&kept);
        async move {
            gate.acquire().await.unwrap().forget();
            call.reply_json(&json!("said")).await;
        }
    })
    .await;
    (service, gate)
}

/// Answers 503 until it is told to be there.
async fn absent() -> (Service, Arc<AtomicBool>) {
    let present = Arc::new(AtomicBool::new(false));
    let kept = Arc::clone(&present);
    let service = Service::start(move |call| {
        let bytes = if kept.load(Ordering::SeqCst) {
            ok("1")
        } else {
            answer("503 Service Unavailable", "")
        };
        async move { call.reply(&bytes).await }
    })
    .await;
    (service, present)
}

#[tokio::test]
async fn an_answer_is_kept_for_its_machine_and_revision() {
    let service = naming().await;
    let vendor_data = vendor_data(vec![service.target("a")]);
    let id = |number: u64| format!("00000000-0000-4000-8000-{number:012}");
    assert_eq!(said(&vendor_data, &machine(1, 1)).await["a"], json!([1, id(1)]));
    assert_eq!(said(&vendor_data, &machine(1, 1)).await["a"], json!([1, id(1)]), "not kept");
    assert_eq!(said(&vendor_data, &machine(1, 2)).await["a"], json!([2, id(1)]), "outdated");
    assert_eq!(said(&vendor_data, &machine(2, 1)).await["a"], json!([3, id(2)]), "another's");
    let mut made_again = machine(1, 1);
    made_again.instance.project_id = "other".parse().unwrap();
    assert_eq!(said(&vendor_data, &made_again).await["a"], json!([4, id(1)]), "another owner's");
    skip(Duration::from_secs(61)).await;
    assert_eq!(said(&vendor_data, &machine(1, 1)).await["a"], json!([5, id(1)]), "kept too long");
}

#[tokio::test]
async fn a_lifetime_of_zero_keeps_nothing() {
    let service = naming().await;
    let vendor_data = with(vec![service.target("a")], |config| config.cache_seconds = 0);
    for times in 1..4 {
        said(&vendor_data, &machine(1, 1)).await;
        assert_eq!(service.times(), times);
    }
}

#[tokio::test]
async fn a_failure_is_kept_briefly() {
    let service = Service::saying(ok("nonsense")).await;
    let vendor_data = vendor_data(vec![service.target("a")]);
    for _ in 0..3 {
        assert_eq!(said(&vendor_data, &machine(1, 1)).await, json!({"a": {}}));
    }
    assert_eq!(service.times(), 1);
    skip(Duration::from_secs(6)).await;
    said(&vendor_data, &machine(1, 1)).await;
    assert_eq!(service.times(), 2);
}

#[tokio::test]
async fn the_least_recently_used_answer_makes_room() {
    let service = naming().await;
    let vendor_data = with(vec![service.target("a")], |config| config.cache_entries = 2);
    for (number, times) in [(1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4), (1, 4), (3, 5)] {
        said(&vendor_data, &machine(number, 1)).await;
        assert_eq!(service.times(), times, "after machine {number}");
    }
}

#[tokio::test]
async fn large_answers_make_room_too() {
    let service = Service::saying(ok(&format!("\"{}\"", "x".repeat(1_000_000)))).await;
    let vendor_data = vendor_data(vec![service.target("a")]);
    for number in 1..=17 {
        said(&vendor_data, &machine(number, 1)).await;
    }
    said(&vendor_data, &machine(17, 1)).await;
    assert_eq!(service.times(), 17, "the newest answer was not kept");
    said(&vendor_data, &machine(1, 1)).await;
    assert_eq!(service.times(), 18, "more than 16 MiB were kept");
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_question() {
    let (service, gate) = gated().await;
    let vendor_data = Arc::new(vendor_data(vec![service.target("a")]));
    let guests: Vec<_> = (0..20).map(|_| tokio::spawn(ask(Arc::clone(&vendor_data), 1))).collect();
    until("the question", || service.times() == 1).await;
    gate.add_permits(20);
    for guest in guests {
        assert_eq!(guest.await.unwrap(), json!({"a": "said"}));
    }
    assert_eq!(service.times(), 1);
}

#[tokio::test]
async fn a_guest_that_leaves_does_not_take_the_answer_with_it() {
    let (service, gate) = gated().await;
    let vendor_data = Arc::new(vendor_data(vec![service.target("a")]));
    let leaving = tokio::spawn(ask(Arc::clone(&vendor_data), 1));
    until("the question", || service.times() == 1).await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    gate.add_permits(20);
    assert_eq!(ask(vendor_data, 1).await, json!({"a": "said"}));
    assert_eq!(service.times(), 1);
}

#[tokio::test]
async fn a_service_that_is_away_is_left_alone_and_found_again() {
    let (service, present) = absent().await;
    let good = Service::saying(ok("2")).await;
    let vendor_data = vendor_data(vec![service.target("a"), good.target("b")]);
    for number in 1..10 {
        assert_eq!(said(&vendor_data, &machine(number, 1)).await, json!({"a": {}, "b": 2}));
    }
    assert_eq!((service.times(), good.times()), (3, 9), "it was asked though it was away");

    skip(Duration::from_secs(10)).await;
    for number in 11..14 {
        assert_eq!(said(&vendor_data, &machine(number, 1)).await["a"], json!({}));
    }
    assert_eq!(service.times(), 4, "one tries, and it failed");

    present.store(true, Ordering::SeqCst);
    skip(Duration::from_secs(10)).await;
    for number in 21..24 {
        assert_eq!(said(&vendor_data, &machine(number, 1)).await["a"], json!(1));
    }
    assert_eq!(service.times(), 7);
}

#[tokio::test]
async fn a_refusal_to_one_machine_keeps_no_other_from_asking() {
    for status in ["404 Not Found", "500 Internal Server Error", "302 Found"] {
        let service = Service::saying(answer(status, "")).await;
        let vendor_data = vendor_data(vec![service.target("a")]);
        for number in 1..8 {
            said(&vendor_data, &machine(number, 1)).await;
        }
        assert_eq!(service.times(), 7, "{status} counted as being away");
    }
}

async fn ask(vendor_data: Arc<VendorData>, number: u64) -> Value {
    let record = machine(number, 1);
    let said = vendor_data.dynamic_of(&record, Instant::now() + PATIENCE).await.unwrap();
    Value::Object(said.iter().cloned().collect())
}
