//! Metadata: names, labels, annotations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Writer;

/// Where Kubernetes' tools look for a description.
const DESCRIPTION: &str = "kubernetes.io/description";
/// The label by which a Deployment knows its pods; where the unit has another one of that key, the second.
const SELECTORS: [&str; 2] = ["app.kubernetes.io/name", "supd.io/unit"];
/// Longest name within a label's or annotation's key, and longest value of a label.
const WORD_BYTES_MAX: usize = 63;
/// Longest prefix of a key.
const PREFIX_BYTES_MAX: usize = 253;

impl Writer<'_> {
    /// `metadata` of an object with this name. A Deployment has its selector's label itself, as is usual: so a
    /// unit that is read from it has the same label, and nothing else.
    pub(super) fn metadata(&mut self, name: &str, selector: Option<&str>) -> Value {
        let mut meta = Map::new();
        meta.insert("name".to_owned(), name.into());
        if let Some(namespace) = self.namespace {
            meta.insert("namespace".to_owned(), namespace.into());
        }
        let unit = self.unit;
        let mut labels = self.labels(&unit.labels);
        labels.extend(selector.map(|key| (key.to_owned(), name.to_owned())));
        if !labels.is_empty() {
            meta.insert("labels".to_owned(), json!(labels));
        }
        let mut annotations = self.annotations(&unit.annotations);
        if !unit.description.is_empty() {
            annotations.insert(DESCRIPTION.to_owned(), unit.description.clone());
        }
        if !annotations.is_empty() {
            meta.insert("annotations".to_owned(), json!(annotations));
        }
        Value::Object(meta)
    }

    /// `metadata` of a template of pods.
    pub(super) fn template_metadata(&mut self, selector: Option<(&str, &str)>) -> Option<Value> {
        let unit = self.unit;
        self.of_template(unit.pod_labels(), unit.pod_annotations(), selector)
    }

    /// `metadata` of a template of jobs.
    pub(super) fn job_metadata(&mut self) -> Option<Value> {
        let unit = self.unit;
        self.of_template(unit.job_labels(), unit.job_annotations(), None)
    }

    fn of_template(
        &mut self,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        selector: Option<(&str, &str)>,
    ) -> Option<Value> {
        let mut meta = Map::new();
        let mut labels = self.labels(labels);
        labels.extend(selector.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let annotations = self.annotations(annotations);
        for (key, words) in [("labels", labels), ("annotations", annotations)] {
            if !words.is_empty() {
                meta.insert(key.to_owned(), json!(words));
            }
        }
        (!meta.is_empty()).then_some(Value::Object(meta))
    }

    /// The label by which a Deployment knows its pods.
    pub(super) fn selector(&self, name: &str) -> &'static str {
        let levels = [&self.unit.labels, self.unit.pod_labels()];
        let own =
            |key: &str, labels: &BTreeMap<String, String>| labels.get(key).is_none_or(|value| value == name);
        let free = |key: &&str| levels.iter().all(|labels| own(key, labels));
        SELECTORS.into_iter().find(free).unwrap_or(SELECTORS[0])
    }

    fn labels(&mut self, written: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for (key, value) in written {
            if is_key(key) && (value.is_empty() || is_word(value)) {
                labels.insert(key.clone(), value.clone());
            } else {
                self.lose(format!("labels.{key}"), "not a label there: words of letters, digits, `-_.`");
            }
        }
        labels
    }

    fn annotations(&mut self, written: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        for (key, value) in written {
            if is_key(key) {
                annotations.insert(key.clone(), value.clone());
            } else {
                self.lose(format!("annotations.{key}"), "not a key there: letters, digits, `-_.`");
            }
        }
        annotations
    }
}

/// A key of a label or annotation: `name`, or `prefix/name`.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_word(key),
        Some((prefix, name)) => is_word(name) && is_domain(prefix),
    }
}

fn is_domain(prefix: &str) -> bool {
    let label = |label: &str| {
        let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        is_word(label) && label.bytes().all(body)
    };
    prefix.len() <= PREFIX_BYTES_MAX && prefix.split('.').all(label)
}

fn is_word(word: &str) -> bool {
    let bytes = word.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let body = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= WORD_BYTES_MAX
        && bytes.iter().all(body)
        && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_words_are_kubernetes() {
        for good in ["tier", "app.kubernetes.io/name", "a", "A_b.c-d", "x.y/z"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "/a", "a/", "A.b/c", "a..b/c", "a/b/c", &"x".repeat(64)] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
