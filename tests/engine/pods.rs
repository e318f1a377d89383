//! Pods of several processes, by Kubernetes' rules: order, restarts, ends (INI, SID, PHS, CRR).

use std::time::Duration;

use supd::engine::event::Event;
use supd::engine::view::{Phase, UnitState};
use supd::unit::model::{
    ExitCodes, Handler, Hook, Operator, Part, PodTemplate, Probe, Process, RestartAction, RestartPolicy,
    RestartRule,
};

use super::world::{World, name, world};

const SERVICE: &str = "exec = ['/x']\n[stop]\ngrace = '10s'\n";
const JOB: &str =
    "exec = ['/x']\nrestart_policy = 'Never'\n[stop]\ngrace = '10s'\n[job]\nbackoff_limit = 0\n";

/// Another process, with the policy that the loader would give it.
pub fn process(pod: &PodTemplate, name: &str, part: Part) -> Process {
    let restart_policy = match (part, pod.restart_policy) {
        (Part::Sidecar, _) => RestartPolicy::Always,
        (Part::Init, RestartPolicy::Always) => RestartPolicy::OnFailure,
        (_, policy) => policy,
    };
    Process { name: name.to_owned(), part, restart_policy, ..pod.main.clone() }
}

/// Steps and sidecars before, and processes beside main.
pub fn with(parts: &'static [(&'static str, Part)]) -> impl FnOnce(&mut PodTemplate) {
    move |pod| {
        let all = parts.iter().map(|(name, part)| process(pod, name, *part));
        let (beside, init) = all.partition(|process: &Process| process.part == Part::Application);
        (pod.beside, pod.init) = (beside, init);
    }
}

pub fn probe() -> Option<Box<Probe>> {
    Some(Box::new(Probe {
        handler: Handler::Exec(Vec::new()),
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        grace: None,
    }))
}

pub fn hook() -> Option<Box<Hook>> {
    Some(Box::new(Hook::Exec(Vec::new())))
}

const ALL: &[(&str, Part)] = &[
    ("first", Part::Init),
    ("proxy", Part::Sidecar),
    ("second", Part::Init),
    ("log", Part::Sidecar),
    ("other", Part::Application),
];

/// A pod of all sorts, all of it up.
fn all_up(title: &'static str) -> World {
    world(title)
        .unit_with("web", SERVICE, with(ALL))
        .begin()
        .exit("web-0/first", 0)
        .exit("web-0/second", 0)
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
}

#[test]
fn ini_001_steps_and_sidecars_in_their_order_then_the_application() {
    world("one step after another, sidecars stay (SID-001)")
        .unit_with("web", SERVICE, with(ALL))
        .begin()
        .processes(&["web-0/first"])
        .phase("web-0", Phase::Pending)
        .shows("web-0/first", (false, true, "Running", 0))
        .shows("web-0/proxy", (false, false, "PodInitializing", 0))
        .shows("web-0/main", (false, false, "PodInitializing", 0))
        .exit("web-0/first", 0)
        .processes(&["web-0/proxy", "web-0/second"])
        .shows("web-0/first", (true, false, "Completed", 0))
        .shows("web-0/proxy", (true, true, "Running", 0))
        .exit("web-0/second", 0)
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
        .phase("web-0", Phase::Running)
        .state("web", UnitState::Running);
}

#[test]
fn sid_001_the_next_step_waits_until_the_sidecar_has_started() {
    world("its startup probe has passed and its postStart is done")
        .unit_with("web", SERVICE, |pod| {
            with(&[("proxy", Part::Sidecar)])(pod);
            pod.init[0].startup = probe();
            pod.init[0].post_start = hook();
        })
        .begin()
        .asked(&["web-0/proxy PostStart"])
        .shows("web-0/proxy", (false, false, "PodInitializing", 0))
        .hooked("web-0/proxy", POST_START, None)
        .asked(&["web-0/proxy Startup"])
        .processes(&["web-0/proxy"])
        .probed("web-0/proxy", supd::unit::model::ProbeKind::Startup, true)
        .processes(&["web-0/main", "web-0/proxy"]);
}

