//! Each object as it is printed, from a view made by hand; and read back, it is the same.
//! The texts are under `snapshots/`: they are the contract with people's `jq` lines.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::*;
use crate::engine::action::{
    About, Accepted, Decision, DecisionKind, Refused, RefusedReason, Report, RunRecord,
};
use crate::engine::event::{Exit, Outcome, Usage};
use crate::engine::id::{Class, PodUid, RunId};
use crate::engine::time::{Mono, Now, Wall};
use crate::engine::view::{
    self, CronView, JobOwner, JobView, LastExit, Phase, PodView, ProcessState, ProcessView, Progressing,
    ServiceView, Stale, Terminated, UnitState, UnitView, Waiting,
};
use crate::unit::model::{
    Condition, ExitCodes, FailureAction, FailureRule, FailureWhen, Kind, Operator, Rollout, Share,
    SuccessRule,
};
use crate::unit::name::UnitName;

/// So many seconds after 2026-11-23 09:14:02 UTC, and a half: times are cut, not rounded.
fn at(seconds: i64) -> Now {
    let wall = Wall(Wall::from_seconds(1_795_425_242 + seconds).0 + 500_000_000);
    Now { mono: Mono(0) + Duration::from_secs(1_000_u64.saturating_add_signed(seconds)), wall }
}

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn exit(outcome: Outcome, seconds: i64) -> Exit {
    let usage = Usage {
        user_us: 1_500_000,
        system_us: 20_000,
        max_rss_bytes: 4_194_304,
        read_bytes: 8_192,
        written_bytes: 10_485_760,
    };
    Exit { outcome, usage, at: at(seconds) }
}

fn terminated(outcome: Outcome, reason: &str, start: i64, end: i64) -> Terminated {
    Terminated {
        exit: exit(outcome, end),
        reason: reason.to_owned(),
        message: String::new(),
        started: Some(at(start)),
    }
}

fn process(name: &str, class: Class, state: ProcessState) -> ProcessView {
    ProcessView {
        name: name.to_owned(),
        class,
        command: vec!["/usr/bin/web".to_owned(), "--port=80".to_owned()],
        restarts: 0,
        attempt: 0,
        ready: class == Class::Main && matches!(state, ProcessState::Running { .. }),
        started: matches!(state, ProcessState::Running { .. }),
        state,
        last: None,
    }
}

/// `web-0`: an init step that is done, main killed once and running again.
fn web_0() -> PodView {
    let done = terminated(Outcome::Exited(0), "Completed", 1, 2);
    let mut main = process("main", Class::Main, ProcessState::Running { pid: 4711, since: at(20) });
    main.restarts = 1;
    main.attempt = 1;
    main.last = Some(terminated(Outcome::Signaled { signal: 9, core: true }, "Error", 2, 10));
    PodView {
        name: "web-0".to_owned(),
        uid: PodUid(42),
        unit: name("web"),
        job: None,
        ordinal: Some(0),
        index_failures: None,
        annotations: BTreeMap::new(),
        labels: labels(&[("app", "web")]),
        restart_policy: "Always".to_owned(),
        phase: Phase::Running,
        reason: String::new(),
        message: String::new(),
        terminating: false,
        created: at(0),
        started: Some(at(1)),
        finished: None,
        ready: true,
        ready_since: Some(at(21)),
        ready_message: "GET http://127.0.0.1:80/healthz: 200".to_owned(),
        status_text: "serving 3 clients".to_owned(),
        lingering: None,
        outdated: false,
        disrupted: false,
        processes: vec![process("migrate", Class::Init, ProcessState::Terminated(done)), main],
    }
}

/// A pod of an indexed job whose main could not be started, and waits.
fn import_3() -> PodView {
    let mut main = process(
        "main",
        Class::Main,
        ProcessState::Waiting {
            reason: "CrashLoopBackOff".to_owned(),
            message: "next try in 20s".to_owned(),
            until: Some(at(40).wall),
        },
    );
    main.last = Some(Terminated {
        started: None,
        message: "exec /usr/bin/web: no such file (ENOENT)".to_owned(),
        ..terminated(Outcome::NotStarted { message: String::new(), exhausted: false }, "StartError", 0, 20)
    });
    PodView {
        name: "import-3-7".to_owned(),
        unit: name("import"),
        job: Some("import".to_owned()),
        ordinal: Some(3),
        index_failures: Some((1, 0)),
        labels: BTreeMap::new(),
        restart_policy: "OnFailure".to_owned(),
        phase: Phase::Pending,
        terminating: true,
        started: None,
        ready: false,
        ready_since: None,
        ready_message: String::new(),
        status_text: String::new(),
        lingering: None,
        processes: vec![main],
        ..web_0()
    }
}

