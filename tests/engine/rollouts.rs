//! Rollouts: how a changed template comes to the pods of a service (RS-005, RS-006, DEP-001ff).

use supd::engine::event::Command;
use supd::engine::view::{Progressing, ServiceView, Stale, UnitState};
use supd::unit::model::{Body, Surplus, Unit};

use super::world::{World, name, world};

const READY: &str = "\n[readiness]\nnotify = true\n";

/// A service with this program, so many replicas, this rollout, and a probe.
fn text(program: &str, replicas: u32, rollout: &str) -> String {
    format!("exec = ['/{program}']{READY}[service]\nreplicas = {replicas}\nrollout = {{ {rollout} }}\n")
}

/// As a Deployment's manifest has it.
fn kubernetes(unit: &mut Unit) {
    unit.manifest = Some("Deployment".into());
    if let Body::Service(service) = &mut unit.body {
        service.rollout.surplus = Surplus::Kubernetes;
    }
}

impl World {
    fn service(&self) -> ServiceView {
        self.unit_view("web").service.unwrap()
    }

    /// (replicas, updated, ready, available, terminating)
    #[track_caller]
    fn numbers(self, numbers: (u32, u32, u32, u32, u32)) -> Self {
        let s = self.service();
        assert_eq!((s.replicas, s.updated, s.ready, s.available, s.terminating), numbers, "{}", self.title);
        self
    }

    #[track_caller]
    fn progress(self, progress: Progressing) -> Self {
        assert_eq!(self.service().progress, progress, "{}", self.title);
        self
    }

    #[track_caller]
    fn revisions(self, expected: &[(u32, &str)]) -> Self {
        let all = self.engine().revisions(&name("web")).unwrap();
        let all: Vec<(u32, &str)> = all.iter().map(|r| (r.number, r.change.as_str())).collect();
        assert_eq!(all, expected, "{}", self.title);
        self
    }

    fn change(self, text: &str) -> Self {
        self.unit("web", text).reload(true)
    }

    /// `rollout undo`, with the version that the store has.
    fn undo(self, to: Option<u32>, text: &str) -> Self {
        let template = Some(crate::parse("web", text));
        self.command(Command::Undo { unit: name("web"), to, template })
    }

    fn all_ready(self, pods: &[&str]) -> Self {
        pods.iter().fold(self, |world, pod| world.ready(pod, true))
    }

    /// What a pod was made from.
    #[track_caller]
    fn made_from(self, pod: &str, program: &str) -> Self {
        let command = self.pod(pod).processes.last().map(|process| process.command.join(" "));
        assert_eq!(command.as_deref(), Some(program), "{}: {pod}", self.title);
        self
    }
}

#[test]
fn rs_005_kubernetes_takes_first_who_is_not_ready_then_who_costs_least_then_the_newest() {
    let cost = |unit: &mut Unit, cost: &str| {
        kubernetes(unit);
        let annotation = "controller.kubernetes.io/pod-deletion-cost".to_owned();
        unit.annotations.insert(annotation, cost.to_owned());
    };
    let (one, two) = (text("x", 4, "max_surge = 0"), text("y", 4, "max_surge = 0"));
    world("surplus")
        .unit_as("web", &one, |unit| cost(unit, "7"))
        .begin()
        .all_ready(&["web-0", "web-1", "web-2", "web-3"])
        // One pod is of a template that costs less, and nothing goes on.
        .unit_as("web", &two, |unit| cost(unit, "-1"))
        .reload(true)
        .signalled("web-3", &[15])
        .command(Command::Pause(name("web")))
        .runs(&["web-0", "web-1", "web-2", "web-4"])
        .ready("web-4", true)
        .ready("web-1", false)
        .command(Command::Scale { unit: name("web"), replicas: 3 })
        .runs(&["web-0", "web-2", "web-4"])
        .command(Command::Scale { unit: name("web"), replicas: 2 })
        .runs(&["web-0", "web-2"])
        .command(Command::Scale { unit: name("web"), replicas: 1 })
        .runs(&["web-0"]);
}

