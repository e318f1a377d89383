//! Plans of a service's, a job's and a cronjob's pods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::engine::id::Class;
use crate::runtime::probe::Question;
use crate::runtime::question::question;
use crate::unit::model::*;
use crate::unit::text::LoadVariables;

fn text(text: &str) -> Text {
    Text::parse(text, &LoadVariables { instance: None, env: &|_| None }).unwrap()
}

fn unit(body: impl FnOnce(PodTemplate) -> Body) -> Arc<Unit> {
    let backoff = Backoff {
        initial: Duration::ZERO,
        factor: 2.0,
        max: Duration::ZERO,
        jitter: 0.0,
        reset_after: Duration::ZERO,
    };
    let main = Process {
        name: "main".into(),
        exec: vec![text("web"), text("--${pod}-${attempt}")],
        env: vec![("A".into(), text("${unit}")), ("B".into(), text("x=y"))],
        env_file: vec![EnvFile { path: text("/etc/${unit}"), optional: true }],
        env_pass: vec!["SECRET".into()],
        working_dir: None,
        user: None,
        group: None,
        supplementary_groups: None,
        umask: None,
        rlimits: Vec::new(),
        limits: Limits::default(),
        success_exit: vec![0],
        mounts: Box::default(),
        part: Part::Application,
        restart_policy: RestartPolicy::Always,
        restart_rules: Vec::new(),
        stop: Stop { signal: 15, pre: None },
        post_start: None,
        start_deadline: None,
        startup: None,
        readiness: None,
        liveness: None,
    };
    let pod = PodTemplate {
        restart_policy: RestartPolicy::Always,
        active_deadline: None,
        init: vec![Process { name: "prepare".into(), ..main.clone() }],
        main,
        beside: Vec::new(),
        backoff,
        grace: Duration::ZERO,
        logs: Logs { stdout: Sink::Default, stderr: Sink::Default },
        volumes: Box::default(),
    };
    Arc::new(Unit {
        name: UnitName::parse("web").unwrap(),
        description: String::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        below: None,
        relations: Relations::default(),
        essential: false,
        body: body(pod),
        manifest: None,
        origin: Origin { path: "/units/web.toml".into(), drop_ins: Vec::new() },
        template_hash: 0,
        hash: 0,
    })
}

fn service(pod: PodTemplate) -> Body {
    Body::Service(Box::new(Service { pod, replicas: 3, rollout: Rollout::default() }))
}

fn indexed(pod: PodTemplate) -> Body {
    Body::Job(Box::new(Job {
        backoff: pod.backoff,
        pod,
        completions: Some(3),
        parallelism: 1,
        mode: CompletionMode::Indexed,
        backoff_limit: 6,
        backoff_limit_per_index: None,
        max_failed_indexes: None,
        failure_policy: Vec::new(),
        success_policy: Vec::new(),
        pod_replacement_policy: PodReplacementPolicy::TerminatingOrFailed,
        active_deadline: None,
        suspend: false,
        keep_pods: 1,
        ttl_after_finished: None,
        durable: false,
        at_boot: AtBoot::Keep,
    }))
}

fn label() -> Label {
    Label {
        unit: UnitName::parse("web").unwrap(),
        job: None,
        pod: "web-2".into(),
        ordinal: Some(2),
        scheduled: None,
        template_hash: 0,
        restarts: 0,
    }
}

fn planner(container: bool) -> Planner {
    let environment =
        [("PATH", "/bin"), ("SECRET", "s"), ("HOME", "/root"), ("X", "1"), ("NOTIFY_SOCKET", "/n")];
    let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
    Planner::new(Surroundings { container, foreground: false, environment, controllers: Vec::new() })
}

fn start<'a>(unit: &'a Unit, label: &'a Label, place: u16) -> Start<'a> {
    let class = if place == 0 { Class::Init } else { Class::Main };
    let run = RunId { pod: PodUid(0x2a), class, process: place, attempt: 4 };
    Start { run, unit, label, attempt: 4, group: None }
}

fn strings(list: &[Vec<u8>]) -> Vec<String> {
    list.iter().map(|item| String::from_utf8(item.clone()).unwrap()).collect()
}

