//! SID, CRR and what else is about several processes of one pod.

use std::time::Duration;

use supd::control::objects::Pod;
use supd::engine::event::Command;
use supd::engine::view::{Phase, UnitState};
use supd::unit::model::{
    ExitCodes, Handler, Operator, Part, PodTemplate, Probe, ProbeKind, Process, RestartAction, RestartPolicy,
    RestartRule,
};

use crate::world::{World, world};

const JOB: &str = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\n";

/// A pod with a sidecar `log`, main, and `other` beside it.
pub fn three(pod: &mut PodTemplate) {
    let log = Process {
        name: "log".to_owned(),
        part: Part::Sidecar,
        restart_policy: RestartPolicy::Always,
        ..pod.main.clone()
    };
    pod.init.push(log);
    pod.beside.push(Process { name: "other".to_owned(), ..pod.main.clone() });
}

/// An exit with 7 is another try.
fn seven_again(pod: &mut PodTemplate) {
    let exit_codes = ExitCodes { operator: Operator::In, values: vec![7] };
    pod.main.restart_rules.push(RestartRule { exit_codes, action: RestartAction::Restart });
}

fn liveness(pod: &mut PodTemplate, grace: Option<Duration>) {
    pod.main.liveness = Some(Box::new(Probe {
        handler: Handler::Exec(Vec::new()),
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        grace,
    }));
}

fn is_true(w: &World, pod: &str, kind: &str) -> bool {
    let pod = Pod::from(&w.pod(pod));
    let found = pod.status.conditions.iter().find(|condition| condition.kind == kind);
    found.unwrap_or_else(|| panic!("no condition {kind}")).status == "True"
}

#[test]
fn phs_005_one_that_failed_waits_for_the_other() {
    world("the last one")
        .unit_with("a", "exec = ['/x']\nrestart_policy = 'Never'", three)
        .begin()
        .exit("a-0/main", 1)
        .phase("a-0", Phase::Running)
        .exit("a-0/other", 0)
        .final_phase("a-0", Phase::Failed);
}

#[test]
fn phs_007_how_a_sidecar_ends_does_not_matter() {
    world("a bad sidecar")
        .unit_with("j", JOB, three)
        .begin()
        .exit("j-0/log", 3)
        .exit("j-0/main", 0)
        .exit("j-0/other", 0)
        .final_phase("j-0", Phase::Succeeded)
        .state("j", UnitState::Complete);
}

#[test]
fn phs_010_conditions_of_a_pod() {
    let text = "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']\n[readiness]\nnotify = true";
    world("conditions")
        .unit("a", text)
        .begin()
        .check(|w| {
            assert!(is_true(w, "a-0", "PodScheduled") && is_true(w, "a-0", "PodReadyToStartContainers"));
            assert!(!is_true(w, "a-0", "Initialized") && !is_true(w, "a-0", "Ready"));
        })
        .exit("a-0/one", 0)
        .check(|w| assert!(is_true(w, "a-0", "Initialized") && !is_true(w, "a-0", "ContainersReady")))
        .ready("a-0", true)
        .check(|w| assert!(is_true(w, "a-0", "ContainersReady") && is_true(w, "a-0", "Ready")));
}

#[test]
fn phs_010_disruption_is_a_condition_of_whom_an_operator_or_supd_ended() {
    let disrupted = |pod: &Pod| {
        let found = pod.status.conditions.iter().find(|condition| condition.kind == "DisruptionTarget");
        found.is_some_and(|condition| condition.status == "True")
    };
    let text = "exec = ['/x']";
    let w = world("deleted").unit("a", text).stubborn("a-0").begin();
    assert!(!disrupted(&Pod::from(&w.pod("a-0"))));
    let uid = w.pod("a-0").uid;
    let w = w.command(Command::StopPod(uid));
    assert!(disrupted(&Pod::from(&w.pod("a-0"))));
    let w = world("ended by itself")
        .unit("a", &format!("{text}\nrestart_policy = 'Never'"))
        .begin()
        .exit("a-0", 1);
    assert!(!disrupted(&Pod::from(w.finished("a-0"))));
}