#[test]
fn rs_005_ours_takes_the_highest_number() {
    world("surplus")
        .unit("web", &text("x", 3, ""))
        .begin()
        .all_ready(&["web-1", "web-2"])
        .command(Command::Scale { unit: name("web"), replicas: 2 })
        .runs(&["web-0", "web-1"])
        .signalled("web-2", &[15]);
}

#[test]
fn rs_003_a_pod_that_is_slow_to_stop_delays_its_replacement_only_here() {
    let stopped = |w: World| {
        let uid = w.run_of("web-1").pod;
        w.command(Command::StopPod(uid))
    };
    let w = world("ours").unit("web", &text("x", 2, "")).stubborn("web-1").begin();
    stopped(w).spawned(2).numbers((1, 1, 0, 0, 1)).advance("30s").spawned(3).runs(&["web-0", "web-1"]);
    let w = world("theirs").unit_as("web", &text("x", 2, ""), kubernetes).stubborn("web-1").begin();
    stopped(w).spawned(3).runs(&["web-0", "web-1", "web-2"]).numbers((2, 2, 0, 0, 1));
}

#[test]
fn rs_006_the_numbers_of_a_service() {
    world("numbers")
        .unit("web", &text("x", 3, "min_ready = '5s'"))
        .stubborn("web-2")
        .begin()
        .numbers((3, 3, 0, 0, 0))
        .all_ready(&["web-0", "web-1", "web-2"])
        .numbers((3, 3, 3, 0, 0))
        .advance("5s")
        .numbers((3, 3, 3, 3, 0))
        .change(&text("y", 3, "min_ready = '5s'"))
        .numbers((2, 0, 2, 2, 1))
        .check(|w| assert_eq!((w.service().generation, w.service().revision), (2, 2)))
        .command(Command::Scale { unit: name("web"), replicas: 2 })
        .check(|w| assert_eq!((w.service().generation, w.service().revision), (3, 2)));
}

#[test]
fn dep_001_one_replica_has_its_replacement_before_it_goes() {
    let rollout = "max_surge = '25%', max_unavailable = '25%'";
    world("surge")
        .unit("web", &text("x", 1, rollout))
        .begin()
        .ready("web-0", true)
        .change(&text("y", 1, rollout))
        .runs(&["web-0", "web-1"])
        .signalled("web-0", &[])
        .ready("web-1", true)
        .runs(&["web-1"])
        .progress(Progressing::NewReplicaSetAvailable)
        .reported("ScalingReplicaSet", "web: Scaled up replica set web from 0 to 1, revision 2")
        .reported("ScalingReplicaSet", "web: Scaled down replica set web from 1 to 0, old revisions");
}

#[test]
fn dep_002_never_more_than_the_surge_and_never_fewer_than_are_to_be_available() {
    // 4 replicas: one more, one less.
    let rollout = "max_surge = '25%', max_unavailable = '25%'";
    world("both bounds")
        .unit("web", &text("x", 4, rollout))
        .begin()
        .all_ready(&["web-0", "web-1", "web-2", "web-3"])
        .change(&text("y", 4, rollout))
        // One is made, and one may be missing: its place goes to another new one.
        .numbers((5, 2, 3, 3, 0))
        .runs(&["web-0", "web-1", "web-2", "web-3", "web-4"])
        .signalled("web-3", &[15])
        .signalled("web-2", &[])
        .ready("web-4", true)
        .numbers((5, 3, 3, 3, 0))
        .ready("web-3", true)
        .numbers((5, 4, 3, 3, 0))
        .ready("web-2", true)
        .ready("web-1", true)
        .numbers((4, 4, 4, 4, 0))
        .runs(&["web-1", "web-2", "web-3", "web-4"])
        .state("web", UnitState::Running);
}

