//! Random units: everything that the model can hold and a loader lets through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use supd::unit::calendar::{Dst, Schedule};
use supd::unit::model::{self, *};
use supd::unit::name::UnitName;
use supd::unit::text::{LoadVariables, Text};

/// Any unit but a target.
pub(crate) fn unit() -> BoxedStrategy<Unit> {
    prop_oneof![
        3 => service().prop_map(|service| Body::Service(Box::new(service))),
        3 => job().prop_map(|job| Body::Job(Box::new(job))),
        2 => cron().prop_map(|cron| Body::CronJob(Box::new(cron))),
    ]
    .prop_flat_map(|body| (Just(body), name(), words(), words(), any_text(), any::<bool>()))
    .prop_map(|(body, name, labels, annotations, description, related)| {
        let other = Relation { unit: UnitName::parse("other").unwrap(), condition: None };
        let requires = if related { vec![other] } else { Vec::new() };
        Unit {
            name: UnitName::parse(&name).unwrap(),
            description,
            labels,
            annotations,
            below: None,
            relations: Relations { requires, ..Relations::default() },
            essential: false,
            body,
            manifest: None,
            origin: Origin { path: PathBuf::from("random.toml"), drop_ins: Vec::new() },
            template_hash: 0,
            hash: 0,
        }
    })
    .boxed()
}

fn name() -> BoxedStrategy<String> {
    prop_oneof!["[a-z]([a-z0-9-]{0,20}[a-z0-9])?", "[a-z]{3}@[a-z]{2}"].boxed()
}

fn words() -> BoxedStrategy<BTreeMap<String, String>> {
    btree_map(prop_oneof!["[a-z]{1,8}", "[a-z]{2}\\.[a-z]{2}/[A-Za-z]{3}", "\\PC{1,5}"], "\\PC{0,8}", 0..3)
        .boxed()
}

/// Texts that a printer of YAML may stumble over.
fn any_text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z /:.#-]{0,12}",
        "\\PC{0,12}",
        "[ \\n\\ta-c]{0,12}",
        select(vec![
            "on",
            "null",
            "1:30",
            "012",
            "~",
            "a: b",
            "- x",
            "$(date)",
            "$$",
            "\u{85}\u{2028}",
            "0x1F"
        ])
        .prop_map(str::to_owned),
    ]
    .boxed()
}

/// A text with variables; `names` are those of its kind.
fn text(names: &'static [&'static str]) -> BoxedStrategy<Text> {
    let literal = any_text().prop_map(|text| text.replace('\0', "").replace('$', "$$"));
    let piece = prop_oneof![4 => literal, 1 => select(names).prop_map(|name| format!("${{{name}}}"))];
    vec(piece, 1..3)
        .prop_map(|pieces| {
            Text::parse(&pieces.concat(), &LoadVariables { instance: None, env: &|_| None }).unwrap()
        })
        .boxed()
}

/// An absolute path.
fn path(names: Names) -> BoxedStrategy<Text> {
    let parse = |text: String| Text::parse(&text, &LoadVariables { instance: None, env: &|_| None }).unwrap();
    (prop_oneof!["[a-z /.-]{0,8}", select(names).prop_map(|name| format!("${{{name}}}"))])
        .prop_map(move |rest| parse(format!("/{rest}")))
        .boxed()
}

/// The path of a GET: without spaces.
fn route(names: Names) -> BoxedStrategy<Text> {
    path(names).prop_filter("no spaces", |path| !path.to_string().contains(' ')).boxed()
}

type Names = &'static [&'static str];
const OF_SERVICE: Names = &["unit", "pod", "replica", "attempt"];
const OF_JOB: Names = &["unit", "pod", "attempt"];
const OF_INDEXED: Names = &["unit", "pod", "attempt", "index"];
const OF_CRON: Names = &["unit", "pod", "attempt", "scheduled_time"];

/// What only supd knows: nothing in a manifest stands for it.
const OURS: [&str; 2] = ["attempt", "scheduled_time"];
/// The same without: of these, a manifest can say everything.
const WHOLE_SERVICE: Names = &["unit", "pod", "replica"];
const WHOLE_JOB: Names = &["unit", "pod"];
const WHOLE_INDEXED: Names = &["unit", "pod", "index"];

fn exec(names: Names) -> BoxedStrategy<Vec<Text>> {
    vec(text(names), 0..3)
        .prop_map(|mut words| {
            words.insert(0, Text::literal("/bin/x"));
            words
        })
        .boxed()
}

