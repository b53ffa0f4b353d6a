//! The program against every recording of OpenStack Nova in `tests/conformance`, byte for byte.
//! What differs on purpose stands in `deviations.txt` there; a line that is no longer needed fails.

use std::{
    path::Path,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use innkeeper_conformance::{Deviations, Options, Plan, run};

/// More requests than this are recorded; fewer mean that recordings were not found.
const REQUESTS_MIN: usize = 7_000;
/// A replay that takes longer is not run by anybody.
const DURATION_MAX: Duration = Duration::from_secs(120);

#[test]
fn the_program_answers_as_the_recorded_nova_did() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let deviations = Deviations::read(&recordings.join("deviations.txt")).expect("deviations");
    let plan = Plan::read(&recordings).expect("recordings");
    let innkeeper = env!("CARGO_BIN_EXE_innkeeper").into();
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let report = run(&plan, &Options { innkeeper, deviations, stop: &stop }, |doing| {
        println!("{doing}");
    });
    let report = report.expect("the recordings can be replayed");
    println!("{report}");
    assert_eq!(report.different(), 0, "answers that are not Nova's:\n{report}");
    let unused = report.unused_lines();
    assert!(unused.is_empty(), "lines of deviations.txt that excuse nothing: {unused:#?}");
    assert!(report.requests() > REQUESTS_MIN, "only {} requests", report.requests());
    let took = started.elapsed();
    assert!(took < DURATION_MAX, "it took {took:?}");
}
