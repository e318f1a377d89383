//! What Kubernetes and kubectl write by themselves: `kubectl get -o yaml` spells every default out, `kubectl
//! create --dry-run=client -o yaml` leaves empty objects behind.
//!
//! A default that is spelled out says no more than one that is left out: it is neither refused nor warned of,
//! where the field with another value would be. The same holds for what asks for what is so here anyway.

use super::super::tree::{Entry, Table, Value};

/// A value of which nothing is said.
enum Plain {
    True,
    False,
    Zero,
    Words(&'static [&'static str]),
}

/// Fields by their names, which mean the same in whichever type they stand.
const PLAIN: [(&str, Plain); 20] = [
    ("schedulerName", Plain::Words(&["default-scheduler"])),
    ("serviceAccountName", Plain::Words(&["default"])),
    ("serviceAccount", Plain::Words(&["default"])),
    // Without services of a cluster all but `None` come to the same: this machine's resolver.
    ("dnsPolicy", Plain::Words(&["ClusterFirst", "ClusterFirstWithHostNet", "Default"])),
    ("preemptionPolicy", Plain::Words(&["PreemptLowerPriority"])),
    ("priority", Plain::Zero),
    ("setHostnameAsFQDN", Plain::False),
    ("hostUsers", Plain::True),
    ("terminationMessagePath", Plain::Words(&["/dev/termination-log"])),
    ("terminationMessagePolicy", Plain::Words(&["File"])),
    ("stdin", Plain::False),
    ("stdinOnce", Plain::False),
    ("tty", Plain::False),
    ("procMount", Plain::Words(&["Default"])),
    ("readOnlyRootFilesystem", Plain::False),
    ("allowPrivilegeEscalation", Plain::True),
    ("fsGroupChangePolicy", Plain::Words(&["Always"])),
    ("supplementalGroupsPolicy", Plain::Words(&["Merge"])),
    ("sizeLimit", Plain::Zero),
    ("start", Plain::Zero),
];

/// Taints that the server lets every pod tolerate for a while.
const OWN_TOLERATIONS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Annotations that kubectl and the controllers keep for themselves. The first has the whole manifest in it.
const OWN_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
];

/// Whether a field has a value of which nothing is to be said.
pub(super) fn is_plain(entry: &Entry) -> bool {
    let value = &entry.node.value;
    match entry.key.as_str() {
        _ if is_empty(value) => true,
        "tolerations" => each(value, |one| {
            one.get("key").is_some_and(|key| is_word(&key.node.value, &OWN_TOLERATIONS))
                && one.get("operator").is_some_and(|how| is_word(&how.node.value, &["Exists"]))
        }),
        "resizePolicy" => each(value, |one| {
            one.get("restartPolicy").is_some_and(|policy| is_word(&policy.node.value, &["NotRequired"]))
        }),
        "persistentVolumeClaimRetentionPolicy" => {
            fields(value).is_some_and(|mut all| all.all(|one| is_word(&one.node.value, &["Retain"])))
        }
        // What is refused of it is where it begins to count.
        "ordinals" => fields(value).is_some_and(|mut all| all.all(is_plain)),
        key => PLAIN.iter().any(|(name, plain)| *name == key && plain.is(value)),
    }
}

/// Whether a value says nothing at all. An empty object is none of those: it may be a choice, as `emptyDir: {}` is.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether an annotation is no word of the user's.
pub(super) fn is_own_annotation(key: &str) -> bool {
    OWN_ANNOTATIONS.contains(&key)
}

impl Plain {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::True => matches!(value, Value::Boolean(true)),
            Self::False => matches!(value, Value::Boolean(false)),
            Self::Zero => matches!(value, Value::Integer(Some(0), _)) || is_word(value, &["0"]),
            Self::Words(words) => is_word(value, words),
        }
    }
}

fn is_word(value: &Value, words: &[&str]) -> bool {
    matches!(value, Value::String(text) if words.contains(&text.as_str()))
}

fn fields(value: &Value) -> Option<impl Iterator<Item = &Entry>> {
    match value {
        Value::Table(table) => Some(table.entries.iter()),
        _ => None,
    }
}

fn each(value: &Value, holds: impl Fn(&Table) -> bool) -> bool {
    matches!(value, Value::Array(items) if items.iter().all(|item| item.as_table().is_some_and(&holds)))
}
