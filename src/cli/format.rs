//! `-o`: the same words for every verb that reads.

use std::str::FromStr;

use serde::Serialize;

use super::exit::{Exit, Failure};

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// YAML documents.
    Yaml,
    /// `pod/web-0`, a line each.
    Name,
}

/// The flags of `-o`.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct OutputOptions {
    /// How to print: table, wide, json, jsonl, yaml, name
    #[arg(short, long, value_name = "FORMAT", env = "SUPCTL_OUTPUT", hide_env = true)]
    pub output: Option<Format>,
    /// The same as -o json
    #[arg(long, hide = true, conflicts_with = "output")]
    pub json: bool,
}

impl OutputOptions {
    /// What was asked for; a table where nothing was.
    pub fn format(self) -> Format {
        if self.json { Format::Json } else { self.output.unwrap_or_default() }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "table" | "" => Ok(Self::Table),
            "wide" => Ok(Self::Wide),
            "json" => Ok(Self::Json),
            "jsonl" | "json-lines" => Ok(Self::JsonLines),
            "yaml" => Ok(Self::Yaml),
            "name" => Ok(Self::Name),
            "toml" => Err("not built yet; nearest: yaml".to_owned()),
            _ if text.starts_with("go-template") => {
                Err("there are no Go templates here; nearest: jsonpath=TEMPLATE or custom-columns=SPEC"
                    .to_owned())
            }
            _ if text.starts_with("jsonpath") || text.starts_with("custom-columns") => {
                Err("this is for `supctl get`; here: table, wide, json, jsonl, yaml, name".to_owned())
            }
            _ => Err("not one of table, wide, json, jsonl, yaml, name".to_owned()),
        }
    }
}

/// A JSON document as people like to read it, with its newline.
pub fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| unprintable(&error))?;
    Ok(text + "\n")
}

/// A JSON document on one line, with its newline.
pub fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| unprintable(&error))?;
    Ok(text + "\n")
}

/// A YAML document.
pub fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_saphyr::to_string(value).map_err(|error| unprintable(&error))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn unprintable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::FAILED, format!("cannot print the answer: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_output() {
        assert_eq!("wide".parse(), Ok(Format::Wide));
        assert!("jsonpath={.items}".parse::<Format>().is_err_and(|words| words.contains("supctl get")));
        assert!("go-template={{.x}}".parse::<Format>().is_err_and(|words| words.contains("jsonpath")));
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn yaml_keeps_what_looks_like_a_number_a_text() {
        let value =
            serde_json::json!({"name": "123", "on": true, "text": "a: b", "list": [1, 2], "none": null});
        insta::assert_snapshot!(yaml(&value).unwrap(), @r#"
        list:
        - 1
        - 2
        name: "123"
        none: null
        "on": true
        text: "a: b"
        "#);
    }
}
