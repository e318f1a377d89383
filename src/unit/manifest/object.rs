//! Kubernetes' objects: which kinds there are, and what each has: `apiVersion`, `kind`, `metadata`.

use super::super::diagnostic::{Code, Faults};
use super::super::keys::nearest;
use super::super::name::UnitName;
use super::super::reader::short;
use super::super::source::{Sources, Span};
use super::super::tree::{Node, Table, Value};
use super::fields::{Fields, Spec, present};
use super::yaml;
use crate::limits::MANIFEST_NAME_BYTES_MAX;

/// A kind that this build reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// v1
    ConfigMap,
    /// v1
    Secret,
    /// v1
    Pod,
    /// batch/v1
    Job,
    /// batch/v1
    CronJob,
    /// apps/v1
    Deployment,
    /// apps/v1
    ReplicaSet,
    /// apps/v1
    StatefulSet,
    /// apps/v1
    DaemonSet,
}

/// One object of a manifest that this build makes something of.
#[derive(Debug)]
pub(in crate::unit) struct Manifest {
    pub(in crate::unit) kind: Kind,
    /// Legal for its kind; that of a workload is a [`UnitName`].
    pub(in crate::unit) name: String,
    pub(in crate::unit) name_span: Span,
    /// Where `kind` has its value: the place of all that Kubernetes defaults.
    pub(super) kind_span: Span,
    pub(super) object: Table,
    /// The object's own text, and whether it is a whole document.
    pub(super) span: Span,
    pub(super) whole: bool,
    /// It has faults already.
    pub(in crate::unit) broken: bool,
}

/// Kinds with their `apiVersion` and how kubectl names them.
const KINDS: [(Kind, &str, &str, &str); 9] = [
    (Kind::ConfigMap, "v1", "ConfigMap", "configmap"),
    (Kind::Secret, "v1", "Secret", "secret"),
    (Kind::Pod, "v1", "Pod", "pod"),
    (Kind::Job, "batch/v1", "Job", "job.batch"),
    (Kind::CronJob, "batch/v1", "CronJob", "cronjob.batch"),
    (Kind::Deployment, "apps/v1", "Deployment", "deployment.apps"),
    (Kind::ReplicaSet, "apps/v1", "ReplicaSet", "replicaset.apps"),
    (Kind::StatefulSet, "apps/v1", "StatefulSet", "statefulset.apps"),
    (Kind::DaemonSet, "apps/v1", "DaemonSet", "daemonset.apps"),
];

/// Kinds that change nothing for what runs on one host.
const IDLE: [(&str, &str); 21] = [
    ("Service", "pods listen on this machine's own addresses; it gives them no name and no other port"),
    ("Endpoints", "pods listen on this machine's own addresses"),
    ("EndpointSlice", "pods listen on this machine's own addresses"),
    ("Namespace", "there is one namespace: `default`"),
    ("ServiceAccount", "there is no cluster to have rights in"),
    ("Role", "there is no cluster to have rights in"),
    ("RoleBinding", "there is no cluster to have rights in"),
    ("ClusterRole", "there is no cluster to have rights in"),
    ("ClusterRoleBinding", "there is no cluster to have rights in"),
    ("PodDisruptionBudget", "nobody drains this host but you"),
    ("PriorityClass", "nothing is scheduled"),
    ("LimitRange", "there is one namespace, without limits"),
    ("ResourceQuota", "there is one namespace, without quotas"),
    // Who reaches a pod from without, and by which name, is no part of what it does.
    ("Ingress", "pods listen on this machine's own addresses: run a proxy of your own as a service"),
    ("IngressClass", "pods listen on this machine's own addresses"),
    ("RuntimeClass", "a pod that asks for it is refused"),
    ("MutatingWebhookConfiguration", "there is no API server to ask it"),
    ("ValidatingWebhookConfiguration", "there is no API server to ask it"),
    ("APIService", "there is no API server to ask it"),
    ("NetworkPolicy", "it is not enforced: pods use this machine's network"),
    ("HorizontalPodAutoscaler", "nothing scales by itself: `supctl scale NAME --replicas=N`"),
];

/// Kinds that would be missed.
const REFUSED: [(&str, &str); 5] = [
    ("PersistentVolumeClaim", "use a hostPath volume: a directory of this machine"),
    ("PersistentVolume", "use a hostPath volume: a directory of this machine"),
    ("StorageClass", "use a hostPath volume: a directory of this machine"),
    ("ReplicationController", "write a Deployment, `apps/v1`"),
    ("CustomResourceDefinition", "no controller for it runs here"),
];

