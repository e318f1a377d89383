//! From a tree to a checked unit: which kind it is, and whether its parts go together.

use std::collections::HashSet;
use std::path::PathBuf;

use super::diagnostic::{Code, Diagnostic, Faults};
use super::hash;
use super::keys::{self, UNIT};
use super::model::{
    Below, Body, Condition, Kind, Origin, Relation, Relations, RestartPolicy, Surplus, Unit, Words,
};
use super::name::UnitName;
use super::reader::{Allowed, Reader, short};
use super::restart::POLICIES;
use super::source::{Sources, Span};
use super::text::{LoadVariables, Text};
use super::tree::Table;

/// What one unit is made from.
pub(super) struct Draft {
    pub(super) name: UnitName,
    pub(super) table: Table,
    pub(super) path: PathBuf,
    pub(super) drop_ins: Vec<PathBuf>,
}

/// A unit that is good in itself; whether its relations are is `unit::graph`'s question.
pub(super) struct Checked {
    pub(super) unit: Unit,
    pub(super) links: Vec<Link>,
}

/// One relation, with its place.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) unit: UnitName,
    pub(super) condition: Option<Condition>,
    pub(super) span: Span,
}

/// Which list a relation stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    Requires,
    Wants,
    After,
    Before,
}

/// Keys that make no sense where nothing is run.
const RELATION_KEYS: [&str; 7] =
    ["description", "labels", "annotations", "requires", "wants", "after", "before"];

/// Checks one unit. The faults tell why where there is none, and may warn where there is one.
pub(super) fn check(
    draft: &Draft,
    sources: &Sources,
    env: &dyn Fn(&str) -> Option<String>,
) -> (Option<Checked>, Vec<Diagnostic>) {
    let instance = draft.name.instance();
    // A template is checked as an instance would be, so that its faults show before there is one.
    let instance = match &instance {
        Some((_, instance)) => Some(*instance),
        None => draft.name.is_template().then_some("instance"),
    };
    let table = &draft.table;
    let allowed = Allowed {
        replica: table.get("job").is_none() && table.get("cron").is_none(),
        index: super::job::is_indexed(table),
        scheduled_time: table.get("cron").is_some(),
    };
    let faults = Faults::new(sources, Some(draft.name.clone()));
    let mut reader = Reader { sources, faults, env, instance, allowed };
    let checked = reader.unit(draft);
    let checked = checked.filter(|_| reader.faults.errors() == 0);
    (checked, reader.faults.finish())
}

