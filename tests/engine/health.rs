//! Probes and hooks, and the sequence of a stop, by Kubernetes' rules (PRB, HOK, TRM).

use std::time::Duration;

use supd::engine::event::Event;
use supd::engine::view::{Phase, UnitState};
use supd::unit::model::{PodTemplate, ProbeKind, RestartPolicy};

use super::pods::{POST_START, PRE_STOP, hook, probe};
use super::world::{World, world};

const SERVICE: &str = "exec = ['/x']\n[stop]\ngrace = '10s'\n";
const JOB: &str =
    "exec = ['/x']\nrestart_policy = 'Never'\n[stop]\ngrace = '10s'\n[job]\nbackoff_limit = 0\n";

fn web(title: &'static str, change: impl FnOnce(&mut PodTemplate)) -> World {
    world(title).unit_with("web", SERVICE, change).begin()
}

#[test]
fn prb_009_the_startup_probe_holds_the_others_back() {
    web("not started, not ready, not asked", |pod| {
        (pod.main.startup, pod.main.liveness, pod.main.readiness) = (probe(), probe(), probe());
    })
    .asked(&["web-0/main Startup"])
    .shows("web-0/main", (false, false, "Running", 0))
    .phase("web-0", Phase::Running)
    .probed("web-0", ProbeKind::Startup, true)
    .asked(&["web-0/main Liveness", "web-0/main Readiness"])
    .shows("web-0/main", (false, true, "Running", 0))
    .state("web", UnitState::Starting)
    .probed("web-0", ProbeKind::Readiness, true)
    .shows("web-0/main", (true, true, "Running", 0))
    .state("web", UnitState::Running)
    .exit("web-0", 1)
    .asked(&["web-0/main Startup"]);
}

#[test]
fn prb_009_a_failed_startup_is_as_a_failed_liveness() {
    web("killed, and restarted by policy", |pod| pod.main.startup = probe())
        .probed("web-0", ProbeKind::Startup, false)
        .reported("Killing", "web-0: Container main failed startup probe, will be restarted")
        .signalled("web-0", &[15])
        .restarts("web-0", 1)
        .runs(&["web-0"]);
}

#[test]
fn prb_008_readiness_never_kills() {
    web("it comes and goes", |pod| pod.main.readiness = probe())
        .probed("web-0", ProbeKind::Readiness, true)
        .probed("web-0", ProbeKind::Readiness, false)
        .state("web", UnitState::Degraded)
        .runs(&["web-0"])
        .signalled("web-0", &[])
        .probed("web-0", ProbeKind::Readiness, true)
        .state("web", UnitState::Running);
}

#[test]
fn rst_016_a_failed_liveness_restarts_even_after_exit_0() {
    world("under OnFailure, too")
        .unit_with("web", SERVICE, |pod| {
            pod.main.liveness = probe();
            (pod.restart_policy, pod.main.restart_policy) =
                (RestartPolicy::OnFailure, RestartPolicy::OnFailure);
        })
        .begin()
        .stubborn("web-0")
        .asked(&["web-0/main Liveness"])
        .probed("web-0", ProbeKind::Liveness, false)
        .reported("Killing", "web-0: Container main failed liveness probe, will be restarted")
        .exit("web-0", 0)
        .runs(&["web-0"])
        .restarts("web-0", 1)
        .asked(&["web-0/main Liveness"])
        .exit("web-0", 0)
        .final_phase("web-0", Phase::Succeeded);
}

#[test]
fn rst_016_and_never_under_never() {
    world("it is killed, and has failed")
        .unit_with("import", JOB, |pod| pod.main.liveness = probe())
        .begin()
        .probed("import-0", ProbeKind::Liveness, false)
        .reported("Killing", "import-0: Container main failed liveness probe")
        .final_phase("import-0", Phase::Failed)
        .spawned(1);
}

#[test]
fn prb_015_a_probe_may_have_its_own_grace() {
    web("of its own kill alone", |pod| {
        pod.main.liveness = probe();
        if let Some(liveness) = &mut pod.main.liveness {
            liveness.grace = Some(Duration::from_secs(4));
        }
    })
    .stubborn("web-0")
    .probed("web-0", ProbeKind::Liveness, false)
    .advance("3900ms")
    .signalled("web-0", &[15])
    .advance("100ms")
    .signalled("web-0", &[15, 9])
    .restarts("web-0", 1);
}

#[test]
fn prb_016_who_is_on_its_way_out_is_not_killed_for_its_health() {
    web("verdicts count no more", |pod| pod.main.liveness = probe())
        .stubborn("web-0")
        .stop("web")
        .probed("web-0", ProbeKind::Liveness, false)
        .signalled("web-0", &[15])
        .not_reported("Killing");
}

