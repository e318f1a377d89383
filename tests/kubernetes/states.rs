//! CST: what is shown of one process.

use supd::engine::event::Outcome;
use supd::engine::view::{PodView, ProcessState, Terminated};

use crate::world::world;

const NEVER: &str = "exec = ['/x']\nrestart_policy = 'Never'";

fn end(pod: &PodView) -> Terminated {
    match &pod.processes.last().unwrap().state {
        ProcessState::Terminated(end) => end.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cst_001_waiting_running_terminated() {
    world("states")
        .unit("a", NEVER)
        .hanging("a-0")
        .begin()
        .check(|w| assert!(matches!(w.pod("a-0").processes[0].state, ProcessState::Waiting { .. })))
        .started("a-0")
        .check(|w| {
            assert!(matches!(w.pod("a-0").processes[0].state, ProcessState::Running { pid: 1000, .. }))
        })
        .advance("5s")
        .exit("a-0", 4)
        .check(|w| {
            let end = end(w.finished("a-0"));
            assert_eq!((end.exit.code(), end.exit.signal()), (4, None));
            assert_eq!(end.exit.at.mono.since(end.started.unwrap().mono).as_secs(), 5);
        });
}

#[test]
fn cst_002_completed_is_0_and_error_is_the_rest() {
    for (code, reason) in [(0, "Completed"), (1, "Error"), (137, "Error"), (255, "Error")] {
        let w = world("reason").unit("a", NEVER).begin().exit("a-0", code);
        let end = end(w.finished("a-0"));
        assert_eq!((end.exit.code(), end.reason.as_str()), (code, reason));
    }
}

#[test]
fn cst_003_a_signal_is_128_and_its_number() {
    for (signal, code) in [(9, 137), (15, 143), (11, 139), (2, 130)] {
        let outcome = Outcome::Signaled { signal, core: false };
        let w = world("signal").unit("a", NEVER).begin().outcome("a-0", outcome);
        let end = end(w.finished("a-0"));
        assert_eq!((end.exit.code(), end.reason.as_str()), (code, "Error"));
    }
}

#[test]
fn cst_005_what_nobody_knows_is_137() {
    let w = world("unknown").unit("a", NEVER).begin().outcome("a-0", Outcome::Unknown);
    let end = end(w.finished("a-0"));
    assert_eq!((end.exit.code(), end.reason.as_str()), (137, "ContainerStatusUnknown"));
}

#[test]
fn cst_006_why_a_process_waits_for_its_first_start() {
    let reason = |view: &PodView| match &view.processes.last().unwrap().state {
        ProcessState::Waiting { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    };
    world("creating")
        .unit("a", NEVER)
        .hanging("a-0")
        .begin()
        .check(|w| assert_eq!(reason(&w.pod("a-0")), "ContainerCreating"));
    world("initializing")
        .unit("a", &format!("{NEVER}\n[[init]]\nname = 'one'\nexec = ['/1']"))
        .begin()
        .check(|w| assert_eq!(reason(&w.pod("a-0")), "PodInitializing"));
}

#[test]
fn cst_007_one_last_end_and_a_count_of_starts() {
    world("count")
        .unit("a", "exec = ['/x']")
        .begin()
        .restarts("a-0", 0)
        .check(|w| assert!(w.pod("a-0").processes[0].last.is_none()))
        .exit("a-0", 1)
        .restarts("a-0", 1)
        .exit("a-0", 2)
        .restarts("a-0", 1)
        .advance("10s")
        .restarts("a-0", 2)
        .check(|w| assert_eq!(w.pod("a-0").processes[0].last.as_ref().unwrap().exit.code(), 2));
}

#[test]
fn cst_008_two_ends_in_one_second_are_two() {
    // A success just after a failure resets the series; one just before it does not, though the second is the same.
    world("order")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 9\nparallelism = 2")
        .begin()
        .exit("j-0", 0)
        .runs(&["j-1", "j-2"])
        .advance("1ms")
        .exit("j-1", 1)
        .runs(&["j-2"])
        .advance("9.999s")
        .runs(&["j-2"])
        .advance("1ms")
        .runs(&["j-2", "j-3"]);
}

#[test]
fn cst_009_ready_is_running_and_what_readiness_says() {
    world("no probe")
        .unit("a", "exec = ['/x']")
        .hanging("a-0")
        .begin()
        .check(|w| assert!(!w.pod("a-0").ready))
        .started("a-0")
        .check(|w| assert!(w.pod("a-0").ready));
    world("a probe")
        .unit("a", "exec = ['/x']\n[readiness]\nnotify = true")
        .begin()
        .check(|w| assert!(!w.pod("a-0").ready))
        .ready("a-0", true)
        .check(|w| assert!(w.pod("a-0").ready))
        .exit("a-0", 1)
        .check(|w| assert!(!w.pod("a-0").ready, "the new process has said nothing yet"));
}