fn failure_policy() -> Vec<FailureRule> {
    let codes = ExitCodes { operator: Operator::In, values: vec![42] };
    let rule = |when, action| FailureRule { when, action };
    vec![
        rule(FailureWhen::ExitCodes { process: Some("main".to_owned()), codes }, FailureAction::FailJob),
        rule(FailureWhen::Signal(vec![11]), FailureAction::FailIndex),
        rule(FailureWhen::Oom, FailureAction::Count),
        rule(FailureWhen::Deleted, FailureAction::Ignore),
    ]
}

fn import() -> JobView {
    JobView {
        name: "import".to_owned(),
        uid: PodUid(7),
        unit: name("import"),
        owner: JobOwner::Unit,
        labels: labels(&[("team", "data")]),
        annotations: labels(&[("note", "x")]),
        scheduled: None,
        completions: Some(10),
        parallelism: 3,
        indexed: true,
        backoff_limit: 6,
        backoff_limit_per_index: Some(2),
        max_failed_indexes: Some(3),
        failure_policy: failure_policy(),
        success_policy: vec![SuccessRule { indexes: Some(vec![(0, 2), (5, 5)]), count: Some(3) }],
        pod_replacement_policy: "Failed".to_owned(),
        ttl_seconds_after_finished: Some(86_400),
        restart_policy: "Never".to_owned(),
        active_deadline_seconds: Some(3600),
        suspended: false,
        stopped: false,
        waiting_for: vec![Waiting { unit: name("db"), condition: Condition::Ready }],
        active: 3,
        ready: 2,
        terminating: 0,
        succeeded: 4,
        failed: 0,
        completed_indexes: "0-2,5".to_owned(),
        failed_indexes: Some("4".to_owned()),
        start_time: Some(at(1).wall),
        completion_time: None,
        conditions: vec![view::JobCondition {
            kind: "Suspended".to_owned(),
            status: false,
            reason: "JobResumed".to_owned(),
            message: "Job resumed".to_owned(),
            since: at(1).wall,
        }],
        next_pod: Some(at(60).wall),
        created: at(0),
    }
}

fn unit(kind: Kind) -> UnitView {
    UnitView {
        name: name("web"),
        kind,
        description: "Public web front end".to_owned(),
        labels: labels(&[("app", "web")]),
        annotations: labels(&[("note", "x")]),
        path: "/etc/supd/units/web.toml".into(),
        drop_ins: vec!["/etc/supd/units/web.toml.d/10-limits.toml".into()],
        enabled: true,
        transient: false,
        state: UnitState::Running,
        reason: String::new(),
        since: at(21),
        next: None,
        stale: None,
        waiting_for: Vec::new(),
        requires: vec![(name("db"), Condition::Ready)],
        wanted_by: vec![name("default")],
        ready: 1,
        desired: Some(1),
        restarts: 0,
        last_restart: None,
        last_exit: None,
        service: None,
        cron: None,
        created: at(0),
        in_progress: false,
    }
}

fn service() -> UnitView {
    UnitView {
        stale: Some(Stale::Changed),
        waiting_for: vec![Waiting { unit: name("db"), condition: Condition::Ready }],
        restarts: 1,
        last_restart: Some(at(20).wall),
        last_exit: Some(LastExit {
            pod: "web-0".to_owned(),
            exit: exit(Outcome::Exited(3), 10),
            reason: "Error".to_owned(),
            failed: true,
        }),
        service: Some(ServiceView {
            desired: 3,
            replicas: 3,
            updated: 3,
            ready: 1,
            available: 1,
            terminating: 1,
            done: 0,
            revision: 2,
            generation: 4,
            paused: false,
            progress: Progressing::ReplicaSetUpdated,
            progress_since: at(30).wall,
            rollout: Rollout { max_surge: Share::Percent(25), ..Rollout::default() },
        }),
        ..unit(Kind::Service)
    }
}

fn backup() -> UnitView {
    UnitView {
        name: name("backup"),
        state: UnitState::Armed,
        next: Some(at(3600).wall),
        desired: None,
        ready: 0,
        cron: Some(CronView {
            schedule: "30 2 * * *".to_owned(),
            time_zone: Some("Europe/Berlin".to_owned()),
            suspended: false,
            concurrency_policy: "Forbid".to_owned(),
            active: vec!["backup-29923754".to_owned()],
            last_schedule: Some(at(-60).wall),
            last_success: None,
            next: Some(at(3600).wall),
            missed: 0,
            starting_deadline_seconds: Some(600),
            successful_history: 3,
            failed_history: 1,
            job: Some(Box::new(import())),
        }),
        ..unit(Kind::CronJob)
    }
}

