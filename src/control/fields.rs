//! `--field-selector`: which objects are meant, by what they say of themselves.
//!
//! As in Kubernetes only a few fields of each kind can be asked for, and another one is an error rather than
//! a list that is silently empty.

use serde_json::Value;

use super::objects::Object;
use super::request::Collection;

/// `status.phase=Running,metadata.name!=web-0`: every part must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Part>);

/// One part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// As it is written in JSON, with dots.
    field: String,
    /// What it is to be, or not to be. Nothing is an empty text.
    value: String,
    equal: bool,
}

/// Fields of every object.
const OF_ALL: [&str; 2] = ["metadata.name", "metadata.namespace"];

/// Fields of one kind; those of Kubernetes first.
fn fields_of(collection: Collection) -> &'static [&'static str] {
    match collection {
        Collection::Pods => {
            &["spec.restartPolicy", "status.phase", "status.reason", "status.unit", "status.job"]
        }
        Collection::Jobs => {
            &["status.successful", "status.succeeded", "status.failed", "spec.suspend", "status.unit"]
        }
        Collection::CronJobs => &["spec.suspend", "spec.concurrencyPolicy"],
        Collection::Deployments => &["spec.replicas"],
        Collection::Events => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.apiVersion",
            "reason",
            "type",
            "reportingComponent",
            "unit",
        ],
        Collection::Units => &["status.kind", "status.state", "spec.enabled"],
        Collection::Runs => {
            &["status.unit", "status.job", "status.pod", "status.process", "status.reason", "status.exitCode"]
        }
        Collection::History => &[],
    }
}

impl FieldSelector {
    /// Reads a selector for objects of this kind, or says what of it cannot be read.
    pub fn parse(collection: Collection, text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Part::parse(collection, part)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it asks anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one name that it means, where that is all that it asks.
    pub fn lone_name(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part { field, value, equal: true }] if field == "metadata.name" => Some(value),
            _ => None,
        }
    }

    /// Whether an object is one of those.
    pub fn matches(&self, object: &Object) -> bool {
        if self.is_empty() {
            return true;
        }
        if let (Some(name), Some(metadata)) = (self.lone_name(), object.metadata()) {
            return metadata.name == name;
        }
        // Objects have text keys and finite numbers only: they can be written.
        let object = serde_json::to_value(object).unwrap_or_default();
        self.0.iter().all(|part| (text_at(&object, &part.field) == part.value) == part.equal)
    }
}

impl Part {
    fn parse(collection: Collection, text: &str) -> Result<Self, String> {
        let (field, value, equal) = if let Some((field, value)) = text.split_once("!=") {
            (field, value, false)
        } else if let Some((field, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (field, value, true)
        } else {
            return Err(format!(
                "`{}` is no part of a field selector; write `field=value`",
                text.escape_debug()
            ));
        };
        let field = field.trim();
        let known: Vec<&str> = OF_ALL.iter().chain(fields_of(collection)).copied().collect();
        if !known.contains(&field) {
            return Err(format!(
                "{} cannot be selected by `{}`, only by {}",
                collection.as_str(),
                field.escape_debug(),
                known.join(", ")
            ));
        }
        // Kubernetes' name for a field that is called otherwise in the object.
        let field = if field == "status.successful" { "status.succeeded" } else { field };
        Ok(Self { field: field.to_owned(), value: value.trim().to_owned(), equal })
    }
}

fn text_at(object: &Value, field: &str) -> String {
    let found = field.split('.').try_fold(object, |value, step| value.get(step));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::objects::Event;

    fn event() -> Object {
        let event: Event = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web-0.1", "namespace": "default"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "namespace": "default"},
            "type": "Warning", "reason": "BackOff", "message": "", "count": 1,
            "firstTimestamp": "2026-11-23T00:00:00Z", "lastTimestamp": "2026-11-23T00:00:00Z",
            "reportingComponent": "supd", "sequence": 1, "unit": "web"}))
        .unwrap();
        event.into()
    }

    #[test]
    fn fields_select() {
        for (text, matches) in [
            ("", true),
            ("metadata.name=web-0.1", true),
            ("metadata.name=web-1", false),
            ("type=Warning", true),
            ("type==Warning,reason!=BackOff", false),
            ("involvedObject.kind=Pod, involvedObject.name=web-0", true),
            ("involvedObject.name!=web-0", false),
            ("metadata.namespace=default", true),
        ] {
            let selector = FieldSelector::parse(Collection::Events, text).unwrap();
            assert_eq!(selector.matches(&event()), matches, "{text}");
        }
    }

    #[test]
    fn other_fields_are_refused_by_name() {
        let error = |collection, text| FieldSelector::parse(collection, text).unwrap_err();
        assert!(error(Collection::Pods, "spec.nodeName=a").contains("only by metadata.name"));
        assert!(error(Collection::Pods, "status.phase").contains("field=value"));
        assert!(FieldSelector::parse(Collection::Pods, "status.phase!=Running").is_ok());
    }
}
