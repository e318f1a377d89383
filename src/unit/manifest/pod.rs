//! A pod's spec → the keys of a unit that say what runs.

use std::collections::{BTreeMap, HashMap};

use super::super::diagnostic::Code;
use super::super::source::Span;
use super::super::tree::{Entry, Node, Table, Value};
use super::config::Configs;
use super::container::Role;
use super::defaults::is_own_annotation;
use super::fields::{Fields, INT32_MAX, present};
use super::object::Kind;
use super::security::PodSecurity;
use super::specs::{POD_SPEC, TEMPLATE, TEMPLATE_METADATA};
use super::write::seconds;

/// One workload while it becomes a unit.
pub(super) struct Translation<'c> {
    pub(super) fields: Fields<'c>,
    pub(super) configs: &'c Configs,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) namespace: String,
    /// The place of what Kubernetes defaults: the object's `kind`.
    pub(super) at: Span,
    /// Of the pods.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// The pod's restart policy.
    pub(super) policy: &'static str,
    /// The pods are those of an Indexed job: each process has a variable with the index (IDX-002).
    pub(super) indexed: bool,
    pub(super) security: PodSecurity,
    /// It has not asked for this machine's network: its host ports would be mapped.
    pub(super) own_network: bool,
    /// The account of the cluster that it would have.
    pub(super) service_account: String,
    /// `resources` of its containers, by their names.
    pub(super) resources: BTreeMap<String, Table>,
    /// Names of containers, with their places.
    pub(super) names: HashMap<String, Span>,
    /// Names of volumes; whether they can only be read.
    pub(super) volume_names: BTreeMap<String, bool>,
    /// The volume that the server itself has written into the pod.
    pub(super) token_volume: Option<String>,
    /// Bytes of texts so far.
    pub(super) text_bytes: usize,
}

/// Which restart policies a pod may have, and whether it must say so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policies {
    /// Any; `Always` unless it is written.
    Any,
    /// `Always` (RS-002).
    Always,
    /// `OnFailure` or `Never`, and it must be written (JVL-001).
    Job,
}

