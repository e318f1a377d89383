//! What an API server checks and no schema says, as far as it can concern what supd writes.
//!
//! Written from the rules' numbers alone, without a look at the exporter.

use std::collections::BTreeSet;

use serde_json::Value;
use supd::kubernetes::export::export;
use supd::unit::calendar::{Dst, Schedule};

use crate::models;
use crate::shipped;

/// Everything that is wrong with an object, in words.
pub(crate) fn faults(object: &Value) -> Vec<String> {
    let mut judge = Judge::default();
    let spec = &object["spec"];
    judge.metadata(&object["metadata"]);
    match object["kind"].as_str() {
        Some("Deployment") => judge.deployment(spec),
        Some("Secret") => judge.hold(object["stringData"].is_object(), "a Secret has data"),
        Some("Pod") => judge.pod(spec),
        Some("Job") => judge.job(spec, &object["metadata"]["name"]),
        Some("CronJob") => judge.cron(spec, &object["metadata"]["name"]),
        other => judge.fault(format!("kind {other:?}")),
    }
    judge.faults
}

#[derive(Default)]
struct Judge {
    faults: Vec<String>,
}

impl Judge {
    fn fault(&mut self, words: impl Into<String>) {
        self.faults.push(words.into());
    }

    fn hold(&mut self, holds: bool, words: &str) {
        if !holds {
            self.fault(words);
        }
    }

    fn metadata(&mut self, metadata: &Value) {
        self.hold(text(&metadata["name"]).is_some_and(is_label), "a name is a DNS label");
        self.labels(metadata);
        for key in keys(&metadata["annotations"]) {
            self.hold(is_qualified(&key), &format!("annotation {key:?}"));
        }
    }

