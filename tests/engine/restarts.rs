//! Restart policies and back-off: rules RST, CST, PHS, INI.

use supd::engine::event::Outcome;
use supd::engine::view::{Phase, UnitState};

use super::world::world;

#[test]
fn rst_002_always_restarts_after_success_too() {
    world("always").unit("web", "exec = ['/x']").begin().runs(&["web-0"]).exit("web-0", 0).runs(&["web-0"]);
}

#[test]
fn rst_003_on_failure_restarts_failures_only() {
    world("on-failure")
        .unit("a", "exec = ['/x']\nrestart_policy = 'OnFailure'")
        .begin()
        .exit("a-0", 1)
        .runs(&["a-0"])
        .restarts("a-0", 1)
        .exit("a-0", 1)
        .runs(&[])
        .waits("a-0", "10s")
        .advance("10s")
        .exit("a-0", 0)
        .runs(&[])
        .state("a", UnitState::Complete)
        .final_phase("a-0", Phase::Succeeded)
        .advance("1h")
        .runs(&[]);
}

#[test]
fn rst_004_never_shows_its_code() {
    world("never")
        .unit("a", "exec = ['/x']\nrestart_policy = 'Never'")
        .begin()
        .exit("a-0", 7)
        .runs(&[])
        .state("a", UnitState::Failed)
        .final_phase("a-0", Phase::Failed)
        .check(|w| assert_eq!(w.unit_view("a").last_exit.unwrap().exit.code(), 7))
        .advance("1h")
        .spawned(1);
}

#[test]
fn rst_006_the_first_restart_is_immediate_then_the_delays_double() {
    let mut w = world("series").unit("web", "exec = ['/x']").begin().exit("web-0", 1).runs(&["web-0"]);
    for delay in ["10s", "20s", "40s", "80s", "160s", "300s", "300s"] {
        w = w
            .exit("web-0", 1)
            .runs(&[])
            .waits("web-0", delay)
            .state("web", UnitState::CrashLoopBackOff)
            .advance(delay)
            .runs(&["web-0"]);
    }
    w.restarts("web-0", 8);
}

