//! PHS: phases of a pod. INI: the steps before it.

use supd::engine::view::{Phase, ProcessState};

use crate::load;
use crate::world::{name, world};

#[test]
fn phs_001_a_final_phase_stays() {
    let w = world("final").unit("a", "exec = ['/x']\nrestart_policy = 'OnFailure'").begin();
    let first = w.pod("a-0").uid;
    let w = w
        .exit("a-0", 0)
        .final_phase("a-0", Phase::Succeeded)
        .advance("1d")
        .final_phase("a-0", Phase::Succeeded);
    // Who wants it again gets another pod.
    let w = w.start("a").runs(&["a-0"]);
    assert_ne!(w.pod("a-0").uid, first);
}

#[test]
fn phs_002_pending_until_the_application_was_started() {
    world("pending")
        .unit("a", "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']")
        .begin()
        .check(|w| assert_eq!(w.pod("a-0").phase, Phase::Pending))
        .hanging("a-0")
        .exit("a-0", 0)
        .check(|w| assert_eq!(w.pod("a-0").phase, Phase::Pending))
        .started("a-0")
        .check(|w| assert_eq!(w.pod("a-0").phase, Phase::Running));
}

#[test]
fn phs_003_a_pod_in_back_off_is_running() {
    world("crash loop")
        .unit("a", "exec = ['/x']")
        .begin()
        .exit("a-0", 1)
        .exit("a-0", 1)
        .waits("a-0", "10s")
        .check(|w| assert_eq!(w.pod("a-0").phase, Phase::Running));
}

#[test]
fn phs_004_005_the_end_of_the_application_is_the_end_of_the_pod() {
    for (policy, code, phase) in [
        ("OnFailure", 0, Phase::Succeeded),
        ("Never", 0, Phase::Succeeded),
        ("Never", 1, Phase::Failed),
        ("Never", 255, Phase::Failed),
    ] {
        world("end")
            .unit("a", &format!("exec = ['/x']\nrestart_policy = '{policy}'"))
            .begin()
            .exit("a-0", code)
            .final_phase("a-0", phase)
            .advance("1h")
            .spawned(1);
    }
}

#[test]
fn phs_008_a_pod_that_was_asked_to_end_ends_as_its_application_did() {
    for (code, phase) in [(0, Phase::Succeeded), (1, Phase::Failed)] {
        world("asked")
            .unit("a", "exec = ['/x']")
            .stubborn("a-0")
            .begin()
            .stop("a")
            .exit("a-0", code)
            .final_phase("a-0", phase);
    }
    world("killed by TERM").unit("a", "exec = ['/x']").begin().stop("a").final_phase("a-0", Phase::Failed);
}

#[test]
fn phs_009_the_deadline_counts_waits_too_and_gives_a_reason() {
    world("deadline")
        .unit("a", "exec = ['/x']\nactive_deadline = '15s'")
        .begin()
        .exit("a-0", 1)
        .advance("8s")
        .exit("a-0", 1)
        .waits("a-0", "10s")
        .advance("7s")
        .final_phase("a-0", Phase::Failed)
        .check(|w| assert_eq!(w.finished("a-0").reason, "DeadlineExceeded"));
}

#[test]
fn ini_003_only_a_new_pod_repeats_the_steps() {
    let text = "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']";
    world("steps")
        .unit("a", text)
        .begin()
        .exit("a-0", 0)
        .exit("a-0", 1)
        .check(|w| assert_eq!(w.run_of("a-0").process, 1, "the application, not its step"))
        .restart("a")
        .check(|w| assert_eq!(w.run_of("a-0").process, 0))
        .check(|w| assert!(matches!(w.pod("a-0").processes[1].state, ProcessState::Waiting { .. })));
}

#[test]
fn ini_004_a_step_has_neither_probes_nor_hooks() {
    let step = "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']\n";
    assert!(load("a", step).is_ok());
    for more in [
        "readiness = { tcp = 80 }",
        "liveness = { tcp = 80 }",
        "startup = { tcp = 80 }",
        "startup = { post = ['/p'] }",
        "stop = { pre = ['/p'] }",
    ] {
        assert!(load("a", &format!("{step}{more}")).is_err(), "{more}");
    }
}

#[test]
fn phs_006_no_application_after_a_failed_step_under_never() {
    world("step")
        .unit("a", "exec = ['/x']\nrestart_policy = 'Never'\n[[init]]\nname = 'one'\nexec = ['/1']")
        .begin()
        .exit("a-0", 1)
        .final_phase("a-0", Phase::Failed)
        .advance("1d")
        .spawned(1)
        .check(|w| assert!(w.engine().unit_view(&name("a")).is_some()));
}