#[test]
fn dep_002_a_surge_takes_the_lowest_number_that_is_free() {
    let rollout = "max_surge = 1, max_unavailable = 0";
    world("numbers")
        .unit("web", &text("x", 2, rollout))
        .begin()
        .all_ready(&["web-0", "web-1"])
        .change(&text("y", 2, rollout))
        .ready("web-2", true)
        .signalled("web-1", &[15])
        .runs(&["web-0", "web-1", "web-2"])
        .made_from("web-1", "/y")
        .ready("web-1", true)
        .runs(&["web-1", "web-2"])
        .change(&text("z", 2, rollout))
        .runs(&["web-0", "web-1", "web-2"])
        .command(Command::Scale { unit: name("web"), replicas: 1 })
        .runs(&["web-0", "web-1"])
        .ready("web-0", true)
        .runs(&["web-0"]);
}

#[test]
fn dep_003_recreate_stops_all_before_it_starts_one() {
    let rollout = "strategy = 'Recreate'";
    world("recreate")
        .unit("web", &text("x", 2, rollout))
        .stubborn("web-0")
        .begin()
        .all_ready(&["web-0", "web-1"])
        .change(&text("y", 2, rollout))
        .runs(&["web-0"])
        .advance("29s")
        .spawned(2)
        .advance("1s")
        .runs(&["web-0", "web-1"])
        .spawned(4);
}

#[test]
fn dep_004_only_another_template_is_another_revision() {
    world("revisions")
        .unit("web", &text("x", 1, "history = 2"))
        .begin()
        .ready("web-0", true)
        .revisions(&[(1, "created")])
        .change(&text("x", 2, "history = 2"))
        .command(Command::Scale { unit: name("web"), replicas: 1 })
        .restart("web")
        .ready("web-0", true)
        .revisions(&[(1, "created")])
        .change(&text("y", 1, "history = 2"))
        .ready("web-0", true)
        .revisions(&[(1, "created"), (2, "applied")])
        // A template that comes again is a new revision, and no longer the old one.
        .change(&text("x", 1, "history = 2"))
        .ready("web-0", true)
        .revisions(&[(2, "applied"), (3, "applied")])
        .change(&text("z", 1, "history = 2"))
        .ready("web-0", true)
        .change(&text("a", 1, "history = 2"))
        .ready("web-0", true)
        .revisions(&[(3, "applied"), (4, "applied"), (5, "applied")])
        .change(&text("b", 1, "history = 0"))
        .ready("web-0", true)
        .revisions(&[(6, "applied")])
        .undo(None, "exec = ['/x']")
        .refused("`web` has no revision before this one");
}

#[test]
fn dep_004_the_cause_of_a_change_is_the_units_own_word_for_it() {
    let with = |program: &str, cause: &str| {
        format!("exec = ['/{program}']\n[annotations]\n'kubernetes.io/change-cause' = '{cause}'\n")
    };
    world("cause")
        .unit("web", &with("x", "first"))
        .begin()
        .change(&with("y", "second"))
        .revisions(&[(1, "first"), (2, "second")]);
}

#[test]
fn dep_005_no_progress_in_time_is_told_and_goes_on() {
    let rollout = "progress_deadline = '60s'";
    world("stuck")
        .unit("web", &text("x", 2, rollout))
        .begin()
        .progress(Progressing::ReplicaSetUpdated)
        .advance("59s")
        .ready("web-0", true)
        .advance("59s")
        .progress(Progressing::ReplicaSetUpdated)
        .advance("1s")
        .progress(Progressing::ProgressDeadlineExceeded)
        .reported("ProgressDeadlineExceeded", "web: its rollout has made no progress for 60s; it goes on")
        .ready("web-1", true)
        .progress(Progressing::NewReplicaSetAvailable)
        // Once complete, what happens to a pod is no rollout.
        .ready("web-1", false)
        .advance("2m")
        .progress(Progressing::NewReplicaSetAvailable)
        .restart("web")
        .advance("1m")
        .progress(Progressing::ProgressDeadlineExceeded)
        .ready("web-1", true)
        .signalled("web-0", &[15])
        .ready("web-0", true)
        .progress(Progressing::NewReplicaSetAvailable);
}

