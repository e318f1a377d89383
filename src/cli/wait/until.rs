//! What `wait --for=` waits for in kubectl's words: a condition, a value, that something is there or gone.

use serde_json::Value;

use super::super::exit::Failure;
use super::super::goal::{Goal, Verdict};
use super::super::jsonpath::{self, Path};

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Until {
    /// One of our own words: `ready`, `complete`, `exited`.
    Goal(Goal),
    /// `condition=Complete`, `condition=Ready=false`
    Condition {
        /// Its type; case does not matter.
        kind: String,
        /// What it is to be; case does not matter.
        status: String,
    },
    /// `jsonpath='{.status.phase}'=Running`, or only that there is such a field.
    Value {
        /// Where.
        path: Path,
        /// What stands there; any, where none is named.
        value: Option<String>,
    },
    /// `create`
    Created,
}

impl Until {
    /// Reads what `--for=` names.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if let Some(condition) = text.strip_prefix("condition=") {
            let (kind, status) = condition.split_once('=').unwrap_or((condition, "true"));
            if kind.is_empty() || status.is_empty() {
                return Err(Failure::usage(format!(
                    "`{text}` is no condition; write condition=Ready or condition=Ready=false"
                )));
            }
            return Ok(Self::Condition { kind: kind.to_owned(), status: status.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("jsonpath=") {
            let rest = rest.trim_matches('\'');
            let (path, value) = split(rest);
            let path =
                Path::parse(path.trim_matches('\'')).map_err(|error| Failure::usage(error.to_string()))?;
            return match value.map(|value| value.trim_matches('\'')) {
                Some("") => {
                    Err(Failure::usage(format!("`{text}`: which value? nothing stands behind the `=`")))
                }
                value => Ok(Self::Value { path, value: value.map(str::to_owned) }),
            };
        }
        match text {
            "create" | "created" => Ok(Self::Created),
            _ => Goal::parse(text).map(Self::Goal),
        }
    }

    /// How far an object is. What has ended for good stays as it is: then what is missing never comes.
    pub(super) fn judge(&self, object: &Value) -> Result<Verdict, Failure> {
        let reached = || Ok(Verdict::Reached("condition met".to_owned()));
        match self {
            Self::Created => reached(),
            Self::Goal(_) => Ok(Verdict::Pending),
            Self::Condition { kind, status } => {
                let is = |condition: &&Value| text(condition, "type").eq_ignore_ascii_case(kind);
                let found = conditions(object).iter().find(is);
                if found.is_some_and(|found| text(found, "status").eq_ignore_ascii_case(status)) {
                    return reached();
                }
                Ok(end_of(object, kind).map_or(Verdict::Pending, Verdict::Missed))
            }
            Self::Value { path, value } => {
                let wrong = |words: &str| Err(Failure::usage(format!("`{}` {words}", path.text())));
                // A list may still be too short.
                let found = path.find(object).unwrap_or_default();
                match (found.as_slice(), value) {
                    ([], _) => Ok(Verdict::Pending),
                    ([_], None) => reached(),
                    ([found], Some(_)) if found.is_array() || found.is_object() => {
                        wrong("leads to a list or an object, which has no value to compare")
                    }
                    ([found], Some(value)) if jsonpath::text(found) == *value => reached(),
                    ([_], Some(_)) => Ok(Verdict::Pending),
                    _ => wrong("leads to more than one value"),
                }
            }
        }
    }
}

/// `{.status.phase}=Running`: the equals sign behind the path, not one of a filter in it.
fn split(text: &str) -> (&str, Option<&str>) {
    let behind = match text.rfind('}') {
        Some(brace) if text.starts_with('{') => brace,
        _ => 0,
    };
    match text[behind..].find('=') {
        Some(at) => (&text[..behind + at], Some(&text[behind + at + 1..])),
        None => (text, None),
    }
}

fn conditions(object: &Value) -> &[Value] {
    let conditions = object.get("status").and_then(|status| status.get("conditions")?.as_array());
    conditions.map_or(&[], Vec::as_slice)
}

fn text<'v>(object: &'v Value, key: &str) -> &'v str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// How a job or a pod has ended, where it has, so that a condition can no longer come. A job that is to fail
/// gets its `Failed` only when its pods are gone (JOB-101).
fn end_of(object: &Value, awaited: &str) -> Option<String> {
    let is_true = |kind: &str| {
        let is = |condition: &&Value| text(condition, "type") == kind && text(condition, "status") == "True";
        conditions(object).iter().find(is)
    };
    match text(object, "kind") {
        "Job" => {
            let to_fail = is_true("FailureTarget").filter(|_| !awaited.eq_ignore_ascii_case("Failed"));
            let failed = to_fail.or_else(|| is_true("Failed"));
            let words =
                |failed: &Value| format!("failed: {}, {}", text(failed, "reason"), text(failed, "message"));
            failed.map(words).or_else(|| is_true("Complete").map(|_| "is complete".to_owned()))
        }
        "Pod" => match object.get("status").map(|status| text(status, "phase")) {
            Some(phase @ ("Succeeded" | "Failed")) => Some(format!("has ended: {phase}")),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kubectls_words() {
        let condition = |kind: &str, status: &str| {
            Ok(Until::Condition { kind: kind.to_owned(), status: status.to_owned() })
        };
        assert_eq!(Until::parse("condition=Complete"), condition("Complete", "true"));
        assert_eq!(Until::parse("condition=ready=False"), condition("ready", "False"));
        assert_eq!(Until::parse("create"), Ok(Until::Created));
        assert_eq!(Until::parse("delete"), Ok(Until::Goal(Goal::Deleted)));
        assert_eq!(Until::parse("ready"), Ok(Until::Goal(Goal::Ready)));
        for (written, value) in [
            ("jsonpath={.status.phase}=Running", Some("Running")),
            ("jsonpath='{.status.phase}'=Running", Some("Running")),
            ("jsonpath={.status.phase}", None),
            ("jsonpath=.status.phase=Running", Some("Running")),
            ("jsonpath={.a[?(@.b==\"c\")].d}=e=f", Some("e=f")),
        ] {
            match Until::parse(written) {
                Ok(Until::Value { value: found, .. }) => assert_eq!(found.as_deref(), value, "{written}"),
                other => panic!("{written}: {other:?}"),
            }
        }
        for wrong in ["condition=", "condition=Ready=", "jsonpath={.a", "jsonpath={.a}=", "happiness"] {
            assert!(Until::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_has_ended_stays_as_it_is() {
        let job =
            |conditions: Value| json!({"kind": "Job", "status": {"conditions": conditions, "active": 1}});
        let judge = |until: &str, object: &Value| Until::parse(until).unwrap().judge(object);
        let met = || Ok(Verdict::Reached("condition met".to_owned()));
        let complete = job(json!([{"type": "Complete", "status": "True"}]));
        let failed = job(
            json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}]),
        );
        let resumed = job(json!([{"type": "Suspended", "status": "False"}]));
        assert_eq!(judge("condition=complete", &complete), met());
        assert_eq!(judge("condition=Complete", &resumed), Ok(Verdict::Pending));
        assert_eq!(judge("condition=Suspended=false", &resumed), met());
        assert_eq!(
            judge("condition=complete", &failed),
            Ok(Verdict::Missed("failed: BackoffLimitExceeded, m".to_owned()))
        );
        let failing =
            job(json!([{"type": "FailureTarget", "status": "True", "reason": "r", "message": "m"}]));
        assert_eq!(judge("condition=complete", &failing), Ok(Verdict::Missed("failed: r, m".to_owned())));
        assert_eq!(judge("condition=failed", &failing), Ok(Verdict::Pending), "JOB-101");
        assert_eq!(judge("condition=failed", &complete), Ok(Verdict::Missed("is complete".to_owned())));
        assert_eq!(judge("jsonpath={.status.active}=1", &complete), met());
        assert_eq!(judge("jsonpath={.status.active}=2", &complete), Ok(Verdict::Pending));
        assert_eq!(judge("jsonpath={.status.missing}", &complete), Ok(Verdict::Pending));
        assert!(judge("jsonpath={.status.conditions}=x", &complete).is_err());
    }
}
