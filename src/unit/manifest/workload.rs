//! One manifest → the tree of its unit, and the kinds that keep pods at a number.

use std::collections::{BTreeMap, HashMap};

use super::super::diagnostic::{Code, Diagnostic, Faults};
use super::super::name::UnitName;
use super::super::reader::short;
use super::super::source::{Sources, Span};
use super::super::tree::{Entry, Table, Value};
use super::config::Configs;
use super::fields::{Fields, INT32_MAX, Spec, present};
use super::object::{Kind, Manifest};
use super::pod::{Policies, Translation};
use super::security::PodSecurity;
use super::write::seconds;
use crate::limits::{REPLICAS_MAX, REVISIONS_MAX};

static OBJECT: Spec = Spec {
    name: "a manifest",
    taken: &["apiVersion", "kind", "metadata", "spec"],
    idle: &[("status", "")],
    refused: &[],
};
static DEPLOYMENT: Spec = Spec {
    name: "a Deployment's spec",
    taken: &[
        "replicas",
        "strategy",
        "minReadySeconds",
        "progressDeadlineSeconds",
        "revisionHistoryLimit",
        "paused",
        "selector",
        "template",
    ],
    idle: &[],
    refused: &[],
};
static REPLICA_SET: Spec = Spec {
    name: "a ReplicaSet's spec",
    taken: &["replicas", "minReadySeconds", "selector", "template"],
    idle: &[],
    refused: &[],
};
static STATEFUL_SET: Spec = Spec {
    name: "a StatefulSet's spec",
    taken: &[
        "replicas",
        "updateStrategy",
        "minReadySeconds",
        "revisionHistoryLimit",
        "podManagementPolicy",
        "selector",
        "template",
    ],
    idle: &[
        ("serviceName", "pods have this machine's name"),
        ("persistentVolumeClaimRetentionPolicy", "there are no volume claims"),
    ],
    refused: &[
        ("volumeClaimTemplates", "use a hostPath volume: a directory of this machine"),
        ("ordinals", "replicas are counted from 0"),
    ],
};
static DAEMON_SET: Spec = Spec {
    name: "a DaemonSet's spec",
    taken: &["updateStrategy", "minReadySeconds", "revisionHistoryLimit", "selector", "template"],
    idle: &[],
    refused: &[],
};
static STRATEGY: Spec =
    Spec { name: "a strategy", taken: &["type", "rollingUpdate"], idle: &[], refused: &[] };
static ROLLING: Spec = Spec {
    name: "rollingUpdate",
    taken: &["maxSurge", "maxUnavailable", "partition"],
    idle: &[],
    refused: &[],
};
static SELECTOR: Spec =
    Spec { name: "a selector", taken: &["matchLabels", "matchExpressions"], idle: &[], refused: &[] };
static EXPRESSION: Spec =
    Spec { name: "an expression", taken: &["key", "operator", "values"], idle: &[], refused: &[] };

/// The tree of a workload's unit, with what is wrong with it.
pub(in crate::unit) fn translate(
    manifest: &Manifest,
    configs: &Configs,
    sources: &Sources,
) -> (Table, Faulty, Vec<Diagnostic>) {
    let unit = UnitName::parse(&manifest.name).ok();
    let mut translation = Translation {
        fields: Fields::new(sources, Faults::new(sources, unit)),
        configs,
        kind: manifest.kind,
        name: manifest.name.clone(),
        namespace: "default".to_owned(),
        at: manifest.kind_span,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        policy: "Always",
        indexed: false,
        security: PodSecurity::default(),
        own_network: true,
        service_account: "default".to_owned(),
        resources: BTreeMap::new(),
        names: HashMap::new(),
        volume_names: BTreeMap::new(),
        token_volume: None,
        text_bytes: 0,
    };
    let table = translation.workload(&manifest.object);
    let faulty = translation.fields.faults.errors() > 0;
    (table, faulty, translation.fields.faults.finish())
}

/// Whether anything refuses the unit.
pub(in crate::unit) type Faulty = bool;

/// How a changed template comes to the pods, where nothing is written.
struct Defaults {
    unavailable: Value,
    surge: Value,
}