pub const POST_START: supd::unit::model::HookKind = supd::unit::model::HookKind::PostStart;
pub const PRE_STOP: supd::unit::model::HookKind = supd::unit::model::HookKind::PreStop;

#[test]
fn ini_002_a_failing_step_is_tried_alone_and_later() {
    world("earlier ones are not repeated")
        .unit_with("web", SERVICE, with(ALL))
        .begin()
        .exit("web-0/first", 0)
        .exit("web-0/second", 1)
        .processes(&["web-0/proxy", "web-0/second"])
        .exit("web-0/second", 1)
        .processes(&["web-0/proxy"])
        .waits("web-0", "10s")
        .phase("web-0", Phase::Pending)
        .advance("10s")
        .exit("web-0/second", 0)
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
        .restarts("web-0", 2)
        .exit("web-0/main", 1)
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
        .shows("web-0/second", (true, false, "Completed", 2))
        .spawned(9);
}

#[test]
fn phs_006_a_failed_step_of_a_pod_that_never_restarts_fails_it() {
    world("the application never starts, sidecars go")
        .unit_with("import", JOB, with(&[("proxy", Part::Sidecar), ("step", Part::Init)]))
        .begin()
        .processes(&["import-0/proxy", "import-0/step"])
        .exit("import-0/step", 3)
        .runs(&[])
        .signalled("import-0/proxy", &[15])
        .final_phase("import-0", Phase::Failed)
        .counts("import", (0, 0, 1));
}

#[test]
fn ini_003_a_restart_does_not_repeat_the_steps() {
    all_up("only what has ended starts again")
        .exit("web-0/main", 1)
        .exit("web-0/main", 1)
        .waits("web-0", "10s")
        .advance("10s")
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
        .spawned(8);
}

#[test]
fn sid_002_a_sidecar_runs_again_after_every_end() {
    world("whatever its pod's policy, with its own back-off (RST-008)")
        .unit_with("import", JOB, with(&[("proxy", Part::Sidecar)]))
        .begin()
        .exit("import-0/proxy", 0)
        .processes(&["import-0/main", "import-0/proxy"])
        .exit("import-0/proxy", 1)
        .waits("import-0", "10s")
        .phase("import-0", Phase::Running)
        .shows("import-0/proxy", (false, false, "CrashLoopBackOff", 1))
        .advance("10s")
        .processes(&["import-0/main", "import-0/proxy"])
        .exit("import-0/main", 0)
        .state("import", UnitState::Complete);
}

#[test]
fn sid_003_sidecars_do_not_keep_a_job() {
    world("they are stopped, and their codes count for nothing (PHS-007)")
        .unit_with("import", JOB, with(&[("proxy", Part::Sidecar)]))
        .begin()
        .stubborn("import-0/proxy")
        .exit("import-0/main", 0)
        .signalled("import-0/proxy", &[15])
        .phase("import-0", Phase::Running)
        .counts("import", (1, 0, 0))
        .advance("10s")
        .signalled("import-0/proxy", &[15, 9])
        .final_phase("import-0", Phase::Succeeded)
        .state("import", UnitState::Complete);
}

#[test]
fn sid_004_the_application_first_then_sidecars_in_reverse() {
    all_up("one by one")
        .stubborn("web-0/main")
        .stubborn("web-0/log")
        .stop("web")
        .signalled("web-0/main", &[15])
        .signalled("web-0/other", &[15])
        .signalled("web-0/log", &[])
        .processes(&["web-0/log", "web-0/main", "web-0/proxy"])
        .advance("1s")
        .exit("web-0/main", 0)
        .signalled("web-0/log", &[15])
        .signalled("web-0/proxy", &[])
        .exit("web-0/log", 0)
        .runs(&[])
        .signalled("web-0/proxy", &[15])
        .state("web", UnitState::Stopped);
}