#[test]
fn dep_006_available_is_who_was_ready_for_long_enough_without_a_crash() {
    let rollout = "min_ready = '10s'";
    world("min_ready")
        .unit("web", &text("x", 2, rollout))
        .begin()
        .all_ready(&["web-0", "web-1"])
        .advance("10s")
        .progress(Progressing::NewReplicaSetAvailable)
        .change(&text("y", 2, rollout))
        .signalled("web-1", &[15])
        .ready("web-1", true)
        .advance("9s")
        .signalled("web-0", &[])
        .exit("web-1", 1)
        .ready("web-1", true)
        .advance("9s")
        .signalled("web-0", &[])
        .advance("1s")
        .signalled("web-0", &[15]);
}

#[test]
fn dep_007_undo_is_a_new_revision_with_the_old_template() {
    let (one, two) = (text("x", 2, ""), text("y", 2, ""));
    world("undo")
        .unit("web", &one)
        .begin()
        .all_ready(&["web-0", "web-1"])
        .change(&two)
        .all_ready(&["web-1", "web-0"])
        .command(Command::Scale { unit: name("web"), replicas: 1 })
        .undo(None, &one)
        .accepted("web: rolled back to revision 1")
        .made_from("web-0", "/x")
        .revisions(&[(2, "applied"), (3, "rolled back to revision 1")])
        // Nothing else is as it was then.
        .check(|w| assert_eq!(w.service().desired, 1))
        .check(|w| assert_eq!(w.unit_view("web").stale, Some(Stale::Changed)))
        .ready("web-0", true)
        .command(Command::Undo { unit: name("web"), to: Some(7), template: None })
        .refused("`web` has no revision 7")
        .command(Command::Undo { unit: name("web"), to: Some(3), template: None })
        .accepted("web: revision 3 is the present one")
        // The file still says the other thing, and `apply` does it.
        .reload(false)
        .made_from("web-0", "/x")
        .reload(true)
        .made_from("web-0", "/y")
        .revisions(&[(3, "rolled back to revision 1"), (4, "applied")])
        .check(|w| assert_eq!(w.unit_view("web").stale, None));
}

#[test]
fn dep_007_paused_stops_rollouts_and_not_scaling() {
    let (one, two) = (text("x", 2, ""), text("y", 2, ""));
    world("pause")
        .unit("web", &one)
        .begin()
        .all_ready(&["web-0", "web-1"])
        .command(Command::Pause(name("web")))
        .accepted("web: paused")
        .change(&two)
        .spawned(2)
        .revisions(&[(1, "created")])
        .numbers((2, 0, 2, 2, 0))
        .progress(Progressing::DeploymentPaused)
        .command(Command::Scale { unit: name("web"), replicas: 3 })
        .made_from("web-2", "/x")
        .ready("web-2", true)
        .restart("web")
        .refused("`web` is paused and cannot be restarted; resume it first: supctl rollout resume web")
        .undo(None, &one)
        .refused("`web` is paused and cannot be undone; resume it first: supctl rollout resume web")
        .command(Command::Unpause(name("web")))
        .accepted("web: resumed")
        .made_from("web-2", "/y")
        .progress(Progressing::ReplicaSetUpdated)
        .revisions(&[(1, "created"), (2, "applied")])
        .all_ready(&["web-2", "web-1", "web-0"])
        .progress(Progressing::NewReplicaSetAvailable)
        .command(Command::Unpause(name("web")))
        .refused("`web` is not paused");
}