impl Translation<'_> {
    fn workload(&mut self, object: &Table) -> Table {
        let mut unit = Table::default();
        self.fields.check(object, &OBJECT);
        unit.put("manifest", self.at, self.kind.as_str());
        if let Some((metadata, _)) = self.fields.object(object, "metadata") {
            if let Some((namespace, _)) = self.fields.string(metadata, "namespace") {
                namespace.clone_into(&mut self.namespace);
            }
            self.words(metadata, ["labels", "annotations"], &mut unit);
            // Those of other kinds' pods are their template's.
            if self.kind == Kind::Pod {
                self.note_words(metadata);
            }
        }
        let what = format!("a {}", self.kind.as_str());
        self.fields.needed(object, "spec", self.at, &what);
        let Some((spec, entry)) = self.fields.object(object, "spec") else { return unit };
        match self.kind {
            Kind::Pod => {
                self.pod_spec(spec, entry, Policies::Any, &mut unit);
                self.service(1, self.at, Table::default(), &mut unit);
            }
            Kind::Job => self.job(spec, entry, &mut unit),
            Kind::CronJob => self.cron(spec, entry, &mut unit),
            Kind::ConfigMap | Kind::Secret => {}
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {
                self.replicated(spec, entry, &mut unit);
            }
        }
        unit
    }

    fn replicated(&mut self, spec: &Table, entry: &Entry, unit: &mut Table) {
        let (fields, strategy) = match self.kind {
            Kind::Deployment => (&DEPLOYMENT, "strategy"),
            Kind::ReplicaSet => (&REPLICA_SET, "strategy"),
            Kind::StatefulSet => (&STATEFUL_SET, "updateStrategy"),
            _ => (&DAEMON_SET, "updateStrategy"),
        };
        self.fields.check(spec, fields);
        self.template(spec, entry.key_span, Policies::Always, unit);
        self.selector(spec, entry.key_span);
        let (replicas, span) = match self.kind {
            Kind::DaemonSet => (1, self.at),
            _ => self.fields.integer(spec, "replicas", 0..=i64::from(REPLICAS_MAX)).unwrap_or((1, self.at)),
        };
        self.pod_management(spec, replicas);
        let rollout = self.rollout(spec, strategy);
        self.service(replicas, span, rollout, unit);
    }

    fn service(&mut self, replicas: i64, span: Span, rollout: Table, unit: &mut Table) {
        let mut service = Table::default();
        service.put("replicas", span, replicas);
        service.put_table("rollout", self.at, rollout);
        unit.put("service", self.at, Value::Table(service));
    }

    /// DEP-001ff. What Kubernetes would take is written out.
    fn rollout(&mut self, spec: &Table, strategy: &str) -> Table {
        let mut rollout = Table::default();
        let percent = || Value::from("25%");
        let default = match self.kind {
            Kind::Deployment => Defaults { unavailable: percent(), surge: percent() },
            _ => Defaults { unavailable: Value::from(1), surge: Value::from(0) },
        };
        let mut shares = [
            ("maxUnavailable", "max_unavailable", default.unavailable),
            ("maxSurge", "max_surge", default.surge),
        ]
        .map(|(field, ours, value)| (field, ours, value, self.at));
        let mut recreate = false;
        if let Some((table, entry)) = self.fields.object(spec, strategy) {
            self.fields.check(table, &STRATEGY);
            let words: &[&str] = match self.kind {
                Kind::Deployment => &["RollingUpdate", "Recreate"],
                _ => &["RollingUpdate", "OnDelete"],
            };
            match self.fields.word(table, "type", words) {
                Some(("Recreate", span)) => {
                    recreate = true;
                    rollout.put("strategy", span, "Recreate");
                    if let Some(entry) = present(table, "rollingUpdate") {
                        self.fields.fault(
                            entry.key_span,
                            Code::NoEffect,
                            "`rollingUpdate` beside `type: Recreate`",
                        );
                    }
                }
                Some(("OnDelete", span)) => {
                    self.fields.refuse(span, "OnDelete", "a changed template comes to the pods by itself");
                }
                _ => {}
            }
            if let Some((rolling, _)) = self.fields.object(table, "rollingUpdate") {
                self.fields.check(rolling, &ROLLING);
                if let Some((partition, span)) = self.fields.integer(rolling, "partition", 0..=INT32_MAX)
                    && partition > 0
                {
                    self.fields.refuse(span, "partition", "a changed template comes to all pods");
                }
                for (field, _, value, span) in &mut shares {
                    if let Some((written, at)) = self.share(rolling, field) {
                        (*value, *span) = (written, at);
                    }
                }
                let none = |value: &Value| match value {
                    Value::Integer(number, _) => *number == Some(0),
                    Value::String(text) => text == "0%",
                    _ => false,
                };
                if none(&shares[0].2) && none(&shares[1].2) {
                    self.fields
                        .fault(entry.key_span, Code::OutOfRange, "`maxUnavailable` and `maxSurge` are both 0")
                        .label("nothing could ever change (DEP-001)");
                }
            }
        }
        if !recreate {
            for (_, ours, value, span) in shares {
                rollout.put(ours, span, value);
            }
        }
        self.times(spec, &mut rollout);
        rollout
    }

    fn times(&mut self, spec: &Table, rollout: &mut Table) {
        let ready = self.fields.integer(spec, "minReadySeconds", 0..=INT32_MAX);
        if let Some((time, span)) = ready {
            rollout.put("min_ready", span, seconds(time));
        }
        let deadline = self.fields.integer(spec, "progressDeadlineSeconds", 0..=INT32_MAX);
        if let Some((time, span)) = deadline {
            rollout.put("progress_deadline", span, seconds(time));
        }
        let (least, most) = (ready.map_or(0, |(time, _)| time), deadline.map_or(600, |(time, _)| time));
        if self.kind == Kind::Deployment && least >= most {
            let span = deadline.or(ready).map_or(self.at, |(_, span)| span);
            self.fields
                .fault(span, Code::OutOfRange, "`progressDeadlineSeconds` is not above `minReadySeconds`")
                .label(format!("no pod could be available within {most} s"));
        }
        if let Some((history, span)) = self.fields.integer(spec, "revisionHistoryLimit", 0..=INT32_MAX) {
            let most = i64::from(REVISIONS_MAX);
            if history > most {
                let message = format!("`revisionHistoryLimit: {history}` is more than is kept");
                self.fields.fault(span, Code::NoMeaning, message).label(format!("{most} revisions are"));
            }
            rollout.put("history", span, history.min(most));
        }
        if let Some((true, span)) = self.fields.boolean(spec, "paused") {
            self.fields.refuse(span, "paused: true", "use `supctl rollout pause NAME`");
        }
    }

    /// A number of pods, or a part of them: `25%`.
    fn share(&mut self, rolling: &Table, field: &str) -> Option<(Value, Span)> {
        let entry = present(rolling, field)?;
        let span = entry.node.span;
        if let Value::Integer(..) = entry.node.value {
            let (number, span) = self.fields.integer(rolling, field, 0..=INT32_MAX)?;
            return Some((Value::from(number), span));
        }
        let (text, _) = self.fields.string(rolling, field)?;
        let percent = text.strip_suffix('%').and_then(|number| number.parse::<u32>().ok());
        match percent.filter(|percent| *percent <= 100 || field == "maxSurge") {
            Some(percent) => Some((Value::from(format!("{percent}%")), span)),
            None => {
                let message = format!("`{field}: {}` is no number of pods", short(text));
                self.fields.fault(span, Code::OutOfRange, message).label("a number, or a part like `25%`");
                None
            }
        }
    }

    /// `OrderedReady` starts one pod after the other; here all start together.
    fn pod_management(&mut self, spec: &Table, replicas: i64) {
        if self.kind != Kind::StatefulSet {
            return;
        }
        let policy = self.fields.word(spec, "podManagementPolicy", &["OrderedReady", "Parallel"]);
        if replicas > 1 && !matches!(policy, Some(("Parallel", _))) {
            let span = policy.map_or(self.at, |(_, span)| span);
            self.fields
                .fault(span, Code::NoMeaning, "`podManagementPolicy: OrderedReady` has no meaning here")
                .label("the pods start together");
        }
    }

    /// A selector must select the template's own pods.
    fn selector(&mut self, spec: &Table, at: Span) {
        let what = format!("a {}'s spec", self.kind.as_str());
        self.fields.needed(spec, "selector", at, &what);
        let Some((selector, entry)) = self.fields.object(spec, "selector") else { return };
        self.fields.check(selector, &SELECTOR);
        let mut wrong = None;
        let pairs = self.fields.string_map(selector, "matchLabels");
        for (entry, value) in &pairs {
            if self.labels.get(&entry.key).is_none_or(|label| label != value) {
                wrong = wrong.or(Some(entry.key_span));
            }
        }
        let expressions = self.fields.objects(selector, "matchExpressions");
        let empty = pairs.is_empty() && expressions.is_empty();
        for (expression, node) in expressions {
            self.fields.check(expression, &EXPRESSION);
            let operators = ["In", "NotIn", "Exists", "DoesNotExist"];
            self.fields.needed(expression, "key", node.span, "an expression");
            self.fields.needed(expression, "operator", node.span, "an expression");
            let key = self.fields.string(expression, "key");
            let operator = self.fields.word(expression, "operator", &operators);
            let values = self.fields.strings(expression, "values").unwrap_or_default();
            let (Some((key, span)), Some((operator, _))) = (key, operator) else { continue };
            let label = self.labels.get(key);
            let within = label.is_some_and(|label| values.iter().any(|(value, _)| value == label));
            let holds = match operator {
                "In" => within,
                "NotIn" => !within,
                "Exists" => label.is_some(),
                _ => label.is_none(),
            };
            wrong = wrong.or((!holds).then_some(span));
        }
        if empty {
            self.fields.fault(entry.key_span, Code::BadSelector, "the selector is empty");
        } else if let Some(span) = wrong {
            self.fields
                .fault(span, Code::BadSelector, "the selector does not select the template's pods")
                .label("no such label in `template.metadata.labels`");
        }
    }
}