impl Translation<'_> {
    /// `template`: labels and annotations of the pods, and their spec.
    pub(super) fn template(&mut self, of: &Table, at: Span, policies: Policies, unit: &mut Table) {
        let what = format!("a {}'s spec", self.kind.as_str());
        self.fields.needed(of, "template", at, &what);
        let Some((template, entry)) = self.fields.object(of, "template") else { return };
        self.fields.check(template, &TEMPLATE);
        if let Some((metadata, _)) = self.fields.object(template, "metadata") {
            self.fields.check(metadata, &TEMPLATE_METADATA);
            self.words(metadata, ["pod_labels", "pod_annotations"], unit);
            self.note_words(metadata);
        }
        self.fields.needed(template, "spec", entry.key_span, "a template");
        if let Some((spec, entry)) = self.fields.object(template, "spec") {
            self.pod_spec(spec, entry, policies, unit);
        }
    }

    /// Labels and annotations of one level, under our keys.
    pub(super) fn words(&mut self, metadata: &Table, ours: [&str; 2], unit: &mut Table) {
        for (key, ours) in ["labels", "annotations"].into_iter().zip(ours) {
            let written = self.fields.string_map(metadata, key);
            let mut table = Table::default();
            for (entry, _) in written.into_iter().filter(|(entry, _)| !is_own_annotation(&entry.key)) {
                table.put_at(&entry.key, entry.key_span, entry.node.clone());
            }
            let place = metadata.get(key).map_or(self.at, |entry| entry.key_span);
            unit.put_table(ours, place, table);
        }
    }

    /// Those of the pods, for whoever refers to them.
    pub(super) fn note_words(&mut self, metadata: &Table) {
        for (key, words) in [("labels", &mut self.labels), ("annotations", &mut self.annotations)] {
            let Some(table) = metadata.get(key).and_then(|entry| entry.node.as_table()) else { continue };
            words.extend(table.entries.iter().filter_map(|entry| match &entry.node.value {
                Value::String(text) => Some((entry.key.clone(), text.clone())),
                _ => None,
            }));
        }
    }

    /// The pod itself.
    pub(super) fn pod_spec(&mut self, spec: &Table, entry: &Entry, policies: Policies, unit: &mut Table) {
        self.fields.check(spec, &POD_SPEC);
        self.restart_policy(spec, entry.key_span, policies, unit);
        self.security = self.pod_security(spec);
        self.own_network = !matches!(self.fields.boolean(spec, "hostNetwork"), Some((true, _)));
        self.other_system(spec);
        if let Some((account, _)) = self.fields.string(spec, "serviceAccountName") {
            account.clone_into(&mut self.service_account);
        }
        self.note_resources(spec);
        if let Some((grace, span)) = self.fields.integer(spec, "terminationGracePeriodSeconds", 0..=INT32_MAX)
        {
            unit.put("termination_grace_period", span, seconds(grace));
        }
        if let Some((deadline, span)) = self.fields.integer(spec, "activeDeadlineSeconds", 1..=INT32_MAX) {
            unit.put("active_deadline", span, seconds(deadline));
        }
        self.volumes(spec, unit);
        self.containers(spec, entry.key_span, unit);
    }

    fn containers(&mut self, spec: &Table, at: Span, unit: &mut Table) {
        for (container, node) in self.fields.objects(spec, "initContainers") {
            let mut step = Table::default();
            self.container(container, node, Role::Init, &mut step);
            unit.push("init", node.span, step);
        }
        let Some(entry) = self.fields.needed(spec, "containers", at, "a pod's spec") else { return };
        let containers = self.fields.objects(spec, "containers");
        if containers.is_empty() && matches!(&entry.node.value, Value::Array(items) if items.is_empty()) {
            self.fields.fault(entry.node.span, Code::MissingKey, "a pod needs at least one container");
        }
        for (place, (container, node)) in containers.into_iter().enumerate() {
            if place == 0 {
                self.container(container, node, Role::Main, unit);
                continue;
            }
            let mut process = Table::default();
            self.container(container, node, Role::Beside, &mut process);
            unit.push("process", node.span, process);
        }
    }

    fn restart_policy(&mut self, spec: &Table, at: Span, policies: Policies, unit: &mut Table) {
        const WORDS: [&str; 3] = ["Always", "OnFailure", "Never"];
        let written = self.fields.word(spec, "restartPolicy", &WORDS);
        if policies == Policies::Job {
            let help = "`OnFailure` runs a failed pod again, `Never` makes a new one";
            match written {
                Some(("Always", span)) => {
                    let message = format!("`restartPolicy: Always` in a {}", self.kind.as_str());
                    self.fields
                        .fault(span, Code::BadPolicy, message)
                        .label("its pods must be able to succeed (JVL-001)")
                        .help(help);
                }
                None if present(spec, "restartPolicy").is_none() => {
                    let message = format!("the pod of a {} needs a `restartPolicy`", self.kind.as_str());
                    self.fields
                        .fault(at, Code::BadPolicy, message)
                        .label("Kubernetes' default, `Always`, is not for jobs (JVL-001)")
                        .help(help);
                }
                _ => {}
            }
        }
        if let (Policies::Always, Some((policy, span))) = (policies, written)
            && policy != "Always"
        {
            let message = format!("`restartPolicy: {policy}` in a {}", self.kind.as_str());
            self.fields.fault(span, Code::BadPolicy, message).label("its pods are always restarted (RS-002)");
        }
        let default = if policies == Policies::Job { "Never" } else { "Always" };
        let (policy, span) = match written {
            Some(("Always", span)) if policies == Policies::Job => ("Never", span),
            Some((policy, span)) => (policy, span),
            None => (default, self.at),
        };
        self.policy = WORDS.iter().find(|word| **word == policy).copied().unwrap_or(default);
        unit.put("restart_policy", span, policy);
    }

    /// For those that refer to them. What is wrong with a container is told where it is translated.
    fn note_resources(&mut self, spec: &Table) {
        for key in ["initContainers", "containers"] {
            let Some(Value::Array(items)) = spec.get(key).map(|entry| &entry.node.value) else { continue };
            for container in items.iter().filter_map(Node::as_table) {
                let name = container.get("name").map(|entry| &entry.node.value);
                let resources = container.get("resources").and_then(|entry| entry.node.as_table());
                if let Some(Value::String(name)) = name {
                    self.resources.insert(name.clone(), resources.cloned().unwrap_or_default());
                }
            }
        }
    }

    fn other_system(&mut self, spec: &Table) {
        if let Some((os, _)) = self.fields.object(spec, "os")
            && let Some((name, span)) = self.fields.string(os, "name")
            && name != "linux"
        {
            self.fields.refuse(span, name, "this is Linux");
        }
    }
}