/// The text is what it was, and reads back as what it was made from.
fn golden<T>(name: &str, object: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let text = serde_json::to_string_pretty(object).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), object);
    insta::assert_snapshot!(name, text);
}

#[test]
fn pods() {
    golden("pod", &Pod::from(&web_0()));
    golden("pod_of_job", &Pod::of_job(&import_3(), &import()));
}

#[test]
fn jobs() {
    golden("job", &Job::from(&import()));
    let scheduled = JobView {
        name: "backup-29923754".to_owned(),
        unit: name("backup"),
        owner: JobOwner::Schedule(at(-2).wall),
        scheduled: Some("2026-11-23T03:30:00+01:00".to_owned()),
        indexed: false,
        backoff_limit_per_index: None,
        max_failed_indexes: None,
        failure_policy: Vec::new(),
        success_policy: Vec::new(),
        failed_indexes: None,
        completions: None,
        completed_indexes: String::new(),
        waiting_for: Vec::new(),
        conditions: Vec::new(),
        ..import()
    };
    golden("job_of_cronjob", &Job::from(&scheduled));
    let manual = Job::from(&JobView { owner: JobOwner::Manual, ..scheduled });
    assert_eq!(manual.metadata.annotations["cronjob.kubernetes.io/instantiate"], "manual");
}

#[test]
fn cronjobs_own_their_jobs() {
    let cronjob = CronJob::of_unit(&backup()).unwrap();
    golden("cronjob", &cronjob);
    let job = JobView { unit: name("backup"), owner: JobOwner::Manual, ..import() };
    assert_eq!(Job::from(&job).metadata.owner_references[0].uid, cronjob.metadata.uid);
    assert_eq!(CronJob::of_unit(&service()), None);
}

#[test]
fn deployments_own_their_pods() {
    let deployment = Deployment::of_unit(&service()).unwrap();
    golden("deployment", &deployment);
    golden("scale", &Scale::of_unit(&service()).unwrap());
    assert_eq!(Pod::from(&web_0()).metadata.owner_references[0].uid, deployment.metadata.uid);
    assert_eq!(Deployment::of_unit(&backup()), None);
}

#[test]
fn units() {
    let mut unit = Unit::with(&service(), None, &[web_0()]);
    (unit.status.cpu_percent, unit.status.memory_bytes) = (Some(11.5), Some(100_663_296));
    golden("unit_service", &unit);
    golden("unit_cronjob", &Unit::from(&backup()));
    let job = UnitView { name: name("import"), ready: 4, desired: Some(10), ..super::tests::unit(Kind::Job) };
    golden("unit_job", &Unit::with(&job, Some(&import()), &[import_3()]));
}

#[test]
fn a_unit_with_many_pods_shows_the_first_and_counts_all() {
    let unit = Unit::with(&service(), None, &vec![web_0(); 100]);
    assert_eq!((unit.status.pods.len(), unit.status.pod_count), (64, 100));
}

#[test]
fn a_path_that_is_no_text_is_still_printed() {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::OsStr::from_bytes(b"/srv/\xff/web.toml").into();
    let text = serde_json::to_string(&Unit::from(&UnitView { path, ..service() })).unwrap();
    assert!(text.contains("\"path\":\"/srv/\u{fffd}/web.toml\""), "{text}");
}

#[test]
fn events() {
    let about = About { kind: "Job", name: "import".to_owned(), unit: name("import") };
    let message = "Created pod: import-1".to_owned();
    let report = Report { warning: false, reason: "SuccessfulCreate", about, message, lead: None };
    golden("event", &Event::new(&report, 300, at(0).wall));
}

#[test]
fn runs() {
    let record = RunRecord {
        run: RunId { pod: PodUid(42), class: Class::Main, process: 0, attempt: 2 },
        unit: name("import"),
        job: Some("import".to_owned()),
        pod: "import-1".to_owned(),
        process: "main".to_owned(),
        started: Some(at(5)),
        exit: exit(Outcome::Signaled { signal: 15, core: false }, 12),
        reason: "Error".to_owned(),
        message: String::new(),
        scheduled: None,
    };
    golden("run", &Run::from(&record));

    let scheduled = Some(at(-2).wall);
    golden("history_run", &HistoryEntry::of_run(17, &RunRecord { scheduled, ..record.clone() }));
    let exit = Exit { outcome: Outcome::Unknown, ..record.exit.clone() };
    let unknown = RunRecord { exit, reason: "ContainerStatusUnknown".to_owned(), started: None, ..record };
    assert_eq!(HistoryEntry::of_run(18, &unknown).status.exit_code, None);
}

