//! The manager dies in each stage of a pod's life, and the next one goes on there: nothing is started twice.

use supd::engine::view::{Phase, UnitState};
use supd::unit::model::{Part, PodTemplate, ProbeKind, RestartAction};

use super::pods::{POST_START, PRE_STOP, hook, probe, with};
use super::world::{World, world};

const SERVICE: &str = "exec = ['/x']\n[stop]\ngrace = '10s'\n";
const JOB: &str =
    "exec = ['/x']\nrestart_policy = 'Never'\n[stop]\ngrace = '10s'\n[job]\nbackoff_limit = 0\n";
const PARTS: &[(&str, Part)] =
    &[("proxy", Part::Sidecar), ("step", Part::Init), ("other", Part::Application)];

fn web(title: &'static str, change: impl FnOnce(&mut PodTemplate)) -> World {
    world(title).unit_with("web", SERVICE, |pod| {
        with(PARTS)(pod);
        change(pod);
    })
}

#[test]
fn in_a_step_with_a_sidecar_up() {
    for stored in [true, false] {
        let before = web("the step goes on, the sidecar stays", |_| {}).begin();
        let before = if stored { before.stored() } else { before };
        before
            .manager_dies()
            .processes(&["web-0/proxy", "web-0/step"])
            .exit("web-0/step", 0)
            .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
            .manager_dies()
            .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
            .state("web", UnitState::Running)
            .spawned(4)
            .exit("web-0/proxy", 1)
            .exit("web-0/proxy", 1)
            .waits("web-0", "10s")
            .stored()
            .manager_dies()
            .waits("web-0", "10s")
            .advance("10s")
            .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
            .spawned(6);
    }
}

#[test]
fn while_a_step_is_over_and_nobody_has_heard() {
    web("the next one has its turn", |_| {})
        .begin()
        .stored()
        .exit("web-0/step", 0)
        .exit("web-0/main", 1)
        .manager_dies()
        .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
        .shows("web-0/main", (true, true, "Running", 1))
        .shows("web-0/step", (true, false, "Completed", 0))
        .spawned(5)
        .stored()
        .check(|w| assert!(w.recorded.values().all(|count| *count == 1) && w.recorded.len() == 2));
}

#[test]
fn hok_007_while_post_start_is_under_way() {
    for stored in [true, false] {
        let before = web("it may run again, the process does not", |pod| pod.main.post_start = hook())
            .begin()
            .exit("web-0/step", 0)
            .asked(&["web-0/main PostStart"]);
        let before = if stored { before.stored() } else { before };
        before
            .manager_dies()
            .asked(&["web-0/main PostStart"])
            .processes(&["web-0/main", "web-0/proxy"])
            .hooked("web-0/main", POST_START, None)
            .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
            .stored()
            .manager_dies()
            .asked(&[])
            .state("web", UnitState::Running)
            .spawned(4);
    }
}

#[test]
fn prb_018_what_has_started_and_is_ready_stays_so() {
    web("probes go on where they stood", |pod| {
        (pod.main.startup, pod.main.liveness, pod.main.readiness) = (probe(), probe(), probe());
    })
    .begin()
    .exit("web-0/step", 0)
    .asked(&["web-0/main Startup"])
    .stored()
    .manager_dies_before_anyone_is_ready()
    .asked(&["web-0/main Startup"])
    .probed("web-0/main", ProbeKind::Startup, true)
    .probed("web-0/main", ProbeKind::Readiness, true)
    .asked(&["web-0/main Liveness", "web-0/main Readiness"])
    .state("web", UnitState::Running)
    .stored()
    .manager_dies()
    .asked(&["web-0/main Liveness", "web-0/main Readiness"])
    .state("web", UnitState::Running)
    .shows("web-0/main", (true, true, "Running", 0));
}

#[test]
fn while_pre_stop_is_under_way() {
    web("the grace goes on, and so does the order", |pod| pod.main.stop.pre = hook())
        .begin()
        .exit("web-0/step", 0)
        .stubborn("web-0/proxy")
        .stop("web")
        .asked(&["web-0/main PreStop"])
        .stored()
        .advance("4s")
        .manager_dies()
        .asked(&["web-0/main PreStop"])
        .state("web", UnitState::Stopping)
        .processes(&["web-0/main", "web-0/proxy"])
        .hooked("web-0/main", PRE_STOP, None)
        .signalled("web-0/proxy", &[15])
        .stored()
        .advance("5900ms")
        .manager_dies()
        .processes(&["web-0/proxy"])
        .advance("100ms")
        .runs(&[])
        .state("web", UnitState::Stopped)
        .spawned(4);
}

