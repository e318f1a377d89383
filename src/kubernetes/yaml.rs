//! YAML as `kubectl` prints it: keys in order, lists not indented, text quoted where any reader could take it
//! for something else.
//!
//! Kubernetes reads YAML by the rules of 1.1, where `on`, `012` and `1:30` are no texts. So only what is
//! plain in every version stays without quotes.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Words that some version of YAML takes for something else.
const TAKEN: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Several documents, one after the other.
pub fn documents<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let texts: Vec<String> = values.into_iter().map(document).collect();
    texts.join("---\n")
}

/// One document, with the line break at its end.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => entries(map, 0, false, &mut out),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut out),
        scalar => {
            leaf(scalar, 0, &mut out);
            out.remove(0);
        }
    }
    out
}

/// The entries of a map, each on a line of its own; the first one may stand behind a `- `.
fn entries(map: &Map<String, Value>, indent: usize, behind: bool, out: &mut String) {
    for (place, (key, value)) in map.iter().enumerate() {
        if place > 0 || !behind {
            pad(indent, out);
        }
        scalar(key, indent, false, out);
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                entries(map, indent + 2, false, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                list(items, indent, out);
            }
            other => leaf(other, indent, out),
        }
    }
}

fn list(items: &[Value], indent: usize, out: &mut String) {
    for item in items {
        pad(indent, out);
        out.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                out.push(' ');
                entries(map, indent + 2, true, out);
            }
            Value::Array(items) if !items.is_empty() => {
                // No object of Kubernetes has one: in brackets it is at least the same.
                let _ = writeln!(out, " {}", Value::Array(items.clone()));
            }
            other => leaf(other, indent, out),
        }
    }
}

/// What has nothing below it, behind a blank and with the line break.
fn leaf(value: &Value, indent: usize, out: &mut String) {
    out.push(' ');
    match value {
        Value::String(text) => scalar(text, indent, true, out),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
    out.push('\n');
}

/// A text; several lines as a block where that is a value.
fn scalar(text: &str, indent: usize, block: bool, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else if block && is_block(text) {
        out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
        for line in text.lines() {
            out.push('\n');
            if !line.is_empty() {
                pad(indent + 2, out);
                out.push_str(line);
            }
        }
    } else {
        quoted(text, out);
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Whether a text means itself to every reader.
fn is_plain(text: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || b"/_$".contains(byte);
    // The options of a command; a `-` by itself, or before a number, is something else.
    let start = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or(text);
    let body = |byte: u8| byte.is_ascii_alphanumeric() || b" _./@%+=,:$()-".contains(&byte);
    start.as_bytes().first().is_some_and(begins)
        && text.bytes().all(body)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a text is several lines that a block gives back as they are.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let first = body.lines().next().unwrap_or_default();
    body.contains('\n')
        && !body.ends_with('\n')
        && !first.is_empty()
        && !first.starts_with([' ', '\t'])
        && text.chars().all(|letter| letter == '\n' || letter == ' ' || !is_special(letter))
}

/// In double quotes: JSON's escapes are YAML's, which has some more.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            special if is_special(special) => {
                let _ = write!(out, "\\u{:04x}", u32::from(special));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Whether YAML cannot have it as it is, or some reader takes it for a line break. All of them are within 16
/// bits.
fn is_special(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_looks_as_kubectl_prints_it() {
        let value = json!({
            "spec": { "containers": [{ "name": "main", "command": ["sh", "-c", "a\nb  # c\n\nd"], "env": [] }] },
            "apiVersion": "v1", "on": "off", "port": 8080, "empty": {}, "tail": "x\n",
        });
        insta::assert_snapshot!(document(&value), @r#"
        apiVersion: v1
        empty: {}
        "on": "off"
        port: 8080
        spec:
          containers:
          - command:
            - sh
            - -c
            - |-
              a
              b  # c

              d
            env: []
            name: main
        tail: "x\n"
        "#);
        assert_eq!(documents([&json!("a"), &json!({"b": 1})]), "a\n---\nb: 1\n");
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        for text in [
            "", "on", "No", "012", "1:30", "-", "a: b", "a #b", "a:", " a", "~", ".5", "-1", "--", "---",
            "-.inf", "<<", "\u{7f}",
        ] {
            assert!(document(&json!(text)).starts_with('"'), "{text}: {}", document(&json!(text)));
        }
        for text in ["/bin/sh", "-c", "--port", "a:b", "$(POD_NAME)", "sh -c", "a=b,c"] {
            assert_eq!(document(&json!(text)), format!("{text}\n"));
        }
    }
}