#[test]
fn rst_007_a_delay_counts_from_the_end_of_the_run() {
    world("from the end")
        .unit("web", "exec = ['/x']")
        .begin()
        .exit("web-0", 1)
        .advance("8s")
        .exit("web-0", 1)
        .waits("web-0", "10s")
        .reported("BackOff", "web-0: exited 1, restarting in 10s")
        .advance("9.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["web-0"]);
}

#[test]
fn rst_009_ten_good_minutes_start_the_series_anew() {
    world("reset")
        .unit("web", "exec = ['/x']")
        .begin()
        .exit("web-0", 1)
        .exit("web-0", 1)
        .advance("10s")
        .advance("10m")
        .exit("web-0", 1)
        .runs(&["web-0"])
        .exit("web-0", 1)
        .waits("web-0", "10s");
}

#[test]
fn the_series_is_settable() {
    world("own numbers")
        .unit("web", "exec = ['/x']\n[backoff]\ninitial = '100ms'\nfactor = 3.0\nmax = '500ms'")
        .begin()
        .exit("web-0", 1)
        .exit("web-0", 1)
        .waits("web-0", "100ms")
        .advance("100ms")
        .exit("web-0", 1)
        .waits("web-0", "300ms")
        .advance("300ms")
        .exit("web-0", 1)
        .waits("web-0", "500ms");
}

#[test]
fn a_manual_start_clears_the_back_off() {
    world("start")
        .unit("web", "exec = ['/x']")
        .begin()
        .exit("web-0", 1)
        .exit("web-0", 1)
        .waits("web-0", "10s")
        .start("web")
        .runs(&["web-0"])
        .exit("web-0", 1)
        .runs(&["web-0"])
        .exit("web-0", 1)
        .waits("web-0", "10s");
}

#[test]
fn cst_004_what_cannot_be_started_is_a_failure() {
    let missing =
        || Outcome::NotStarted { message: "exec /x: no such file (ENOENT)".into(), exhausted: false };
    world("start error")
        .unit("web", "exec = ['/x']")
        .hanging("web-0")
        .begin()
        .outcome("web-0", missing())
        .outcome("web-0", missing())
        .waits("web-0", "10s")
        .check(|w| {
            let last = w.pod("web-0").processes[0].last.clone().unwrap();
            assert_eq!((last.reason.as_str(), last.exit.code()), ("StartError", 128));
            assert_eq!(last.message, "exec /x: no such file (ENOENT)");
        });
}

#[test]
fn f41_no_process_slot_is_no_crash() {
    let full = || Outcome::NotStarted { message: "clone: EAGAIN".into(), exhausted: true };
    world("exhausted")
        .unit("web", "exec = ['/x']")
        .hanging("web-0")
        .begin()
        .outcome("web-0", full())
        .runs(&[])
        .restarts("web-0", 0)
        .advance("5s")
        .runs(&["web-0"])
        .outcome("web-0", full())
        .advance("5s")
        .restarts("web-0", 0)
        .outcome("web-0", Outcome::Exited(1))
        .runs(&["web-0"])
        .restarts("web-0", 1);
}

#[test]
fn ini_001_steps_run_in_order_and_once() {
    world("init")
        .unit(
            "db",
            "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']\n[[init]]\nname = 'two'\nexec = ['/2']",
        )
        .begin()
        .check(|w| assert_eq!(w.run_of("db-0").process, 0))
        .exit("db-0", 0)
        .check(|w| assert_eq!(w.run_of("db-0").process, 1))
        .exit("db-0", 0)
        .check(|w| assert_eq!(w.run_of("db-0").process, 2))
        .state("db", UnitState::Running)
        .exit("db-0", 1)
        .check(|w| assert_eq!(w.run_of("db-0").process, 2));
}

#[test]
fn ini_002_a_failing_step_is_retried_alone() {
    world("init retry")
        .unit(
            "db",
            "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']\n[[init]]\nname = 'two'\nexec = ['/2']",
        )
        .begin()
        .exit("db-0", 0)
        .exit("db-0", 1)
        .check(|w| assert_eq!(w.run_of("db-0").process, 1))
        .exit("db-0", 1)
        .waits("db-0", "10s")
        .advance("10s")
        .exit("db-0", 0)
        .check(|w| assert_eq!(w.run_of("db-0").process, 2));
}

#[test]
fn phs_006_a_failed_step_under_never_fails_the_pod() {
    world("init never")
        .unit("db", "exec = ['/x']\nrestart_policy = 'Never'\n[[init]]\nname = 'one'\nexec = ['/1']")
        .begin()
        .exit("db-0", 3)
        .final_phase("db-0", Phase::Failed)
        .spawned(1);
}

#[test]
fn phs_009_a_pod_has_its_deadline() {
    world("pod deadline")
        .unit("a", "exec = ['/x']\nrestart_policy = 'Never'\nactive_deadline = '1m'")
        .begin()
        .advance("59s")
        .runs(&["a-0"])
        .advance("1s")
        .runs(&[])
        .final_phase("a-0", Phase::Failed)
        .state("a", UnitState::Failed);
}

#[test]
fn an_old_runs_end_is_dropped() {
    let w = world("stale").unit("web", "exec = ['/x']").begin();
    let old = w.run_of("web-0");
    let w = w.exit("web-0", 1).runs(&["web-0"]);
    let exit = supd::engine::event::Exit {
        outcome: Outcome::Exited(1),
        usage: supd::engine::event::Usage::default(),
        at: supd::engine::time::Now::default(),
    };
    let w = w.event(supd::engine::event::Event::Exited { run: old, exit }).restarts("web-0", 1);
    assert_eq!(w.engine().stale_events(), 1);
}

#[test]
fn not_ready_in_time_is_a_failed_start() {
    world("start deadline")
        .unit("web", "exec = ['/x']\n[startup]\ndeadline = '30s'\n[readiness]\nnotify = true")
        .begin()
        .advance("29s")
        .runs(&["web-0"])
        .advance("1s")
        .signalled("web-0", &[15])
        .restarts("web-0", 1)
        .ready("web-0", true)
        .state("web", UnitState::Running)
        .advance("1h")
        .restarts("web-0", 1);
}
