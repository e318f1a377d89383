//! `env` and `envFrom`, and Kubernetes' `$(VAR)`, written as our texts with variables.
//!
//! What a variable has is known when the manifest is loaded, but for a pod's own name and index; those
//! become `${pod}` and `${index}`. So `$(VAR)` is replaced here, and nothing of it is left to the run.

use std::collections::HashMap;

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Table, Value};
use super::config::{Config, Datum};
use super::fields::{Spec, present};
use super::object::Kind;
use super::pod::Translation;
use super::write::text;
use crate::limits::MANIFEST_TEXTS_BYTES_MAX;

static ENV: Spec =
    Spec { name: "a variable", taken: &["name", "value", "valueFrom"], idle: &[], refused: &[] };
static VALUE_FROM: Spec = Spec {
    name: "valueFrom",
    taken: &["configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef"],
    idle: &[],
    refused: &[("fileKeyRef", "write the file's name as `env_file` in a drop-in")],
};
static KEY_REF: Spec =
    Spec { name: "a reference to a key", taken: &["name", "key", "optional"], idle: &[], refused: &[] };
static FIELD_REF: Spec =
    Spec { name: "fieldRef", taken: &["fieldPath"], idle: &[("apiVersion", "")], refused: &[] };
static ENV_FROM: Spec =
    Spec { name: "envFrom", taken: &["prefix", "configMapRef", "secretRef"], idle: &[], refused: &[] };
static REFERENCE: Spec = Spec { name: "a reference", taken: &["name", "optional"], idle: &[], refused: &[] };

/// The variables of a container, as our texts.
pub(super) type Variables = HashMap<String, String>;

/// Annotation and label by which a pod knows its index (IDX-002).
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

impl<'c> Translation<'c> {
    /// Writes `env` into the table of a process; what its commands may refer to.
    pub(super) fn environment(&mut self, container: &Table, process: &mut Table) -> Variables {
        let mut env = Table::default();
        let mut variables = Variables::new();
        let own = match container.get("name").map(|entry| &entry.node.value) {
            Some(Value::String(name)) => name.as_str(),
            _ => "",
        };
        for (item, node) in self.fields.objects(container, "envFrom") {
            self.env_from(item, node.span, &mut env, &mut variables);
        }
        for (item, node) in self.fields.objects(container, "env") {
            self.fields.check(item, &ENV);
            if self.fields.needed(item, "name", node.span, "a variable").is_none() {
                continue;
            }
            let Some((name, name_span)) = self.fields.string(item, "name") else { continue };
            let value = self.variable(item, name_span, (own, &variables));
            let Some((value, span)) = value else { continue };
            variables.insert(name.to_owned(), value.clone());
            // supd sets it itself (IDX-002).
            if name == "JOB_COMPLETION_INDEX" && value == "${index}" {
                continue;
            }
            env.put_at(name, name_span, text(value, span));
        }
        // Kubernetes adds it behind all others: commands may refer to it, values may not.
        if self.indexed {
            variables.entry("JOB_COMPLETION_INDEX".to_owned()).or_insert_with(|| "${index}".to_owned());
        }
        let place = present(container, "env").or(present(container, "envFrom")).map(|entry| entry.key_span);
        process.put_table("env", place.unwrap_or(self.at), env);
        variables
    }

    /// The value of one variable; nothing for one that is optional and not there, or bad. `own`: its container.
    fn variable(
        &mut self,
        item: &Table,
        name: Span,
        (own, known): (&str, &Variables),
    ) -> Option<(String, Span)> {
        match (present(item, "value"), present(item, "valueFrom")) {
            (Some(value), Some(_)) if !matches!(&value.node.value, Value::String(text) if text.is_empty()) => {
                self.fields
                    .fault(value.key_span, Code::KeyTwice, "both `value` and `valueFrom`")
                    .label("a variable has one of them");
                None
            }
            (_, Some(_)) => {
                let (from, entry) = self.fields.object(item, "valueFrom")?;
                self.value_from(from, entry.key_span, own)
            }
            (Some(_), None) => {
                let (value, span) = self.fields.string(item, "value")?;
                Some((self.expand(value, span, known)?, span))
            }
            (None, None) => Some((String::new(), name)),
        }
    }