#[test]
fn dep_007_a_rollout_that_is_paused_halfway_keeps_its_halves() {
    let (one, two) = (text("x", 4, ""), text("y", 4, ""));
    world("canary")
        .unit("web", &one)
        .begin()
        .all_ready(&["web-0", "web-1", "web-2", "web-3"])
        .change(&two)
        .command(Command::Pause(name("web")))
        .ready("web-3", true)
        .command(Command::Scale { unit: name("web"), replicas: 8 })
        .numbers((8, 2, 4, 4, 0))
        .check(|w| {
            let uid = w.run_of("web-0").pod;
            assert!(w.pod("web-0").outdated && uid == w.pod("web-0").uid);
        })
        .made_from("web-3", "/y");
}

#[test]
fn a_death_in_the_middle_of_a_rollout_changes_nothing() {
    let rollout = "max_surge = 1, max_unavailable = 0, min_ready = '10s', progress_deadline = '60s'";
    let (one, two) = (text("x", 2, rollout), text("y", 2, rollout));
    world("a manager dies in a rollout")
        .unit("web", &one)
        .begin()
        .all_ready(&["web-0", "web-1"])
        .advance("10s")
        .change(&two)
        .ready("web-2", true)
        .advance("6s")
        .stored()
        .manager_dies()
        .runs(&["web-0", "web-1", "web-2"])
        .advance("3s")
        .signalled("web-1", &[])
        .advance("1s")
        .signalled("web-1", &[15])
        .revisions(&[(1, "created"), (2, "applied")])
        .stored()
        .advance("59s")
        .manager_dies_before_anyone_is_ready()
        .advance("1s")
        .progress(Progressing::ProgressDeadlineExceeded)
        .stored()
        .supd_dies()
        .progress(Progressing::ProgressDeadlineExceeded)
        .revisions(&[(1, "created"), (2, "applied")]);
}

#[test]
fn what_an_operator_has_undone_or_paused_stays_so() {
    let (one, two) = (text("x", 1, ""), text("y", 1, ""));
    world("undo and pause are wishes")
        .unit("web", &one)
        .begin()
        .ready("web-0", true)
        .change(&two)
        .ready("web-0", true)
        .undo(None, &one)
        .ready("web-0", true)
        .command(Command::Pause(name("web")))
        .stored()
        .manager_dies()
        .supd_dies()
        .machine_dies("1h")
        .made_from("web-0", "/x")
        .check(|w| assert!(w.service().paused))
        .check(|w| assert_eq!(w.unit_view("web").stale, Some(Stale::Changed)))
        .revisions(&[(2, "applied"), (3, "rolled back to revision 1")]);
}

#[test]
fn a_file_that_changed_while_supd_was_away_waits_for_apply() {
    let (one, two) = (text("x", 1, ""), text("y", 1, ""));
    world("edited while supd was away")
        .unit("web", &one)
        .begin()
        .ready("web-0", true)
        .stored()
        .unit("web", &two)
        .supd_dies()
        .spawned(1)
        .check(|w| assert!(w.pod("web-0").outdated))
        .revisions(&[(1, "created"), (2, "changed while supd was away")])
        .stored()
        .manager_dies()
        .spawned(1)
        .reload(true)
        .spawned(2)
        .made_from("web-0", "/y");
}

#[test]
fn a_plain_service_at_rest_has_nothing_to_wait_for() {
    world("no timers")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .begin()
        .check(|w| assert_eq!(w.engine().next_deadline(), None))
        .restart("web")
        .check(|w| assert_eq!(w.engine().next_deadline(), None));
}

#[test]
fn a_bare_pod_of_an_older_template_makes_room_where_it_ends() {
    let bare = text("x", 2, "max_surge = 2, max_unavailable = 0");
    let bare = format!("restart_policy = 'Never'\n{bare}");
    let kept = text("y", 2, "max_surge = 2, max_unavailable = 0");
    world("bare, then kept")
        .unit("web", &bare)
        .begin()
        .all_ready(&["web-0", "web-1"])
        .exit("web-1", 0)
        .change(&kept)
        .exit("web-0", 1)
        .all_ready(&["web-1", "web-2"])
        .signalled("web-1", &[])
        .signalled("web-2", &[])
        .state("web", UnitState::Running);
}