fn time() -> BoxedStrategy<Duration> {
    prop_oneof![
        (0u64..5_000).prop_map(Duration::from_millis),
        (0u64..100_000).prop_map(Duration::from_secs),
        Just(Duration::from_secs(100 * 365 * 86_400)),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<u32> {
    prop_oneof![4 => 0u32..20, 1 => any::<u32>()].boxed()
}

fn account() -> BoxedStrategy<Account> {
    prop_oneof![
        any::<u32>().prop_map(Account::Id),
        select(vec!["root", "web"]).prop_map(|name| Account::Name(name.to_owned())),
    ]
    .boxed()
}

fn port() -> BoxedStrategy<Text> {
    (1u16..=u16::MAX).prop_map(|port| Text::literal(port.to_string())).boxed()
}

fn host() -> BoxedStrategy<Text> {
    select(vec!["127.0.0.1", "localhost", "db.example"]).prop_map(Text::literal).boxed()
}

fn http(names: Names) -> BoxedStrategy<Http> {
    (any::<bool>(), host(), port(), route(names), vec(("[A-Z][a-z]{1,5}", path(names)), 0..2))
        .prop_map(|(tls, host, port, path, headers)| Http { tls, host, port, path, headers })
        .boxed()
}

fn handler(names: Names) -> BoxedStrategy<Handler> {
    prop_oneof![
        Just(Handler::Notify),
        Just(Handler::Fd(3)),
        Just(Handler::Log("ready".to_owned())),
        (host(), port()).prop_map(|(host, port)| Handler::Tcp { host, port }),
        http(names).prop_map(Handler::Http),
        exec(names).prop_map(Handler::Exec),
        path(names).prop_map(Handler::Unix),
        path(names).prop_map(Handler::File),
        (host(), port(), "[a-z]{0,4}").prop_map(|(host, port, service)| Handler::Grpc {
            host,
            port,
            service
        }),
    ]
    .boxed()
}

fn probe(names: Names, kind: ProbeKind) -> BoxedStrategy<Option<Box<Probe>>> {
    let counts = (1u32..4, 1u32..5);
    let parts = (handler(names), time(), time(), time(), counts, option::of(time()));
    option::of(parts.prop_map(move |(handler, initial_delay, period, timeout, counts, grace)| {
        let ready = kind == ProbeKind::Readiness;
        Box::new(Probe {
            handler,
            initial_delay,
            period,
            timeout,
            // PRB-002, PRB-015.
            success_threshold: if ready { counts.0 } else { 1 },
            failure_threshold: counts.1,
            grace: grace.filter(|_| !ready),
        })
    }))
    .boxed()
}

fn hook(names: Names) -> BoxedStrategy<Option<Box<Hook>>> {
    option::of(prop_oneof![
        exec(names).prop_map(|exec| Box::new(Hook::Exec(exec))),
        http(names).prop_map(|http| Box::new(Hook::Http(http))),
        time().prop_map(|time| Box::new(Hook::Sleep(time))),
    ])
    .boxed()
}

fn exit_codes() -> BoxedStrategy<ExitCodes> {
    (any::<bool>(), btree_set(1u8..=255, 1..5))
        .prop_map(|(within, values)| ExitCodes {
            operator: if within { Operator::In } else { Operator::NotIn },
            values: values.into_iter().collect(),
        })
        .boxed()
}

fn rules() -> BoxedStrategy<Vec<RestartRule>> {
    let action = select(vec![RestartAction::Restart, RestartAction::RestartAllContainers]);
    vec((exit_codes(), action).prop_map(|(exit_codes, action)| RestartRule { exit_codes, action }), 0..3)
        .boxed()
}

fn process(names: Names, name: String, part: Part, policy: RestartPolicy) -> BoxedStrategy<Process> {
    let what = (exec(names), vec(("[A-Z][A-Z0-9_]{0,6}|POD_NAME|\\PC{1,4}", text(names)), 0..4));
    let place = (
        option::of(path(names)),
        vec((path(names), any::<bool>()), 0..2),
        select(vec![1, 2, 15, 34, 37, 64]),
    );
    let whom = (option::of(account()), option::of(account()), option::of(vec(account(), 0..3)));
    let hooks = (hook(names), hook(names), rules(), any::<bool>());
    let probes = (
        probe(names, ProbeKind::Startup),
        probe(names, ProbeKind::Readiness),
        probe(names, ProbeKind::Liveness),
    );
    (what, place, whom, hooks, probes)
        .prop_map(move |(what, place, whom, hooks, probes)| {
            let (post_start, pre, restart_rules, odd) = hooks;
            let step = part == Part::Init;
            // A file of variables becomes a Secret that is still to be made: no manifest says it whole either.
            let whole = !names.iter().any(|name| OURS.contains(name));
            let files = place.1.into_iter().filter(|_| !whole);
            let mut env = what.1;
            let mut known = BTreeSet::new();
            env.retain(|(name, _)| known.insert(name.clone()));
            Process {
                name: name.clone(),
                exec: what.0,
                env: env.into_iter().filter(|(name, _)| !name.contains(['=', '\0'])).collect(),
                env_file: files.map(|(path, optional)| EnvFile { path, optional }).collect(),
                env_pass: if odd { vec!["TZ".to_owned()] } else { Vec::new() },
                working_dir: place.0,
                user: whom.0,
                group: whom.1,
                supplementary_groups: whom.2,
                umask: odd.then_some(0o22),
                rlimits: Vec::new(),
                limits: Limits {
                    memory_max: odd.then_some(64 << 20),
                    cpu_max: odd.then_some(1_500),
                    pids_max: step.then_some(9),
                    ..Limits::default()
                },
                success_exit: if odd { vec![0, 7] } else { vec![0] },
                mounts: Box::default(),
                part,
                restart_policy: policy,
                restart_rules: if step { Vec::new() } else { restart_rules },
                stop: Stop { signal: if step { 15 } else { place.2 }, pre: pre.filter(|_| !step) },
                post_start: post_start.filter(|_| !step),
                start_deadline: None,
                startup: probes.0.filter(|_| !step),
                readiness: probes.1.filter(|_| !step),
                liveness: probes.2.filter(|_| !step),
            }
        })
        .boxed()
}

const POLICIES: [RestartPolicy; 3] = [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never];

fn pod(names: Names, policy: RestartPolicy) -> BoxedStrategy<PodTemplate> {
    let of_step = if policy == RestartPolicy::Never { policy } else { RestartPolicy::OnFailure };
    let step = process(names, "prepare".to_owned(), Part::Init, of_step);
    let sidecar = process(names, "proxy".to_owned(), Part::Sidecar, RestartPolicy::Always);
    let main = process(names, "main".to_owned(), Part::Application, policy);
    // A pod that is to end has nothing that never does.
    let ends =
        POLICIES.iter().filter(|own| policy == RestartPolicy::Always || **own != RestartPolicy::Always);
    let beside = select(ends.copied().collect::<Vec<_>>())
        .prop_flat_map(move |own| process(names, "beside".to_owned(), Part::Application, own));
    let sinks = select(vec![Sink::Default, Sink::Null, Sink::Both]);
    let processes = (option::of(step), option::of(sidecar), main, option::of(beside));
    (processes, time(), option::of(time()), sinks)
        .prop_map(move |(processes, grace, deadline, sink)| PodTemplate {
            restart_policy: policy,
            active_deadline: deadline,
            init: processes.0.into_iter().chain(processes.1).collect(),
            main: processes.2,
            beside: processes.3.into_iter().collect(),
            backoff: backoff(),
            grace,
            logs: Logs { stdout: sink, stderr: Sink::Default },
            volumes: Box::default(),
        })
        .boxed()
}

fn backoff() -> Backoff {
    Backoff {
        initial: Duration::from_secs(10),
        factor: 2.0,
        max: Duration::from_secs(300),
        jitter: 0.0,
        reset_after: Duration::from_secs(600),
    }
}

fn service() -> BoxedStrategy<Service> {
    let share = || prop_oneof![(1u32..5).prop_map(Share::Number), (1u32..=100).prop_map(Share::Percent)];
    let strategy = select(vec![model::Strategy::RollingUpdate, model::Strategy::Recreate]);
    let rollout = (strategy, share(), share(), time(), time(), 0u32..=100).prop_map(|parts| Rollout {
        strategy: parts.0,
        max_unavailable: parts.1,
        max_surge: parts.2,
        min_ready: parts.3.min(Duration::from_secs(100_000)),
        progress_deadline: parts.4,
        history: parts.5,
        surplus: Surplus::Highest,
    });
    let names = select(vec![OF_SERVICE, WHOLE_SERVICE, WHOLE_SERVICE]);
    let pod = (names, select(POLICIES.to_vec())).prop_flat_map(|(names, policy)| pod(names, policy));
    (pod, 0u32..4, rollout).prop_map(|(pod, replicas, rollout)| Service { pod, replicas, rollout }).boxed()
}

fn job() -> BoxedStrategy<Job> {
    (any::<bool>(), any::<bool>(), 0..3)
        .prop_flat_map(|(indexed, never, whole)| {
            let names = match (indexed, whole > 0) {
                (true, true) => WHOLE_INDEXED,
                (true, false) => OF_INDEXED,
                (false, true) => WHOLE_JOB,
                (false, false) => OF_JOB,
            };
            job_of(names, indexed, never)
        })
        .boxed()
}

fn job_of(names: Names, indexed: bool, never: bool) -> BoxedStrategy<Job> {
    let policy = if never { RestartPolicy::Never } else { RestartPolicy::OnFailure };
    let counts = (option::of(number()), number(), number(), option::of(number()), option::of(number()));
    let policies = (vec(failure_rule(indexed), 0..25), vec(0u32..3, 0..25), any::<bool>());
    let times = (option::of(time()), option::of(time()), any::<bool>());
    (pod(names, policy), counts, policies, times)
        .prop_map(move |(pod, counts, policies, times)| {
            let (completions, parallelism, backoff_limit, per_index, max_failed) = counts;
            let completions = if indexed { completions.or(Some(3)) } else { completions };
            // BPI-001, JVL-005.
            let per_index = per_index.filter(|_| indexed && never);
            let mut failure_policy = if never { policies.0 } else { Vec::new() };
            failure_policy.retain(|rule| rule.action != FailureAction::FailIndex || per_index.is_some());
            let success = |rule: u32| SuccessRule {
                indexes: (rule != 1).then(|| vec![(0, 0)]),
                count: (rule != 0).then_some(1),
            };
            let successes = indexed && completions != Some(0);
            let failed = policies.2 || !failure_policy.is_empty();
            Job {
                pod,
                completions,
                parallelism,
                mode: if indexed { CompletionMode::Indexed } else { CompletionMode::NonIndexed },
                backoff_limit,
                backoff_limit_per_index: per_index,
                // JVL-003.
                max_failed_indexes: max_failed
                    .filter(|_| per_index.is_some())
                    .map(|failed| failed.min(completions.unwrap_or(0))),
                failure_policy,
                success_policy: policies.1.into_iter().filter(|_| successes).map(success).collect(),
                pod_replacement_policy: if failed {
                    PodReplacementPolicy::Failed
                } else {
                    PodReplacementPolicy::TerminatingOrFailed
                },
                active_deadline: times.0,
                suspend: times.2,
                keep_pods: 100,
                backoff: Backoff { max: Duration::from_secs(600), ..backoff() },
                ttl_after_finished: times.1,
                durable: false,
                at_boot: AtBoot::Keep,
            }
        })
        .boxed()
}

fn failure_rule(indexed: bool) -> BoxedStrategy<FailureRule> {
    let process = select(vec![None, Some("main".to_owned())]);
    let when = prop_oneof![
        (process, exit_codes()).prop_map(|(process, codes)| FailureWhen::ExitCodes { process, codes }),
        vec(1u8..65, 1..4).prop_map(FailureWhen::Signal),
        Just(FailureWhen::Oom),
        Just(FailureWhen::Deleted),
    ];
    let mut actions = vec![FailureAction::FailJob, FailureAction::Ignore, FailureAction::Count];
    actions.extend(indexed.then_some(FailureAction::FailIndex));
    (when, select(actions)).prop_map(|(when, action)| FailureRule { when, action }).boxed()
}

fn cron() -> BoxedStrategy<CronJob> {
    let expression = select(vec![
        "30 2 * * *",
        "0 0 * * 7",
        "*/10 5 4 * * 5-7",
        "@daily",
        "@every 5s",
        "1 2 3 jan ?",
        "0 0 0 1 1 7,*",
    ]);
    let zone = select(vec![None, Some("UTC"), Some("Europe/Berlin")]);
    let dst = select(vec![Dst::Once, Dst::Literal]);
    let policies =
        select(vec![ConcurrencyPolicy::Allow, ConcurrencyPolicy::Forbid, ConcurrencyPolicy::Replace]);
    let catch_up = select(vec![CatchUp::Last, CatchUp::None, CatchUp::All]);
    let names = select(vec![OF_CRON, WHOLE_JOB, WHOLE_JOB]);
    let job = (names, any::<bool>()).prop_flat_map(|(names, never)| job_of(names, false, never));
    let rest = (option::of(time()), any::<bool>(), number(), number(), time());
    (job, expression, zone, dst, policies, catch_up, rest)
        .prop_map(|parts| {
            let (job, expression, zone, dst, concurrency_policy, catch_up, rest) = parts;
            CronJob {
                job,
                schedule: Schedule::parse(expression, zone, dst).unwrap(),
                concurrency_policy,
                starting_deadline: rest.0,
                suspend: rest.1,
                successful_history: rest.2,
                failed_history: rest.3,
                catch_up,
                jitter: rest.4,
            }
        })
        .boxed()
}