    fn labels(&mut self, metadata: &Value) {
        for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
            self.hold(is_qualified(key), &format!("label {key:?}"));
            let value = text(value).unwrap_or("?");
            self.hold(value.is_empty() || is_word(value), &format!("label value {value:?}"));
        }
    }

    fn deployment(&mut self, spec: &Value) {
        let template = &spec["template"];
        let wanted = spec["selector"]["matchLabels"].as_object().unwrap();
        let labels = &template["metadata"]["labels"];
        self.hold(!wanted.is_empty(), "DEP: a selector selects");
        self.hold(wanted.iter().all(|(key, value)| labels[key] == *value), "DEP: it selects its own pods");
        self.hold(template["spec"]["restartPolicy"] == "Always", "RS-002");
        self.hold(template["spec"]["activeDeadlineSeconds"].is_null(), "DEP: no deadline");
        let ready = spec["minReadySeconds"].as_u64().unwrap_or(0);
        let progress = spec["progressDeadlineSeconds"].as_u64().unwrap_or(600);
        self.hold(progress > ready, "DEP: progress after ready");
        let rolling = &spec["strategy"]["rollingUpdate"];
        if spec["strategy"]["type"] == "Recreate" {
            self.hold(rolling.is_null(), "DEP: Recreate does not roll");
        } else {
            let none = |share: &Value| *share == 0 || *share == "0%";
            let both = none(&rolling["maxSurge"]) && none(&rolling["maxUnavailable"]);
            self.hold(!both, "DEP-001: both 0");
        }
        self.labels(&template["metadata"]);
        self.pod(&template["spec"]);
    }

    fn pod(&mut self, spec: &Value) {
        let mut names = BTreeSet::new();
        let deadline = &spec["activeDeadlineSeconds"];
        self.hold(deadline.is_null() || (1..=MOST).contains(&deadline.as_u64().unwrap()), "PHS-009");
        for group in list(&spec["securityContext"]["supplementalGroups"]) {
            self.hold(group.as_u64().unwrap() <= MOST, "a gid");
        }
        for (init, container) in list(&spec["initContainers"])
            .map(|c| (true, c))
            .chain(list(&spec["containers"]).map(|c| (false, c)))
        {
            let name = text(&container["name"]).unwrap_or_default();
            self.hold(is_label(name), "a container's name is a DNS label");
            self.hold(names.insert(name), "containers have names of their own");
            self.hold(text(&container["image"]).is_some_and(|image| !image.is_empty()), "an image");
            self.container(container, init, spec);
        }
        self.hold(list(&spec["containers"]).next().is_some(), "a pod has a container");
    }

    fn container(&mut self, container: &Value, init: bool, spec: &Value) {
        let sidecar = init && container["restartPolicy"] == "Always";
        let life = ["lifecycle", "startupProbe", "readinessProbe", "livenessProbe"];
        if init && !sidecar {
            self.hold(life.iter().all(|key| container[*key].is_null()), "INI-004");
        }
        let rules: Vec<&Value> = list(&container["restartPolicyRules"]).collect();
        self.hold(rules.len() <= 20, "CRR-002: 20 rules");
        self.hold(
            rules.is_empty() || container["restartPolicy"].is_string(),
            "CRR-002: a policy beside rules",
        );
        // Zero is one of them, and neither order nor doubles matter (pkg/apis/core/validation).
        let few = |rule: &&Value| list(&rule["exitCodes"]["values"]).count() <= 255;
        self.hold(rules.iter().all(few), "CRR-002: codes");
        for account in ["runAsUser", "runAsGroup"] {
            let id = container["securityContext"][account].as_u64().unwrap_or(0);
            self.hold(id <= MOST, account);
        }
        let signal = &container["lifecycle"]["stopSignal"];
        self.hold(signal.is_null() || spec["os"]["name"] == "linux", "a signal needs an os");
        let mut defined = BTreeSet::new();
        for variable in list(&container["env"]) {
            let name = text(&variable["name"]).unwrap_or_default();
            let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=');
            self.hold(!name.is_empty() && printable, "a variable's name");
            self.hold(variable["valueFrom"].is_null() || variable["value"].is_null(), "one value");
            defined.insert(name);
        }
        for (key, value) in container.as_object().unwrap() {
            if let Some(kind) = key.strip_suffix("Probe") {
                self.probe(kind, value);
            }
        }
        for hook in ["postStart", "preStop"] {
            let hook = &container["lifecycle"][hook];
            self.hold(hook.is_null() || hook.as_object().unwrap().len() == 1, "HOK: one handler");
        }
    }

    fn probe(&mut self, kind: &str, probe: &Value) {
        let handlers = ["exec", "httpGet", "tcpSocket", "grpc"];
        self.hold(handlers.iter().filter(|key| !probe[**key].is_null()).count() == 1, "PRB-003");
        let at_least =
            |key: &str, least: u64| probe[key].as_u64().is_none_or(|n| (least..=MOST).contains(&n));
        let positive = ["periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"];
        self.hold(positive.iter().all(|key| at_least(key, 1)), "PRB-001");
        if kind == "readiness" {
            self.hold(probe["terminationGracePeriodSeconds"].is_null(), "PRB-015");
        } else {
            self.hold(probe["successThreshold"].as_u64().is_none_or(|n| n == 1), "PRB-002");
            self.hold(at_least("terminationGracePeriodSeconds", 1), "PRB-015");
        }
        for handler in ["httpGet", "tcpSocket", "grpc"] {
            let port = &probe[handler]["port"];
            let good = port.as_u64().is_some_and(|port| (1..=65_535).contains(&port));
            self.hold(probe[handler].is_null() || good, "a port");
        }
    }

    fn job(&mut self, spec: &Value, name: &Value) {
        let policy = text(&spec["template"]["spec"]["restartPolicy"]).unwrap_or_default();
        self.hold(["OnFailure", "Never"].contains(&policy), "JVL-001");
        let number = |key: &str| spec[key].as_u64();
        let numbers = [
            "parallelism",
            "completions",
            "backoffLimit",
            "backoffLimitPerIndex",
            "maxFailedIndexes",
            "ttlSecondsAfterFinished",
        ];
        for key in numbers {
            self.hold(spec[key].is_null() || number(key).is_some_and(|n| n <= MOST), "JVL-002");
        }
        let indexed = spec["completionMode"] == "Indexed";
        let completions = number("completions");
        let (each, failed) = (number("backoffLimitPerIndex"), number("maxFailedIndexes"));
        let parallelism = number("parallelism").unwrap_or(1);
        if indexed {
            self.hold(completions.is_some(), "JVL-003: completions");
            self.hold(parallelism <= 100_000, "JVL-003: parallelism");
            let few = failed.is_none_or(|failed| Some(failed) <= completions && failed <= 100_000);
            self.hold(few, "JVL-003: maxFailedIndexes");
            if each.is_some() && completions > Some(100_000) {
                let few = failed.is_some_and(|failed| failed <= 10_000) && parallelism <= 10_000;
                self.hold(few, "JVL-004");
            }
            let last = completions.unwrap_or(0).saturating_sub(1);
            self.hold(name.is_null() || is_label(&format!("{}-{last}", text(name).unwrap())), "JVL-006");
        } else {
            self.hold(each.is_none() && failed.is_none(), "JVL-005");
            self.hold(spec["successPolicy"].is_null(), "SUC-001");
        }
        self.hold(failed.is_none() || each.is_some(), "JVL-005");
        self.hold(each.is_none() || policy == "Never", "BPI-001");
        self.failure_policy(spec, policy, each.is_some());
        self.success_policy(spec, completions.unwrap_or(0));
        self.labels(&spec["template"]["metadata"]);
        self.pod(&spec["template"]["spec"]);
    }

    fn failure_policy(&mut self, spec: &Value, policy: &str, per_index: bool) {
        let rules: Vec<&Value> = list(&spec["podFailurePolicy"]["rules"]).collect();
        if rules.is_empty() {
            return self.hold(spec["podFailurePolicy"].is_null(), "PFP: rules");
        }
        self.hold(policy == "Never" && rules.len() <= 20, "PFP-001");
        self.hold(spec["podReplacementPolicy"] != "TerminatingOrFailed", "JVL-008");
        let pod = &spec["template"]["spec"];
        let containers: Vec<&Value> =
            list(&pod["containers"]).chain(list(&pod["initContainers"])).map(|c| &c["name"]).collect();
        for rule in rules {
            let (codes, conditions) = (&rule["onExitCodes"], &rule["onPodConditions"]);
            self.hold(codes.is_null() != conditions.is_null(), "PFP-002");
            self.hold(rule["action"] != "FailIndex" || per_index, "PFP-003");
            self.hold(codes.is_null() || is_set(codes), "PFP-005");
            let name = &codes["containerName"];
            self.hold(name.is_null() || containers.contains(&name), "JVL-009");
        }
    }

    fn success_policy(&mut self, spec: &Value, completions: u64) {
        let rules: Vec<&Value> = list(&spec["successPolicy"]["rules"]).collect();
        self.hold(rules.len() <= 20, "SUC-001");
        self.hold(spec["successPolicy"].is_null() || !rules.is_empty(), "SUC-001");
        for rule in rules {
            let (indexes, count) = (&rule["succeededIndexes"], &rule["succeededCount"]);
            self.hold(!indexes.is_null() || !count.is_null(), "SUC-001");
            self.hold(count.as_u64().is_none_or(|count| (1..=completions).contains(&count)), "SUC-005");
        }
    }

    fn cron(&mut self, spec: &Value, name: &Value) {
        self.hold(text(name).is_some_and(|name| name.len() <= 52), "CJB-019");
        let schedule = Schedule::parse(text(&spec["schedule"]).unwrap(), None, Dst::Literal);
        self.hold(schedule.is_ok_and(|schedule| schedule.beyond_kubernetes().is_none()), "CRN-001");
        for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
            self.hold(spec[key].is_null() || spec[key].as_u64().is_some_and(|n| n <= MOST), key);
        }
        self.job(&spec["jobTemplate"]["spec"], &Value::Null);
    }
}