#[test]
fn prb_017_each_bad_answer_is_reported() {
    let failed = |world: World, probe| {
        let run = world.run_of("web-0");
        world.event(Event::ProbeFailed { run, probe, message: "exit 3".into() })
    };
    let world = web("in Kubernetes' words", |pod| pod.main.liveness = probe());
    failed(failed(world, ProbeKind::Liveness), ProbeKind::Readiness)
        .reported("Unhealthy", "web-0: Liveness probe failed: exit 3")
        .reported("Unhealthy", "web-0: Readiness probe failed: exit 3")
        .runs(&["web-0"])
        .restarts("web-0", 0);
}

#[test]
fn hok_001_a_process_counts_as_started_when_its_post_start_is_done() {
    web("not Running before, and not asked", |pod| {
        (pod.main.post_start, pod.main.readiness) = (hook(), probe());
    })
    .asked(&["web-0/main PostStart"])
    .phase("web-0", Phase::Pending)
    .shows("web-0/main", (false, false, "ContainerCreating", 0))
    .hooked("web-0", POST_START, None)
    .asked(&["web-0/main Readiness"])
    .phase("web-0", Phase::Running)
    .shows("web-0/main", (false, true, "Running", 0));
}

#[test]
fn hok_001_a_failed_post_start_kills() {
    web("and the policy decides", |pod| pod.main.post_start = hook())
        .hooked("web-0", POST_START, Some("exit 1"))
        .reported("FailedPostStartHook", "web-0: PostStartHook failed of main: exit 1")
        .signalled("web-0", &[15])
        .restarts("web-0", 1)
        .hooked("web-0", POST_START, Some("exit 1"))
        .waits("web-0", "10s");
}

#[test]
fn hok_002_pre_stop_runs_where_supd_stops_and_nowhere_else() {
    web("not when it ends by itself", |pod| {
        (pod.main.stop.pre, pod.main.liveness) = (hook(), probe());
    })
    .asked(&["web-0/main Liveness"])
    .exit("web-0", 1)
    .asked(&["web-0/main Liveness"])
    .probed("web-0", ProbeKind::Liveness, false)
    .asked(&["web-0/main PreStop"])
    .signalled("web-0", &[])
    .hooked("web-0", PRE_STOP, None)
    .signalled("web-0", &[15])
    .waits("web-0", "10s");
}

#[test]
fn hok_003_the_grace_begins_before_pre_stop() {
    web("what is left of it is for the signal", |pod| pod.main.stop.pre = hook())
        .stubborn("web-0")
        .stop("web")
        .advance("6s")
        .hooked("web-0", PRE_STOP, None)
        .signalled("web-0", &[15])
        .advance("3900ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9])
        .state("web", UnitState::Stopped);
}

#[test]
fn hok_003_and_two_seconds_are_always_left() {
    web("for the signal", |pod| pod.main.stop.pre = hook())
        .stubborn("web-0")
        .stop("web")
        .advance("9500ms")
        .hooked("web-0", PRE_STOP, None)
        .advance("1900ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9]);
}

#[test]
fn hok_004_a_pre_stop_that_takes_too_long_is_abandoned() {
    web("the signal at the end of the grace, KILL two seconds later", |pod| pod.main.stop.pre = hook())
        .stubborn("web-0")
        .stop("web")
        .advance("10s")
        .signalled("web-0", &[15])
        .hooked("web-0", PRE_STOP, Some("took too long"))
        .signalled("web-0", &[15])
        .advance("1900ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9]);
}

#[test]
fn hok_005_a_failed_pre_stop_changes_nothing() {
    web("but that it is told of", |pod| pod.main.stop.pre = hook())
        .stop("web")
        .hooked("web-0", PRE_STOP, Some("exit 1"))
        .reported("FailedPreStopHook", "web-0: PreStopHook failed of main: exit 1")
        .signalled("web-0", &[15])
        .state("web", UnitState::Stopped);
}

#[test]
fn trm_001_without_grace_there_is_no_pre_stop() {
    world("the signal at once, and KILL after two seconds (TRM-003)")
        .unit_with("web", SERVICE, |pod| {
            pod.main.stop.pre = hook();
            pod.grace = Duration::ZERO;
        })
        .begin()
        .stubborn("web-0")
        .stop("web")
        .asked(&[])
        .signalled("web-0", &[15])
        .advance("1900ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9]);
}

#[test]
fn trm_004_a_later_wish_may_only_shorten() {
    web("as a shutdown does", |_| {})
        .stubborn("web-0")
        .stop("web")
        .event(Event::Shutdown { within: Duration::from_secs(4) })
        .advance("3400ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9])
        .ends(Some(0));
}

#[test]
fn a_stop_that_overtakes_the_start_still_runs_pre_stop() {
    world("when there is somebody to run it for")
        .unit_with("web", SERVICE, |pod| pod.main.stop.pre = hook())
        .hanging("web-0")
        .begin()
        .stop("web")
        .asked(&[])
        .started("web-0")
        .asked(&["web-0/main PreStop"])
        .hooked("web-0", PRE_STOP, None)
        .signalled("web-0", &[15])
        .state("web", UnitState::Stopped);
}