#[test]
fn a_service_s_process() {
    let (unit, label) = (unit(service), label());
    let mut planner = planner(false);
    let (plan, path) = planner.process(start(&unit, &label, 1), None).unwrap();
    assert_eq!(strings(&plan.argv), ["web", "--web-2-4"]);
    assert_eq!(strings(&plan.base_env), ["PATH=/bin", "HOME=/root", "SECRET=s"]);
    assert_eq!(plan.env_files, [plan::EnvFile { path: b"/etc/web".to_vec(), optional: true }]);
    assert_eq!(
        strings(&plan.env),
        [
            "A=web",
            "B=x=y",
            "SUPD_UNIT=web",
            "SUPD_POD=web-2",
            "SUPD_PROCESS=main",
            "SUPD_ATTEMPT=4",
            "SUPD_REPLICA=2",
        ]
    );
    assert_eq!((plan.stdout, plan.stderr), (plan::Output::Log, plan::Output::Log));
    assert_eq!(path, "web_web-2_0000002a/main/4.log");
}

#[test]
fn in_a_container_the_environment_passes_but_not_what_was_meant_for_supd() {
    let (unit, label) = (unit(service), label());
    let mut planner = planner(true);
    let (plan, _) = planner.process(start(&unit, &label, 1), None).unwrap();
    assert_eq!(strings(&plan.base_env), ["PATH=/bin", "SECRET=s", "HOME=/root", "X=1"]);
    assert_eq!(plan.stdout, plan::Output::Both);
}

#[test]
fn a_job_s_pod_knows_its_index_and_its_slot() {
    let unit = unit(indexed);
    let label = Label { scheduled: Some(Wall::from_seconds(1_795_055_400)), ..label() };
    let mut planner = planner(false);
    let (plan, path) = planner.process(start(&unit, &label, 0), None).unwrap();
    let env = strings(&plan.env);
    assert!(env.contains(&"JOB_COMPLETION_INDEX=2".into()) && env.contains(&"SUPD_PROCESS=prepare".into()));
    assert!(env.contains(&"SUPD_SCHEDULED_TIME=2026-11-19T02:30:00Z".into()), "{env:?}");
    assert!(!env.iter().any(|variable| variable.starts_with("SUPD_REPLICA")));
    assert_eq!(path, "web_web-2_0000002a/prepare/4.log");
}

#[test]
fn nothing_of_one_plan_is_left_in_the_next() {
    let (unit, label) = (unit(service), label());
    let mut planner = planner(false);
    let start = start(&unit, &label, 1);
    let first = planner.process(start, None).unwrap().0.clone();
    let command = Errand::Exec(vec!["check".to_owned(), "${pod}".to_owned()]);
    let probe = planner.joined(start, 1, &command, Joined::OnePipe).unwrap();
    assert_eq!(strings(&probe.argv), ["check", "${pod}"], "what is asked for is taken as it is");
    assert_eq!((probe.stdout, probe.stderr), (plan::Output::Given(0), plan::Output::Given(0)));
    assert_eq!(probe.env, first.env);
    let command = planner.joined(start, 1, &command, Joined::TwoPipes).unwrap();
    assert_eq!((command.stdout, command.stderr), (plan::Output::Given(0), plan::Output::Given(1)));
    let arguments = vec!["file".to_owned(), "/x".to_owned()];
    let look = planner.joined(start, 1, &Errand::Look { arguments, own: false }, Joined::OnePipe).unwrap();
    assert_eq!(strings(&look.argv), ["/proc/self/exe", "look", "file", "/x"]);
    assert_eq!((look.user.clone(), look.env.len()), (first.user.clone(), 0));
    let beside = Errand::Exec(vec!["env".to_owned()]);
    let of_step = planner.joined(start, 0, &beside, Joined::OnePipe).unwrap();
    assert!(strings(&of_step.env).contains(&"SUPD_PROCESS=prepare".to_owned()), "it is beside the step");
    let with_socket = planner.process(start, Some(Path::new("/run/n"))).unwrap().0;
    assert_eq!(with_socket.env.last().unwrap(), b"NOTIFY_SOCKET=/run/n");
    assert_eq!(planner.process(start, None).unwrap().0, &first);
}

#[test]
fn questions_have_their_variables_replaced() {
    let (unit, label) = (unit(service), label());
    let start = start(&unit, &label, 1);
    let tcp = |port: &str| Handler::Tcp { host: text("127.0.0.1"), port: text(port) };
    let process = unit.pod().unwrap().main.clone();
    let ask = |handler: &Handler| question(handler, &start, &process, Path::new("/log"));
    let asked = ask(&tcp("808${replica}"));
    assert_eq!(asked, Some(Question::Tcp { host: "127.0.0.1".into(), port: 8082 }));
    assert!(matches!(ask(&tcp("${pod}")), Some(Question::Impossible(_))));
    assert_eq!(ask(&Handler::Notify), None);
}