static METADATA: Spec = Spec {
    name: "metadata",
    taken: &["name", "generateName", "labels", "annotations"],
    idle: &[
        ("namespace", ""),
        ("uid", ""),
        ("resourceVersion", ""),
        ("creationTimestamp", ""),
        ("generation", ""),
        ("managedFields", ""),
        ("selfLink", ""),
        ("ownerReferences", "an object here belongs to nobody else"),
        ("finalizers", "nobody would remove them"),
    ],
    refused: &[
        ("deletionTimestamp", "it is being deleted"),
        ("deletionGracePeriodSeconds", "it is being deleted"),
    ],
};

impl Kind {
    /// As manifests name it.
    pub fn as_str(self) -> &'static str {
        self.row().2
    }

    /// As kubectl names its objects: `job.batch`.
    pub fn resource(self) -> &'static str {
        self.row().3
    }

    /// Whether it is text for others, not something that runs.
    pub fn is_config(self) -> bool {
        matches!(self, Self::ConfigMap | Self::Secret)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        KINDS.iter().find(|row| row.0 == self).unwrap_or(&KINDS[0])
    }
}

/// All objects of a source. What is wrong with one is a fault, and the others are read.
pub(in crate::unit) fn read<'s>(sources: &'s Sources, source: u32, faults: &mut Faults<'s>) -> Vec<Manifest> {
    let mut objects = Vec::new();
    for document in yaml::documents(sources, source, faults) {
        if matches!(document.root.value, Value::Null) {
            continue;
        }
        let taken = std::mem::replace(faults, Faults::new(sources, None));
        let mut fields = Fields::new(sources, taken);
        let (span, first) = (document.span, objects.len());
        if is_list(&document.root) {
            if let Value::Table(list) = document.root.value {
                fields.items(list, &mut objects);
            }
        } else {
            objects.extend(fields.manifest(document.root, span, true));
        }
        *faults = fields.faults;
        for manifest in objects.iter_mut().skip(first) {
            manifest.broken |= document.broken;
        }
        if let [one] = &objects[first..]
            && let Ok(unit) = UnitName::parse(&one.name)
            && !one.kind.is_config()
        {
            faults.attribute(document.since, &unit);
        }
    }
    objects
}

fn is_list(root: &Node) -> bool {
    let kind = root.as_table().and_then(|table| table.get("kind")).map(|entry| &entry.node.value);
    matches!(kind, Some(Value::String(kind)) if kind == "List")
}

/// Names of units that a text which cannot be read seems to be about: `name` below a `metadata` at the left.
pub(in crate::unit) fn names_in(text: &str) -> Vec<UnitName> {
    let mut names = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if !line.starts_with([' ', '#', '\t']) {
            within = line.trim_end() == "metadata:";
        }
        let name = line.strip_prefix("  name:").filter(|_| within);
        names.extend(name.and_then(|name| UnitName::parse(name.trim().trim_matches(['"', '\''])).ok()));
    }
    names
}