#[test]
fn sid_004_pre_stop_of_sidecars_runs_with_everybody_elses() {
    world("and the signal comes in their turn")
        .unit_with("web", SERVICE, |pod| {
            with(&[("proxy", Part::Sidecar)])(pod);
            pod.init[0].stop.pre = hook();
            pod.main.stop.pre = hook();
        })
        .begin()
        .stop("web")
        .asked(&["web-0/proxy PreStop", "web-0/main PreStop"])
        .hooked("web-0/proxy", PRE_STOP, None)
        .signalled("web-0", &[])
        .hooked("web-0/main", PRE_STOP, None)
        .signalled("web-0/main", &[15])
        .signalled("web-0/proxy", &[15])
        .runs(&[]);
}

#[test]
fn sid_005_when_the_grace_is_over_all_that_is_left_is_asked_and_killed() {
    all_up("TERM together, two seconds, KILL")
        .stubborn("web-0")
        .stop("web")
        .advance("9900ms")
        .signalled("web-0/main", &[15])
        .signalled("web-0/proxy", &[])
        .advance("100ms")
        .signalled("web-0/main", &[15, 9])
        .signalled("web-0/log", &[15])
        .signalled("web-0/proxy", &[15])
        .advance("1900ms")
        .processes(&["web-0/log", "web-0/proxy"])
        .advance("100ms")
        .runs(&[])
        .state("web", UnitState::Stopped);
}

#[test]
fn phs_005_a_pod_of_several_runs_until_the_last_one_ends() {
    world("one has failed, and the other goes on")
        .unit_with("import", JOB, with(&[("other", Part::Application)]))
        .begin()
        .processes(&["import-0/main", "import-0/other"])
        .exit("import-0/main", 1)
        .phase("import-0", Phase::Running)
        .shows("import-0/main", (false, false, "Error", 0))
        .counts("import", (1, 0, 0))
        .exit("import-0/other", 0)
        .final_phase("import-0", Phase::Failed)
        .counts("import", (0, 0, 1));
}

#[test]
fn phs_004_a_pod_succeeds_when_all_of_its_application_has() {
    world("OnFailure: success is final for one, while the other goes on (RST-003)")
        .unit_with("import", &JOB.replace("Never", "OnFailure").replace("limit = 0", "limit = 9"), |pod| {
            with(&[("other", Part::Application)])(pod);
        })
        .begin()
        .exit("import-0/other", 0)
        .exit("import-0/main", 1)
        .processes(&["import-0/main"])
        .exit("import-0/main", 0)
        .final_phase("import-0", Phase::Succeeded)
        .state("import", UnitState::Complete);
}

#[test]
fn phs_008_what_was_stopped_has_succeeded_if_all_of_its_application_exits_0() {
    world("even where it would always run again")
        .unit_with("web", SERVICE, with(&[("other", Part::Application)]))
        .begin()
        .stubborn("web-0")
        .stop("web")
        .exit("web-0/main", 0)
        .exit("web-0/other", 0)
        .final_phase("web-0", Phase::Succeeded);
}

#[test]
fn phs_009_a_pod_that_is_active_for_too_long_fails() {
    world("with all that is in it")
        .unit_with("web", SERVICE, |pod| {
            with(&[("proxy", Part::Sidecar)])(pod);
            pod.active_deadline = Some(Duration::from_secs(60));
        })
        .begin()
        .advance("60s")
        .signalled("web-0/main", &[15])
        .signalled("web-0/proxy", &[15])
        .final_phase("web-0", Phase::Failed);
}