/// The greatest int32.
const MOST: u64 = i32::MAX as u64;

/// PFP-005: ascending, at most 255, no 0 with `In`.
fn is_set(codes: &Value) -> bool {
    let values: Vec<u64> = list(&codes["values"]).map(|value| value.as_u64().unwrap()).collect();
    let ascending = values.windows(2).all(|pair| pair[0] < pair[1]);
    (1..=255).contains(&values.len()) && ascending && (codes["operator"] != "In" || !values.contains(&0))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn is_label(name: &str) -> bool {
    is_word(name) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_word(word: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut bytes = word.bytes();
    word.len() <= 63
        && edge(word.bytes().next())
        && edge(word.bytes().last())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => prefix.split('.').all(is_label) && is_word(name),
        None => is_word(key),
    }
}

#[test]
fn jvl_what_is_shipped_passes_an_api_servers_rules() {
    for unit in shipped() {
        for object in export(&unit, "debian:12", Some("prod")).objects {
            assert_eq!(faults(&object), [""; 0], "{object:#}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 400, failure_persistence: None, max_shrink_iters: 500, ..Default::default()
    })]

    #[test]
    fn jvl_whatever_a_unit_is_passes_an_api_servers_rules(unit in models::unit()) {
        for object in export(&unit, "debian:12", None).objects {
            proptest::prop_assert_eq!(faults(&object), Vec::<String>::new(), "{:#}", object);
        }
    }
}