#[test]
fn decisions() {
    let decision = Decision {
        unit: name("backup"),
        kind: DecisionKind::Missed,
        slot: at(-60).wall,
        count: 3,
        at: at(0),
        reason: "60s late, and catch_up = \"none\"".to_owned(),
    };
    golden("history_decision", &HistoryEntry::of_decision(19, &decision));
}

#[test]
fn the_daemon() {
    golden(
        "info",
        &Info::new(InfoStatus {
            version: "0.1.0".to_owned(),
            pid: 1,
            pid1: true,
            container: false,
            host_name: "host7".to_owned(),
            started_at: at(0).into(),
            replaced: 2,
            keeper_faults: 0,
            state: SystemState::Degraded,
            units: 6,
            failed_units: 1,
            pods: 8,
            unit_directories: vec!["/etc/supd/units".into()],
            log_directory: "/var/log/supd/pods".into(),
            state_directory: None,
            state_not_saved: None,
            planned_shutdown: None,
            warnings: vec!["no writable state directory: nothing survives a restart".to_owned()],
            place: None,
        }),
    );
}

#[test]
fn places_of_logs() {
    let runs = vec![
        RunLog::new("migrate", 0, Some(at(1).into()), Some(at(2).into())),
        RunLog::new("main", 1, Some(at(20).into()), None),
    ];
    let directory = "/var/log/supd/pods/web_web-0_0000002a".into();
    golden(
        "log",
        &LogLocation::new("web-0".to_owned(), PodUid(42).to_string(), name("web"), directory, runs),
    );
}

#[test]
fn statuses() {
    let refused = Refused { reason: RefusedReason::NotFound, message: "no unit `wbe`".to_owned() };
    golden("status_failure", &Status::from(refused));
    let accepted =
        Accepted { unit: Some(name("web")), job: None, message: "web is running already".to_owned() };
    golden("status_success", &Status::from(accepted));
}

/// PHS-010: what the conditions of a pod say in each of its phases.
#[test]
fn conditions_of_a_pod() {
    let of = |view: &PodView| -> Vec<String> {
        let conditions = Pod::from(view).status.conditions;
        conditions.iter().map(|c| format!("{}={} {}", c.kind, c.status, c.reason)).collect()
    };
    let mut pod = web_0();
    pod.phase = Phase::Pending;
    (pod.ready, pod.ready_since) = (false, None);
    pod.processes[0].state = ProcessState::Running { pid: 9, since: at(1) };
    pod.processes[1].state =
        ProcessState::Waiting { reason: "PodInitializing".to_owned(), message: String::new(), until: None };
    let initializing = [
        "PodReadyToStartContainers=True ",
        "Initialized=False ContainersNotInitialized",
        "Ready=False ContainersNotReady",
        "ContainersReady=False ContainersNotReady",
        "PodScheduled=True ",
    ];
    assert_eq!(of(&pod), initializing);

    (pod.phase, pod.finished) = (Phase::Succeeded, Some(at(30)));
    let succeeded = [
        "PodReadyToStartContainers=False ",
        "Initialized=True PodCompleted",
        "Ready=False PodCompleted",
        "ContainersReady=False PodCompleted",
        "PodScheduled=True ",
    ];
    assert_eq!(of(&pod), succeeded);

    // PHS-006: an init step has failed, for good.
    pod.phase = Phase::Failed;
    pod.processes[0].state = ProcessState::Terminated(terminated(Outcome::Exited(1), "Error", 1, 2));
    assert_eq!(of(&pod)[1..3], ["Initialized=False ContainersNotInitialized", "Ready=False PodFailed"]);
}

/// OUT-006: restarts are those of main once it has begun, before that those of the init steps.
#[test]
fn restarts_of_a_pod() {
    let mut pod = web_0();
    pod.processes[0].restarts = 5;
    assert_eq!((Pod::from(&pod).restarts(), Pod::from(&pod).last_restart()), (1, Some(at(10).into())));
    pod.phase = Phase::Pending;
    pod.processes[0].state = ProcessState::Running { pid: 9, since: at(1) };
    assert_eq!((Pod::from(&pod).restarts(), Pod::from(&pod).last_restart()), (5, None));
}