    fn value_from(&mut self, from: &Table, at: Span, own: &str) -> Option<(String, Span)> {
        self.fields.check(from, &VALUE_FROM);
        let written: Vec<_> =
            from.entries.iter().filter(|e| VALUE_FROM.taken.contains(&e.key.as_str())).collect();
        match written[..] {
            [one] if one.key == "fieldRef" => {
                let (field, entry) = self.fields.object(from, "fieldRef")?;
                self.fields.check(field, &FIELD_REF);
                self.fields.needed(field, "fieldPath", entry.key_span, "fieldRef")?;
                let (path, span) = self.fields.string(field, "fieldPath")?;
                Some((self.field(path, span)?, span))
            }
            [one] if one.key == "resourceFieldRef" => {
                let (field, entry) = self.fields.object(from, "resourceFieldRef")?;
                Some((self.resource_field(field, entry.key_span, Some(own))?, entry.key_span))
            }
            [one] => {
                let kind = if one.key == "secretKeyRef" { Kind::Secret } else { Kind::ConfigMap };
                let (reference, entry) = self.fields.object(from, &one.key)?;
                self.fields.check(reference, &KEY_REF);
                let config = self.config(reference, kind, entry.key_span)?;
                self.fields.needed(reference, "key", entry.key_span, &one.key)?;
                let (key, span) = self.fields.string(reference, "key")?;
                let datum = self.datum(config, key, span, optional(reference))?;
                Some((self.literal(&datum, span)?, span))
            }
            [] => {
                if from.entries.is_empty() {
                    self.fields.fault(at, Code::MissingKey, "`valueFrom` is empty");
                }
                None
            }
            [_, second, ..] => {
                self.fields
                    .fault(second.key_span, Code::KeyTwice, "more than one source in `valueFrom`")
                    .label("a variable has one of them");
                None
            }
        }
    }

    fn env_from(&mut self, item: &Table, at: Span, env: &mut Table, variables: &mut Variables) {
        self.fields.check(item, &ENV_FROM);
        let prefix = self.fields.string(item, "prefix").map_or("", |(prefix, _)| prefix);
        let (key, kind) = match present(item, "secretRef") {
            Some(_) => ("secretRef", Kind::Secret),
            None => ("configMapRef", Kind::ConfigMap),
        };
        if self.fields.needed(item, key, at, "envFrom").is_none() {
            return;
        }
        let Some((reference, entry)) = self.fields.object(item, key) else { return };
        self.fields.check(reference, &REFERENCE);
        let Some(config) = self.config(reference, kind, entry.key_span) else { return };
        for (key, datum) in config.data.iter().filter(|(_, datum)| !datum.binary) {
            let Some(value) = self.literal(datum, entry.key_span) else { continue };
            let name = format!("{prefix}{key}");
            variables.insert(name.clone(), value.clone());
            env.put_at(&name, entry.key_span, text(value, datum.span));
        }
    }