impl Reader<'_> {
    fn unit(&mut self, draft: &Draft) -> Option<Checked> {
        let table = &draft.table;
        self.check_keys(table, &UNIT, table);
        let kind = self.kind(table);
        let description = self.string(table, "description").map(|(text, _)| text.to_owned());
        let words = |reader: &mut Self, key| {
            let map = reader.string_map(table, key);
            map.into_iter().map(|(entry, text)| (entry.key.clone(), text.to_owned())).collect()
        };
        let labels = words(self, "labels");
        let annotations = words(self, "annotations");
        let job = Words { labels: words(self, "job_labels"), annotations: words(self, "job_annotations") };
        let pod = Words { labels: words(self, "pod_labels"), annotations: words(self, "pod_annotations") };
        let essential = self.boolean(table, "essential").unwrap_or(false);
        if essential && matches!(kind, Some(Kind::Target | Kind::CronJob)) {
            self.unfit_essential(table, kind);
        }
        let links = self.links(table);
        let manifest = self.manifest(table, kind);
        let body = self.body(draft, kind?, essential)?;
        let mut unit = Unit {
            name: draft.name.clone(),
            description: description.unwrap_or_default(),
            labels,
            annotations,
            below: None,
            relations: relations(&links),
            essential,
            body,
            manifest,
            origin: Origin { path: draft.path.clone(), drop_ins: draft.drop_ins.clone() },
            template_hash: 0,
            hash: 0,
        };
        // RS-005. Those of a StatefulSet go from the highest, as ours do.
        if let (Some("Deployment" | "ReplicaSet"), Body::Service(service)) =
            (unit.manifest.as_deref(), &mut unit.body)
        {
            service.rollout.surplus = Surplus::Kubernetes;
        }
        unit.below = below(&unit, table, Below { job, pod });
        unit.template_hash = hash::template(&unit);
        unit.hash = hash::unit(&unit, super::job::is_literal(table));
        Some(Checked { unit, links })
    }

    /// The kind of manifest that it is, or is read as if it were.
    fn manifest(&mut self, table: &Table, kind: Option<Kind>) -> Option<String> {
        let words = super::manifest::KINDS.map(|word| (word, word));
        let (word, span) = self.word(table, "manifest", &words)?;
        let wanted = match word {
            "Job" => Kind::Job,
            "CronJob" => Kind::CronJob,
            _ => Kind::Service,
        };
        if let Some(kind) = kind.filter(|kind| *kind != wanted) {
            self.fault(span, Code::KindConflict, format!("`manifest = \"{word}\"` in a {kind}"))
                .label(format!("it is said of a {wanted}"));
        }
        Some(word.to_owned())
    }

    /// The kind that the tables make it.
    fn kind(&mut self, table: &Table) -> Option<Kind> {
        let (job, cron) = (table.get("job"), table.get("cron"));
        if let (Some(service), Some(other)) = (table.get("service"), cron.or(job)) {
            let line = self.sources.line(service.key_span);
            let message = format!("`[{}]` beside `[service]`", other.key);
            self.fault(other.key_span, Code::KindConflict, message)
                .label(format!("`[service]` in line {line} makes it a service"))
                .help("a unit is one of both: leave out the other table");
            return None;
        }
        let runs = table.get("exec").is_some() || table.get("shell").is_some();
        if !runs {
            let first = table.entries.iter().find(|entry| {
                keys::has(&UNIT, &entry.key)
                    && !RELATION_KEYS.contains(&entry.key.as_str())
                    && entry.key != "essential"
            });
            let Some(first) = first else { return Some(Kind::Target) };
            let needs = if first.key == "job" {
                "a job"
            } else if first.key == "cron" {
                "a cronjob"
            } else {
                "a unit with this key"
            };
            self.fault(first.key_span, Code::MissingKey, "`exec` is missing: what is to run?")
                .label(format!("{needs} runs something"))
                .help("write `exec = [\"/path/to/program\", \"argument\"]` at the top; a unit with only relations is a target");
            return None;
        }
        Some(match (job, cron) {
            (_, Some(_)) => Kind::CronJob,
            (Some(_), None) => Kind::Job,
            (None, None) => Kind::Service,
        })
    }

    fn unfit_essential(&mut self, table: &Table, kind: Option<Kind>) {
        let Some(entry) = table.get("essential") else { return };
        let why = if kind == Some(Kind::Target) {
            "a target has no pod that could end"
        } else {
            "a cronjob never ends"
        };
        self.fault(entry.key_span, Code::KindConflict, "`essential` needs a service or a job").label(why);
    }

    fn body(&mut self, draft: &Draft, kind: Kind, essential: bool) -> Option<Body> {
        let table = &draft.table;
        if kind == Kind::Target {
            return Some(Body::Target);
        }
        let policy = self.policy(table, kind, essential);
        let must_end = essential || matches!(kind, Kind::Job | Kind::CronJob);
        let pod = self.pod(table, policy, must_end);
        match kind {
            Kind::Target => None,
            Kind::Service => {
                let service = self.service(table, pod);
                self.check_restarts(table, policy, "an ended pod of such a service stays as it is");
                Some(Body::Service(Box::new(service?)))
            }
            Kind::Job => Some(Body::Job(Box::new(self.job(table, &draft.name, pod, policy)?))),
            Kind::CronJob => {
                let job = self.job(table, &draft.name, pod, policy);
                Some(Body::CronJob(Box::new(self.cron(table, job)?)))
            }
        }
    }

    fn policy(&mut self, table: &Table, kind: Kind, essential: bool) -> RestartPolicy {
        let default =
            if kind == Kind::Service && !essential { RestartPolicy::Always } else { RestartPolicy::Never };
        let Some((policy, span)) = self.word(table, "restart_policy", &POLICIES) else { return default };
        if policy != RestartPolicy::Always {
            return policy;
        }
        if matches!(kind, Kind::Job | Kind::CronJob) {
            self.fault(span, Code::BadPolicy, format!("`restart_policy = \"Always\"` in a {kind}"))
                .label("its pods must be able to succeed")
                .help("\"OnFailure\" runs a failed pod again, \"Never\" makes a new one");
            return RestartPolicy::Never;
        }
        if essential {
            self.fault(span, Code::BadPolicy, "`restart_policy = \"Always\"` in an essential unit")
                .label("its end is to end supd, so it must be able to end")
                .help("leave it out: the policy of an essential unit is \"Never\"");
            return RestartPolicy::Never;
        }
        policy
    }

    fn links(&mut self, table: &Table) -> Vec<Link> {
        const LISTS: [(&str, LinkKind); 4] = [
            ("requires", LinkKind::Requires),
            ("wants", LinkKind::Wants),
            ("after", LinkKind::After),
            ("before", LinkKind::Before),
        ];
        let mut links: Vec<Link> = Vec::new();
        for (key, kind) in LISTS {
            let mut seen = HashSet::new();
            for (written, span) in self.strings(table, key).unwrap_or_default() {
                let Some(link) = self.link(kind, written, span) else { continue };
                if seen.insert((link.unit.clone(), link.condition)) {
                    links.push(link);
                } else {
                    self.fault(span, Code::KeyTwice, format!("`{}` stands twice in `{key}`", short(written)));
                }
            }
        }
        links
    }

    /// `db`, `db:ready`; in a template also `db@${instance}`.
    fn link(&mut self, kind: LinkKind, written: &str, span: Span) -> Option<Link> {
        const CONDITIONS: [Condition; 4] =
            [Condition::Started, Condition::Ready, Condition::Completed, Condition::Succeeded];
        let known = LoadVariables { instance: self.instance, env: self.env };
        let expanded = match written.contains('$').then(|| Text::parse(written, &known)) {
            Some(Ok(text)) => text.to_string(),
            Some(Err(_)) | None => written.to_owned(),
        };
        let (name, condition) = match expanded.split_once(':') {
            Some((name, condition)) => (name, Some(condition)),
            None => (expanded.as_str(), None),
        };
        let unit = match UnitName::parse(name) {
            Ok(unit) if !unit.is_template() => unit,
            Ok(_) => {
                self.fault(span, Code::BadName, format!("`{name}` is a template"))
                    .label("nothing of it runs")
                    .help(format!("name an instance: `{name}x`"));
                return None;
            }
            Err(error) => {
                let fault = self.fault(span, Code::BadName, format!("`{}` is no unit name", short(name)));
                fault.label(error.to_string());
                if let Some((stem, "service" | "target" | "timer" | "toml")) = name.rsplit_once('.') {
                    fault.help(format!("units are named without an ending: `{}`", short(stem)));
                }
                return None;
            }
        };
        let condition = match condition {
            None => None,
            Some(word) => match CONDITIONS.iter().find(|condition| condition.as_str() == word) {
                Some(condition) => Some(*condition),
                None => {
                    let words = CONDITIONS.iter().map(|condition| condition.as_str());
                    let near = keys::nearest(word, words).or(foreign_condition(word));
                    let fault =
                        self.fault(span, Code::NotAWord, format!("`{}` is no condition", short(word)));
                    fault.label("it is started, ready, completed or succeeded");
                    if let Some(near) = near {
                        fault.help(format!("did you mean `{unit}:{near}`?"));
                    }
                    return None;
                }
            },
        };
        if kind == LinkKind::Before && condition.is_some() {
            self.fault(span, Code::NoEffect, "a condition has no effect in `before`")
                .label("what this unit must have reached is said by the other one")
                .help(format!("write `after` in `{unit}`"));
            return None;
        }
        Some(Link { kind, unit, condition, span })
    }
}