impl Fields<'_> {
    /// The objects of a v1 List.
    fn items(&mut self, list: Table, objects: &mut Vec<Manifest>) {
        static LIST: Spec = Spec {
            name: "a List",
            taken: &["apiVersion", "kind", "items"],
            idle: &[("metadata", "")],
            refused: &[],
        };
        self.check(&list, &LIST);
        if let Some((version, span)) = self.string(&list, "apiVersion")
            && version != "v1"
        {
            self.fault(span, Code::UnknownKind, format!("a List is of `v1`, not of `{}`", short(version)));
        }
        let items = list.entries.into_iter().find(|entry| entry.key == "items").map(|entry| entry.node);
        match items {
            Some(Node { value: Value::Array(items), .. }) => {
                for item in items {
                    let span = item.span;
                    objects.extend(self.manifest(item, span, false));
                }
            }
            Some(Node { value: Value::Null, .. }) | None => {}
            Some(other) => self.wrong_type("items", &other, "a list"),
        }
    }

    fn manifest(&mut self, root: Node, span: Span, whole: bool) -> Option<Manifest> {
        let (at, errors) = (root.span, self.faults.errors());
        let Value::Table(object) = root.value else {
            let message = "a manifest is an object with `apiVersion`, `kind` and `metadata`";
            self.fault(at, Code::WrongType, message);
            return None;
        };
        let first = object.entries.first().map_or(at, |entry| entry.key_span);
        let version = self.needed(&object, "apiVersion", first, "a manifest").is_some();
        let named = self.needed(&object, "kind", first, "a manifest").is_some();
        if !version || !named {
            return None;
        }
        let (version, version_span) = self.string(&object, "apiVersion")?;
        let (word, kind_span) = self.string(&object, "kind")?;
        let kind = self.kind(version, version_span, word, kind_span)?;
        let (name, name_span) = self.metadata(&object, kind, kind_span)?;
        let broken = self.faults.errors() > errors;
        Some(Manifest { kind, name, name_span, kind_span, object, span, whole, broken })
    }

    fn kind(&mut self, version: &str, version_span: Span, word: &str, span: Span) -> Option<Kind> {
        if let Some((kind, right, ..)) = KINDS.iter().find(|row| row.2 == word) {
            if *right != version {
                let message = format!("there is no `{word}` of `{}`", short(version));
                self.fault(version_span, Code::UnknownKind, message)
                    .help(format!("write `apiVersion: {right}`"));
                return None;
            }
            return Some(*kind);
        }
        if let Some((_, why)) = IDLE.iter().find(|(name, _)| *name == word) {
            self.fault(span, Code::NoMeaning, format!("a `{word}` has no meaning here")).label(*why);
            return None;
        }
        if let Some((_, why)) = REFUSED.iter().find(|(name, _)| *name == word) {
            self.refuse(span, word, why);
            return None;
        }
        let near = nearest(word, KINDS.iter().map(|row| row.2));
        let message = format!("unknown kind `{}` of `{}`", short(word), short(version));
        let fault = self.fault(span, Code::UnknownKind, message);
        fault.label("supd runs Pod, Job, CronJob, Deployment, ReplicaSet, StatefulSet and DaemonSet");
        if let Some(near) = near {
            fault.help(format!("did you mean `{near}`?"));
        }
        None
    }

    /// The name of an object, and its place.
    fn metadata(&mut self, object: &Table, kind: Kind, kind_span: Span) -> Option<(String, Span)> {
        let (metadata, entry) = match present(object, "metadata") {
            Some(_) => self.object(object, "metadata")?,
            None => {
                let what = format!("a {}", kind.as_str());
                self.needed(object, "metadata", kind_span, &what);
                return None;
            }
        };
        self.check(metadata, &METADATA);
        if let Some((namespace, span)) = self.string(metadata, "namespace")
            && namespace != "default"
        {
            let message = format!("`namespace: {}` has no meaning here", short(namespace));
            self.fault(span, Code::NoMeaning, message).label("there is one namespace: `default`");
        }
        // Where there is a name, it is what one was generated from.
        if let (None, Some(entry)) = (present(metadata, "name"), present(metadata, "generateName")) {
            self.refuse(entry.key_span, "generateName", "a unit has a name of its own: write `name`");
            return None;
        }
        self.needed(metadata, "name", entry.key_span, "metadata")?;
        let (name, span) = self.string(metadata, "name")?;
        let fault = if kind.is_config() { bad_subdomain(name) } else { bad_unit_name(name) };
        if let Some(why) = fault {
            let message = format!("`{}` is no name of a {} here", short(name), kind.as_str());
            self.fault(span, Code::BadName, message).label(why);
            return None;
        }
        Some((name.to_owned(), span))
    }
}

/// Why a name is no unit's. Kubernetes allows more to some kinds: dots, and up to 253 characters.
fn bad_unit_name(name: &str) -> Option<String> {
    if name.contains('@') {
        return Some("a name has only lower-case letters, digits and `-`".to_owned());
    }
    UnitName::parse(name).err().map(|error| error.to_string())
}

/// DNS-1123: labels of lower-case letters, digits and `-`, joined by dots.
fn bad_subdomain(name: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(legal) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() > MANIFEST_NAME_BYTES_MAX {
        return Some(format!("a name has at most {MANIFEST_NAME_BYTES_MAX} characters"));
    }
    (!name.split('.').all(label))
        .then(|| "a name has only lower-case letters, digits, `-` and `.`".to_owned())
}