    /// The ConfigMap or Secret that a reference names. One that is not there is a fault, unless it is
    /// optional: Kubernetes' pod would wait for it.
    pub(super) fn config(&mut self, reference: &Table, kind: Kind, at: Span) -> Option<&'c Config> {
        self.fields.boolean(reference, "optional");
        let key = if present(reference, "secretName").is_some() { "secretName" } else { "name" };
        self.fields.needed(reference, key, at, "a reference")?;
        let (name, span) = self.fields.string(reference, key)?;
        let found = self.configs.get(kind, name);
        if found.is_none() && !optional(reference) {
            let near = super::super::keys::nearest(name, self.configs.names(kind)).map(str::to_owned);
            let message = format!("there is no {} `{}`", kind.as_str(), short(name));
            let fault = self.fields.fault(span, Code::ConfigMissing, message);
            fault.label("not among these manifests");
            if let Some(near) = near {
                fault.help(format!("did you mean `{near}`?"));
            }
        }
        found
    }

    /// The value of a key of it.
    pub(super) fn datum(&mut self, config: &Config, key: &str, span: Span, optional: bool) -> Option<Datum> {
        let datum = config.get(key).cloned();
        if datum.is_none() && !optional {
            let near = super::super::keys::nearest(key, config.data.iter().map(|(name, _)| name.as_str()));
            let near = near.map(str::to_owned);
            let message = format!("there is no key `{}` in it", short(key));
            let fault = self.fields.fault(span, Code::ConfigMissing, message);
            if let Some(near) = near {
                fault.help(format!("did you mean `{near}`?"));
            }
        }
        datum
    }

    /// A value as a text of ours; one that is no text is a fault.
    fn literal(&mut self, datum: &Datum, span: Span) -> Option<String> {
        match std::str::from_utf8(&datum.bytes) {
            Ok(value) if !value.contains('\0') && !datum.binary => self.charge(escape(value), span),
            _ => {
                self.fields
                    .fault(span, Code::Nul, "a variable cannot have this value")
                    .label("it is no UTF-8 text, has a NUL, or is `binaryData`");
                None
            }
        }
    }

    /// What a field of the pod has.
    pub(super) fn field(&mut self, path: &str, span: Span) -> Option<String> {
        let subscript = |of: &str| {
            let key = path.strip_prefix(of)?.strip_prefix("['")?.strip_suffix("']")?;
            Some(key.to_owned())
        };
        if let Some(key) = subscript("metadata.labels").or_else(|| subscript("metadata.annotations")) {
            if key == INDEX {
                return Some("${index}".to_owned());
            }
            let job = ["batch.kubernetes.io/job-name", "job-name"].contains(&key.as_str());
            if job && self.kind == Kind::Job {
                return Some(escape(&self.name));
            }
            if !job {
                let words =
                    if path.starts_with("metadata.labels") { &self.labels } else { &self.annotations };
                return Some(words.get(&key).map(|value| escape(value)).unwrap_or_default());
            }
        }
        match path {
            "metadata.name" => return Some("${pod}".to_owned()),
            "metadata.namespace" => return Some(escape(&self.namespace)),
            "spec.serviceAccountName" => return Some(escape(&self.service_account)),
            _ => {}
        }
        const KNOWN: [&str; 7] = [
            "metadata.uid",
            "spec.nodeName",
            "status.hostIP",
            "status.hostIPs",
            "status.podIP",
            "status.podIPs",
            "metadata.labels",
        ];
        if KNOWN.contains(&path) || path.starts_with("metadata.labels[") {
            self.fields.refuse(span, path, "a native process's pod has no such thing");
        } else {
            let message = format!("`{}` is no field of a pod", short(path));
            self.fields
                .fault(span, Code::OutOfRange, message)
                .help("one of metadata.name, metadata.namespace, metadata.labels['KEY'], metadata.annotations['KEY'], spec.serviceAccountName");
        }
        None
    }

    /// Kubernetes' `$(VAR)` and `$$` in a text, as a text of ours. One that is not known stays as it is.
    pub(super) fn expand(&mut self, written: &str, span: Span, known: &Variables) -> Option<String> {
        let mut out = String::with_capacity(written.len());
        let mut rest = written;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('$') {
                out.push_str("$$");
                rest = tail;
                continue;
            }
            rest = after;
            let body = after.strip_prefix('(').and_then(|body| Some((body, body.find(')')?)));
            match body {
                Some((body, end)) => {
                    match known.get(&body[..end]) {
                        Some(value) => out.push_str(value),
                        None => {
                            out.push_str("$$(");
                            out.push_str(&escape(&body[..end]));
                            out.push(')');
                        }
                    }
                    rest = &body[end + 1..];
                }
                None => out.push_str("$$"),
            }
            if out.len() > MANIFEST_TEXTS_BYTES_MAX {
                break;
            }
        }
        out.push_str(rest);
        self.charge(out, span)
    }

    /// Counts a text; those that grow out of one another are bounded.
    fn charge(&mut self, text: String, span: Span) -> Option<String> {
        let before = self.text_bytes <= MANIFEST_TEXTS_BYTES_MAX;
        self.text_bytes = self.text_bytes.saturating_add(text.len());
        if self.text_bytes <= MANIFEST_TEXTS_BYTES_MAX {
            return Some(text);
        }
        if before {
            let message = format!("the texts of this pod have more than {MANIFEST_TEXTS_BYTES_MAX} bytes");
            self.fields
                .fault(span, Code::TooLarge, message)
                .label("variables are replaced where they are used");
        }
        None
    }
}

/// Whether a reference may lead nowhere.
pub(super) fn optional(reference: &Table) -> bool {
    matches!(present(reference, "optional").map(|entry| &entry.node.value), Some(Value::Boolean(true)))
}

/// A text that stands for itself: each dollar written twice.
pub(super) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}