/// compose's words.
fn foreign_condition(word: &str) -> Option<&'static str> {
    match word {
        "service_healthy" | "healthy" => Some("ready"),
        "service_started" | "running" => Some("started"),
        "service_completed_successfully" | "complete" => Some("succeeded"),
        _ => None,
    }
}

fn relations(links: &[Link]) -> Relations {
    let list = |kind| {
        let of_kind = links.iter().filter(|link| link.kind == kind);
        of_kind.map(|link| Relation { unit: link.unit.clone(), condition: link.condition }).collect()
    };
    Relations {
        requires: list(LinkKind::Requires),
        wants: list(LinkKind::Wants),
        after: list(LinkKind::After),
        before: list(LinkKind::Before),
    }
}

/// Labels and annotations of jobs and pods, where they are not the unit's own: in whatever is a manifest, but a
/// Pod, they are those that are written, and elsewhere, too, once one is.
fn below(unit: &Unit, table: &Table, below: Below) -> Option<Box<Below>> {
    let written = ["job_labels", "job_annotations", "pod_labels", "pod_annotations"];
    let own = !written.iter().any(|key| table.get(key).is_some())
        && unit.manifest.as_deref().is_none_or(|kind| kind == "Pod");
    let same = |words: &Words| words.labels == unit.labels && words.annotations == unit.annotations;
    let is_cron = unit.kind() == Kind::CronJob;
    if own || same(&below.pod) && (!is_cron || same(&below.job)) {
        return None;
    }
    Some(Box::new(below))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::unit::load::parse_one;
    use crate::unit::model::{
        Account, Body, CatchUp, CompletionMode, ConcurrencyPolicy, Handler, Http, Kind, RestartPolicy, Sink,
        Unit,
    };

    fn unit(text: &str) -> Unit {
        let loaded = parse_one(text.as_bytes(), Path::new("web.toml"), &|_| None, false);
        assert!(loaded.faults.is_empty(), "{}", loaded.faults[0].render(false));
        Unit::clone(&loaded.units[0])
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn defaults_of_a_service() {
        let unit = unit("exec = ['/bin/x']");
        let Body::Service(service) = &unit.body else { panic!("{:?}", unit.kind()) };
        let pod = &service.pod;
        assert_eq!((service.replicas, pod.restart_policy), (1, RestartPolicy::Always));
        assert_eq!((pod.main.stop.signal, pod.grace), (15, 30 * SECOND));
        assert_eq!(
            (pod.backoff.initial, pod.backoff.factor, pod.backoff.max),
            (10 * SECOND, 2.0, 300 * SECOND)
        );
        assert_eq!((pod.backoff.jitter, pod.backoff.reset_after), (0.0, 600 * SECOND));
        assert_eq!((pod.logs.stdout, pod.logs.stderr), (Sink::Default, Sink::Default));
        assert!(
            pod.main.readiness.is_none()
                && pod.active_deadline.is_none()
                && pod.main.start_deadline.is_none()
        );
        assert_eq!((pod.main.name.as_str(), &pod.main.success_exit[..]), ("main", &[0][..]));
        assert!(!unit.essential);
    }

    #[test]
    fn defaults_of_a_job_and_of_a_cronjob() {
        let unit = unit("exec = ['/bin/x']\n[cron]\nschedule = '@daily'\n");
        let Body::CronJob(cron) = &unit.body else { panic!("{:?}", unit.kind()) };
        assert_eq!((cron.concurrency_policy, cron.catch_up), (ConcurrencyPolicy::Allow, CatchUp::Last));
        assert_eq!((cron.successful_history, cron.failed_history, cron.suspend), (3, 1, false));
        let job = &cron.job;
        assert_eq!((job.completions, job.parallelism, job.mode), (Some(1), 1, CompletionMode::NonIndexed));
        assert_eq!((job.backoff_limit, job.keep_pods, job.suspend), (6, 100, false));
        assert_eq!(
            (job.backoff.initial, job.backoff.factor, job.backoff.max),
            (10 * SECOND, 2.0, 600 * SECOND)
        );
        assert_eq!(job.pod.restart_policy, RestartPolicy::Never);
    }

    #[test]
    fn kinds() {
        let kind = |text| unit(text).kind();
        assert_eq!(kind("exec = ['/bin/x']\n[service]\n"), Kind::Service);
        assert_eq!(kind("shell = 'x'\n[job]\n"), Kind::Job);
        assert_eq!(kind("shell = 'x'\n[job]\n[cron]\nschedule = '@daily'\n"), Kind::CronJob);
        assert_eq!(kind("wants = ['a']\n"), Kind::Target);
        assert_eq!(kind("description = 'a point to meet'\n"), Kind::Target);
    }

    #[test]
    fn completions_and_parallelism() {
        let job = |text: &str| {
            let unit = unit(&format!("exec = ['/bin/x']\n[job]\n{text}"));
            let job = unit.job().unwrap();
            (job.completions, job.parallelism)
        };
        assert_eq!(job("completions = 5"), (Some(5), 1));
        assert_eq!(job("parallelism = 5"), (None, 5));
        assert_eq!(job("parallelism = 0\ncompletions = 0"), (Some(0), 0));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let unit = unit(concat!(
            "exec = ['/bin/x', '$$a']\nuser = 1000\ngroup = 'web'\nsupplementary_groups = [1, 'audio']\n",
            "umask = '027'\nworking_dir = '/srv'\nenv_file = ['?/a', '/b']\nenv_pass = ['TZ']\n",
            "success_exit = [0, 143]\nactive_deadline = '1d'\n",
            "[env]\nZ = '1'\nA = '2'\n[resources]\nrlimits = { nofile = 10, core = '1Ki', cpu = 'infinity' }\n",
            "[stop]\nsignal = 'SIGINT'\ngrace = '1m30s'\n[startup]\ndeadline = '5s'\n",
            "[readiness]\nhttp = { port = '80', path = '/z' }\nperiod = '2s'\ntimeout = '3s'\n",
            "initial_delay = '4s'\nsuccess_threshold = 5\nfailure_threshold = 6\n[logs]\nstderr = 'null'\n",
        ));
        let pod = unit.pod().unwrap();
        let main = &pod.main;
        assert_eq!(
            main.exec.iter().map(|t| t.expand(&|_| String::new())).collect::<Vec<_>>(),
            ["/bin/x", "$a"]
        );
        assert_eq!((&main.user, &main.group), (&Some(Account::Id(1000)), &Some(Account::Name("web".into()))));
        assert_eq!(main.supplementary_groups.as_ref().map(Vec::len), Some(2));
        assert_eq!((main.umask, &main.success_exit[..]), (Some(0o27), &[0, 143][..]));
        assert_eq!(main.env.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Z", "A"]);
        let files: Vec<_> = main.env_file.iter().map(|file| (file.path.to_string(), file.optional)).collect();
        assert_eq!(files, [("/a".to_owned(), true), ("/b".to_owned(), false)]);
        assert_eq!(main.rlimits.iter().map(|limit| limit.value).collect::<Vec<_>>(), [10, 1024, u64::MAX]);
        assert_eq!((pod.main.stop.signal, pod.grace), (2, 90 * SECOND));
        assert_eq!((pod.active_deadline, pod.main.start_deadline), (Some(86_400 * SECOND), Some(5 * SECOND)));
        let probe = pod.main.readiness.as_ref().unwrap();
        assert_eq!((probe.period, probe.timeout, probe.initial_delay), (2 * SECOND, 3 * SECOND, 4 * SECOND));
        assert_eq!((probe.success_threshold, probe.failure_threshold), (5, 6));
        let Handler::Http(Http { host, port, path, .. }) = &probe.handler else { panic!("{probe:?}") };
        assert_eq!([host, port, path].map(ToString::to_string), ["127.0.0.1", "80", "/z"]);
        assert_eq!((pod.logs.stdout, pod.logs.stderr), (Sink::Default, Sink::Null));
    }

    #[test]
    fn a_lower_maximum_lowers_the_first_delay_and_a_longer_first_delay_counts() {
        let delays = |text: &str| {
            let unit = unit(&format!("exec = ['/bin/x']\n[backoff]\n{text}"));
            let backoff = unit.pod().unwrap().backoff;
            (backoff.initial, backoff.max)
        };
        assert_eq!(delays("max = '3s'"), (3 * SECOND, 3 * SECOND));
        assert_eq!(delays("initial = '10m'"), (600 * SECOND, 600 * SECOND));
    }

    #[test]
    fn an_essential_unit_may_end() {
        let unit = unit("exec = ['/bin/x']\nessential = true\n");
        assert_eq!(unit.pod().unwrap().restart_policy, RestartPolicy::Never);
    }

    #[test]
    fn the_template_hash_covers_what_pods_are_made_from() {
        let base = unit("exec = ['/bin/x']\n[service]\nreplicas = 1\n");
        let same_pods = [
            "exec = ['/bin/x']\n[service]\nreplicas = 2\n",
            "exec = ['/bin/x']\nlabels = { a = 'b' }\n",
            "exec = ['/bin/x']\nafter = ['b']\n",
        ];
        for text in same_pods {
            let other = unit(text);
            assert_eq!(other.template_hash, base.template_hash, "{text}");
            assert_ne!(other.hash, base.hash, "{text}");
        }
        for text in [
            "exec = ['/bin/y']",
            "exec = ['/bin', '/x']",
            "exec = ['/bin/x']\nuser = 1",
            "exec = ['/bin/x']\n[env]\nA = ''",
        ] {
            let other = unit(text);
            assert_ne!(other.template_hash, base.template_hash, "{text}");
        }
        let literal = unit("exec = ['/bin/x', '$${pod}']");
        assert_ne!(literal.template_hash, unit("exec = ['/bin/x', '${pod}']").template_hash);
        // Fixed for ever: a new release must not take every pod for changed.
        assert_eq!(base.template_hash, unit("# other bytes\nexec=[\"/bin/x\"]").template_hash);
        let job = |text: &str| unit(&format!("exec = ['/bin/x']\n[job]\n{text}")).template_hash;
        assert_eq!(
            job("parallelism = 1\ncompletions = 1"),
            job("parallelism = 2\ncompletions = 9\nsuspend = true")
        );
    }
}