#[test]
fn cst_009_a_pod_is_ready_when_all_of_it_is() {
    world("sidecars count (SID-006)")
        .unit_with("web", SERVICE, |pod| {
            with(&[("proxy", Part::Sidecar)])(pod);
            pod.init[0].readiness = probe();
        })
        .begin()
        .asked(&["web-0/proxy Readiness"])
        .processes(&["web-0/main", "web-0/proxy"])
        .shows("web-0/main", (true, true, "Running", 0))
        .shows("web-0/proxy", (false, true, "Running", 0))
        .state("web", UnitState::Starting)
        .probed("web-0/proxy", supd::unit::model::ProbeKind::Readiness, true)
        .state("web", UnitState::Running)
        .exit("web-0/proxy", 1)
        .state("web", UnitState::Degraded);
}

pub fn rule(values: &[u8], action: RestartAction) -> RestartRule {
    RestartRule { exit_codes: ExitCodes { operator: Operator::In, values: values.to_vec() }, action }
}

#[test]
fn crr_002_the_first_rule_that_matches_decides() {
    world("and no job hears of it (CRR-003)")
        .unit_with("import", JOB, |pod| {
            pod.main.restart_rules = vec![rule(&[42], RestartAction::Restart)];
        })
        .begin()
        .exit("import-0", 42)
        .runs(&["import-0"])
        .counts("import", (1, 0, 0))
        .exit("import-0", 42)
        .waits("import-0", "10s")
        .restarts("import-0", 1)
        .advance("10s")
        .exit("import-0", 41)
        .final_phase("import-0", Phase::Failed)
        .counts("import", (0, 0, 1));
}

#[test]
fn crr_001_a_process_may_have_its_own_policy() {
    world("main always runs again, its neighbour never")
        .unit_with("web", SERVICE, |pod| {
            with(&[("other", Part::Application)])(pod);
            pod.beside[0].restart_policy = RestartPolicy::Never;
        })
        .begin()
        .exit("web-0/other", 1)
        .exit("web-0/main", 1)
        .processes(&["web-0/main"])
        .phase("web-0", Phase::Running);
}

#[test]
fn crr_004_all_of_a_pod_begins_anew() {
    world("killed at once, with no preStop; the same pod")
        .unit_with("web", SERVICE, |pod| {
            with(ALL)(pod);
            pod.main.restart_rules = vec![rule(&[7], RestartAction::RestartAllContainers)];
            pod.beside[0].stop.pre = hook();
        })
        .begin()
        .exit("web-0/first", 0)
        .exit("web-0/second", 0)
        .check(|w| assert_eq!(w.run_of("web-0/main").attempt, 0))
        .exit("web-0/main", 7)
        .asked(&[])
        .signalled("web-0/proxy", &[9])
        .signalled("web-0/other", &[9])
        .processes(&["web-0/first"])
        .exit("web-0/first", 0)
        .processes(&["web-0/proxy", "web-0/second"])
        .exit("web-0/second", 0)
        .processes(&["web-0/log", "web-0/main", "web-0/other", "web-0/proxy"])
        .check(|w| assert_eq!(w.run_of("web-0/main").attempt, 1))
        .restarts("web-0", 6)
        .exit("web-0/main", 7)
        // Its first step was restarted once already: now it waits (RST-010).
        .processes(&[])
        .waits("web-0", "10s")
        .stop("web")
        .state("web", UnitState::Stopped);
}

#[test]
fn a_shutdown_leaves_nobody_without_a_word() {
    all_up("the signal comes before the end of everything")
        .stubborn("web-0")
        .event(Event::Shutdown { within: Duration::from_secs(6) })
        .signalled("web-0/main", &[15])
        .advance("3400ms")
        .signalled("web-0/proxy", &[])
        .advance("200ms")
        .signalled("web-0/proxy", &[15])
        .advance("2s")
        .ends(Some(0));
}

#[test]
fn a_kill_by_hand_is_for_the_application() {
    let kill = |all| supd::engine::event::Command::Kill {
        target: supd::engine::event::Target::Unit(name("web")),
        signal: 1,
        all,
    };
    all_up("or for all, where that is asked")
        .stubborn("web-0")
        .command(kill(false))
        .accepted("web: signal 1 sent to 2 processes")
        .command(kill(true))
        .accepted("web: signal 1 sent to 4 processes");
}
