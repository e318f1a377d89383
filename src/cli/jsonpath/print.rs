//! From values to text.

use serde_json::Value;

/// As a template shows a value: texts without quotes, what has parts as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// As a column shows a value: what has parts as kubectl does, `map[app:web]` and `[a b]`.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let words: Vec<String> = elements.iter().map(cell).collect();
            format!("[{}]", words.join(" "))
        }
        Value::Object(fields) => {
            let words: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}:{}", cell(value))).collect();
            format!("map[{}]", words.join(" "))
        }
        Value::Null => "<none>".to_owned(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => text(value),
    }
}