#[test]
fn while_pre_stop_is_under_way_for_too_long() {
    web("abandoned when its time is over", |pod| pod.main.stop.pre = hook())
        .begin()
        .exit("web-0/step", 0)
        .stubborn("web-0/main")
        .stop("web")
        .stored()
        .manager_dies()
        .advance("10s")
        .signalled("web-0/main", &[15])
        .stored()
        .manager_dies()
        .advance("2s")
        .runs(&[])
        .state("web", UnitState::Stopped);
}

#[test]
fn while_a_sidecar_is_stopped_after_its_job() {
    world("the job is done once")
        .unit_with("import", JOB, with(&[("proxy", Part::Sidecar), ("log", Part::Sidecar)]))
        .begin()
        .stubborn("import-0")
        .exit("import-0/main", 0)
        .signalled("import-0/log", &[15])
        .stored()
        .manager_dies()
        .processes(&["import-0/log", "import-0/proxy"])
        .counts("import", (1, 0, 0))
        .exit("import-0/log", 1)
        .signalled("import-0/proxy", &[15])
        .manager_dies()
        .exit("import-0/proxy", 1)
        .final_phase("import-0", Phase::Succeeded)
        .state("import", UnitState::Complete)
        .spawned(3);
}

#[test]
fn while_a_process_is_stopped_for_its_probe() {
    web("it is restarted, whatever its code", |pod| {
        pod.main.liveness = probe();
        pod.main.restart_policy = supd::unit::model::RestartPolicy::OnFailure;
    })
    .begin()
    .exit("web-0/step", 0)
    .stubborn("web-0/main")
    .probed("web-0/main", ProbeKind::Liveness, false)
    .stored()
    .manager_dies()
    .exit("web-0/main", 0)
    .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
    .restarts("web-0", 1);
}

#[test]
fn while_all_of_a_pod_is_killed_to_begin_anew() {
    let rule = super::pods::rule(&[7], RestartAction::RestartAllContainers);
    web("it begins at its first step, once", |pod| pod.main.restart_rules = vec![rule])
        .begin()
        .exit("web-0/step", 0)
        .stored()
        .exit("web-0/main", 7)
        .processes(&["web-0/proxy", "web-0/step"])
        .stored()
        .manager_dies()
        .processes(&["web-0/proxy", "web-0/step"])
        .exit("web-0/step", 0)
        .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
        .restarts("web-0", 4)
        .spawned(8);
}

#[test]
fn supd_dies_with_all_that_it_knew_of_ends() {
    web("what runs stays, what does not comes again", |_| {})
        .begin()
        .stored()
        .exit("web-0/step", 0)
        .supd_dies()
        .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
        .spawned(4);
}

#[test]
fn before_a_process_has_the_signal_that_is_decided() {
    web("the next manager sends it; KILL does not wait longer for that", |_| {})
        .begin()
        .exit("web-0/step", 0)
        .stubborn("web-0/main")
        .mute()
        .stop("web")
        .signalled("web-0/main", &[])
        .advance("4s")
        .manager_dies()
        .signalled("web-0/main", &[15])
        .advance("6s")
        .signalled("web-0/main", &[15, 9])
        .signalled("web-0/proxy", &[15])
        .runs(&[]);
}

#[test]
fn after_a_process_had_the_signal() {
    web("it has it once: some programs give up their orderly end at the second", |_| {})
        .begin()
        .exit("web-0/step", 0)
        .stubborn("web-0/main")
        .stop("web")
        .manager_dies()
        .manager_dies()
        .signalled("web-0/main", &[15])
        .advance("10s")
        .signalled("web-0/main", &[15, 9])
        .runs(&[]);
}

#[test]
fn a_stop_is_a_stop_whatever_the_next_manager_would_think() {
    world("a policy does not pass over what supd has ended")
        .unit(
            "import",
            "exec = ['/x']\nrestart_policy = 'Never'\n[readiness]\nnotify = true\n[startup]\ndeadline = '5s'\n\
             [job]\nbackoff_limit = 0\n[[job.failure_policy]]\nsignal = ['TERM']\naction = 'Ignore'\n",
        )
        .begin()
        .advance("5s")
        .manager_dies()
        .state("import", UnitState::Failed);
}

/// Found by the simulator (seed 16462).
#[test]
fn supd_dies_twice_while_a_step_is_tried_again() {
    web("a step that is done does not run beside its application", |_| {})
        .begin()
        .exit("web-0/step", 1)
        .exit("web-0/step", 1)
        .waits("web-0", "10s")
        .stored()
        .advance("10s")
        .exit("web-0/step", 0)
        .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
        .supd_dies()
        .processes(&["web-0/main", "web-0/other", "web-0/proxy"])
        .spawned(6);
}