#[test]
fn rst_003_success_is_final_while_siblings_restart() {
    world("siblings")
        .unit_with("a", "exec = ['/x']\nrestart_policy = 'OnFailure'", three)
        .begin()
        .exit("a-0/main", 0)
        .exit("a-0/other", 1)
        .processes(&["a-0/log", "a-0/other"])
        .exit("a-0/other", 1)
        .advance("1h")
        .processes(&["a-0/log", "a-0/other"]);
}

#[test]
fn rst_008_siblings_do_not_share_a_back_off() {
    world("own series")
        .unit_with("a", "exec = ['/x']", three)
        .begin()
        .exit("a-0/main", 1)
        .exit("a-0/main", 1)
        .processes(&["a-0/log", "a-0/other"])
        .exit("a-0/other", 1)
        .processes(&["a-0/log", "a-0/other"]);
}

#[test]
fn sid_002_with_the_usual_back_off_and_whatever_the_policy() {
    world("never")
        .unit_with("j", JOB, three)
        .begin()
        .exit("j-0/log", 0)
        .processes(&["j-0/log", "j-0/main", "j-0/other"])
        .exit("j-0/log", 1)
        .processes(&["j-0/main", "j-0/other"])
        .advance("9.999s")
        .processes(&["j-0/main", "j-0/other"])
        .advance("1ms")
        .processes(&["j-0/log", "j-0/main", "j-0/other"]);
}

#[test]
fn crr_003_a_rule_restarts_in_a_pod_that_never_does_and_the_job_does_not_see_it() {
    world("again")
        .unit_with("j", &format!("{JOB}backoff_limit = 0"), seven_again)
        .begin()
        .exit("j-0", 7)
        .runs(&["j-0"])
        .exit("j-0", 7)
        .waits("j-0", "10s")
        .counts("j", (1, 0, 0))
        .advance("10s")
        .restarts("j-0", 2)
        .exit("j-0", 1)
        .state("j", UnitState::Failed)
        .counts("j", (0, 0, 1));
}

#[test]
fn trm_002_the_application_together_and_sidecars_after_it() {
    world("together")
        .unit_with("a", "exec = ['/x']", three)
        .stubborn("a-0")
        .begin()
        .stop("a")
        .signalled("a-0", &[15, 15])
        .exit("a-0/main", 0)
        .signalled("a-0", &[15, 15])
        .exit("a-0/other", 0)
        .signalled("a-0", &[15, 15, 15])
        .processes(&["a-0/log"]);
}

#[test]
fn trm_006_liveness_has_its_own_grace_and_everything_else_the_pods() {
    let with = |pod: &mut PodTemplate| liveness(pod, Some(Duration::from_secs(5)));
    world("liveness")
        .unit_with("a", "exec = ['/x']", with)
        .stubborn("a-0")
        .begin()
        .probed("a-0/main", ProbeKind::Liveness, false)
        .advance("4.999s")
        .signalled("a-0", &[15])
        .advance("1ms")
        .signalled("a-0", &[15, 9]);
    world("a stop")
        .unit_with("a", "exec = ['/x']", with)
        .stubborn("a-0")
        .begin()
        .stop("a")
        .advance("29.999s")
        .signalled("a-0", &[15]);
}

#[test]
fn prb_007_a_failed_liveness_stops_and_restarts() {
    world("liveness")
        .unit_with("a", "exec = ['/x']", |pod| liveness(pod, None))
        .stubborn("a-0")
        .begin()
        .probed("a-0/main", ProbeKind::Liveness, false)
        .signalled("a-0", &[15])
        .exit("a-0", 0)
        .runs(&["a-0"])
        .restarts("a-0", 1)
        .probed("a-0/main", ProbeKind::Liveness, true)
        .advance("1h")
        .restarts("a-0", 1);
}

#[test]
fn prb_004_before_the_first_answer() {
    world("liveness is good")
        .unit_with("a", "exec = ['/x']", |pod| liveness(pod, None))
        .begin()
        .check(|w| assert!(w.pod("a-0").ready))
        .advance("1h")
        .spawned(1);
    world("readiness is bad")
        .unit("a", "exec = ['/x']\n[readiness]\ntcp = 80")
        .begin()
        .check(|w| assert!(!w.pod("a-0").ready))
        .advance("1h")
        .check(|w| assert!(!w.pod("a-0").ready));
}
