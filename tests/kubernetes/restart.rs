//! RST: restart policies, and the back-off of the kubelet.

use supd::engine::event::Command;
use supd::engine::view::{Phase, ProcessState, UnitState};
use supd::unit::model::RestartPolicy;

use crate::world::{World, world};
use crate::{load, parse};

const SERVICE: &str = "exec = ['/x']";

/// Why a pod's main process waits.
fn waiting(w: &World, pod: &str) -> Option<String> {
    match &w.pod(pod).processes.last().unwrap().state {
        ProcessState::Waiting { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

#[test]
fn rst_001_three_policies_and_always_is_the_default() {
    assert_eq!(parse("a", SERVICE).pod().unwrap().restart_policy, RestartPolicy::Always);
    for policy in [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never] {
        let unit = parse("a", &format!("{SERVICE}\nrestart_policy = '{policy:?}'"));
        assert_eq!(unit.pod().unwrap().restart_policy, policy);
    }
    for other in ["Sometimes", "always", ""] {
        assert!(load("a", &format!("{SERVICE}\nrestart_policy = '{other}'")).is_err(), "{other}");
    }
}

#[test]
fn rst_005_a_restart_keeps_the_pod_and_there_is_no_last_one() {
    let mut w = world("same pod").unit("a", &format!("{SERVICE}\n[backoff]\nmax = '1s'")).begin();
    let uid = w.pod("a-0").uid;
    for count in 1..=1_000 {
        w = w.exit("a-0", 1).advance("1s").restarts("a-0", count);
    }
    assert_eq!(w.pod("a-0").uid, uid);
}

#[test]
fn rst_008_each_pod_has_its_own_series_and_a_new_template_a_new_one() {
    world("own series")
        .unit("a", &format!("{SERVICE}\n[service]\nreplicas = 2"))
        .begin()
        .exit("a-0", 1)
        .exit("a-0", 1)
        .waits("a-0", "10s")
        .exit("a-1", 1)
        .runs(&["a-1"])
        .exit("a-1", 1)
        .waits("a-1", "10s")
        .unit("a", "exec = ['/y']\n[service]\nreplicas = 2")
        .reload(true)
        .runs(&["a-0", "a-1"])
        .exit("a-0", 1)
        .runs(&["a-0", "a-1"])
        .exit("a-0", 1)
        .waits("a-0", "10s");
}

#[test]
fn rst_010_success_under_always_is_delayed_too() {
    world("clean and quick")
        .unit("a", SERVICE)
        .begin()
        .exit("a-0", 0)
        .exit("a-0", 0)
        .waits("a-0", "10s")
        .state("a", UnitState::CrashLoopBackOff);
}

#[test]
fn rst_011_a_delayed_restart_shows_all_that_is_known() {
    world("waiting")
        .unit("a", SERVICE)
        .begin()
        .exit("a-0", 1)
        .exit("a-0", 3)
        .check(|w| {
            let main = w.pod("a-0").processes.pop().unwrap();
            let ProcessState::Waiting { reason, message, .. } = main.state else { panic!("{main:?}") };
            assert_eq!(reason, "CrashLoopBackOff");
            assert!(message.contains("10s") && message.contains("restart"), "{message}");
            assert_eq!(main.last.unwrap().exit.code(), 3);
            assert_eq!(main.restarts, 1, "the next start is not counted before it is made");
        })
        .told("BackOff", "a-0")
        .advance("10s")
        .restarts("a-0", 2);
}

#[test]
fn rst_012_a_restart_is_begun_with_the_end_before_it() {
    world("at once")
        .unit("a", SERVICE)
        .begin()
        .hanging("a-0")
        .exit("a-0", 1)
        .check(|w| {
            let main = w.pod("a-0").processes.pop().unwrap();
            assert!(matches!(main.state, ProcessState::Waiting { .. }), "{main:?}");
            assert_eq!(main.last.unwrap().reason, "Error");
        })
        .started("a-0")
        .exit("a-0", 1)
        .waits("a-0", "10s");
}

#[test]
fn rst_013_a_longest_delay_below_the_first_lowers_it() {
    let unit = parse("a", &format!("{SERVICE}\n[backoff]\nmax = '3s'"));
    let backoff = unit.pod().unwrap().backoff;
    assert_eq!((backoff.initial, backoff.max), (backoff.max, std::time::Duration::from_secs(3)));
    world("lower")
        .unit("a", &format!("{SERVICE}\n[backoff]\nmax = '3s'"))
        .begin()
        .exit("a-0", 1)
        .exit("a-0", 1)
        .waits("a-0", "3s")
        .advance("3s")
        .exit("a-0", 1)
        .waits("a-0", "3s");
}

#[test]
fn rst_014_the_gentler_series_can_be_written() {
    let mut w = world("gentle")
        .unit("a", &format!("{SERVICE}\n[backoff]\ninitial = '1s'\nmax = '60s'"))
        .begin()
        .exit("a-0", 1);
    for delay in ["1s", "2s", "4s", "8s", "16s", "32s", "60s", "60s"] {
        w = w.exit("a-0", 1).waits("a-0", delay).advance(delay);
    }
    // Ten minutes, not twice the longest delay, begin the series anew.
    w.advance("121s")
        .exit("a-0", 1)
        .waits("a-0", "60s")
        .advance("60s")
        .advance("601s")
        .exit("a-0", 1)
        .runs(&["a-0"]);
}

#[test]
fn rst_015_a_new_manager_knows_how_far_the_back_off_had_come() {
    world("kept")
        .unit("a", SERVICE)
        .begin()
        .exit("a-0", 1)
        .exit("a-0", 1)
        .advance("10s")
        .exit("a-0", 1)
        .stored()
        .manager_dies()
        .runs(&[])
        .waits("a-0", "20s")
        .advance("20s")
        .exit("a-0", 1)
        .waits("a-0", "40s");
}

#[test]
fn rst_017_a_pod_that_is_to_go_restarts_nothing() {
    world("leaving")
        .unit("a", SERVICE)
        .stubborn("a-0")
        .begin()
        .stop("a")
        .exit("a-0", 1)
        .runs(&[])
        .advance("1h")
        .spawned(1);
}

#[test]
fn rst_018_a_changed_process_comes_as_a_new_pod_whatever_the_policy() {
    let w = world("changed").unit("a", &format!("{SERVICE}\nrestart_policy = 'Never'")).begin();
    let uid = w.pod("a-0").uid;
    let w = w.unit("a", "exec = ['/y']\nrestart_policy = 'Never'").reload(true).runs(&["a-0"]);
    assert_ne!(w.pod("a-0").uid, uid);
}

#[test]
fn rst_019_a_jobs_pod_waits_for_one_back_off_and_not_for_two() {
    world("in place")
        .unit("j", "exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]")
        .begin()
        .exit("j-0", 1)
        .runs(&["j-0"])
        .exit("j-0", 1)
        .waits("j-0", "10s")
        .check(|w| assert_eq!(waiting(w, "j-0").as_deref(), Some("CrashLoopBackOff")))
        .advance("10s")
        .runs(&["j-0"])
        .counts("j", (1, 0, 0));
    world("a new pod")
        .unit("j", "exec = ['/x']\nrestart_policy = 'Never'\n[job]")
        .begin()
        .exit("j-0", 1)
        .final_phase("j-0", Phase::Failed)
        .runs(&[])
        .advance("10s")
        .runs(&["j-1"])
        .command(Command::ResetFailed(None))
        .restarts("j-1", 0);
}
