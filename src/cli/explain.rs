//! `explain`: what a key of a unit means, in our spelling or in Kubernetes', and what the code of a fault
//! means. Needs no supd.

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::name::nearest;
use super::not_yet::quoted;
use crate::unit::diagnostic::Code;
use crate::unit::explain::{self, Found, Key, Table};

/// Arguments of `explain`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl explain job.backoffLimit\n  supctl explain E0107\n\nExit codes: 0 done, 2 nothing of that name"
)]
pub struct Options {
    /// A key or table (job.backoff_limit, readiness), its path in Kubernetes (pod.spec.containers.livenessProbe), or a code (E0107)
    #[arg(value_name = "KEY|CODE")]
    path: Option<String>,
    /// All keys below it, without their texts
    #[arg(long)]
    recursive: bool,
    /// For kubectl's hands: each kind has one version here
    #[arg(long, hide = true)]
    api_version: Option<String>,
}

/// Columns of a text.
const WIDTH: usize = 76;

/// `supctl explain KEY|CODE`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let Some(path) = options.path.as_deref() else {
        context.print(&overview(options.recursive))?;
        return Ok(Exit::DONE);
    };
    if let Some(code) = Code::parse(path) {
        let kind = if code.is_error() { "error: the unit is refused" } else { "warning" };
        context
            .print(&format!("CODE:       {code}\nKIND:       {kind}\n\n{}", described(code.explanation())))?;
        return Ok(Exit::DONE);
    }
    let text = match explain::find(path) {
        Some(Found::Table(table)) => of_table(table, options.recursive),
        Some(Found::Key(table, key)) => of_key(table, key),
        None => return Err(unknown(path)),
    };
    context.print(&text)?;
    Ok(Exit::DONE)
}

/// Everything that can be explained, for completion.
pub fn paths() -> Vec<String> {
    let keys = explain::tables().flat_map(|table| table.keys.iter().map(|key| table.path_of(key)));
    let tables = explain::tables().map(|table| table.path.to_owned()).filter(|path| !path.is_empty());
    let codes = Code::ALL.iter().map(|code| code.as_str().to_owned());
    keys.chain(tables).chain(codes).collect()
}

fn unknown(path: &str) -> Failure {
    let failure = Failure::usage(format!("there is nothing to explain of the name `{path}`"));
    let known = paths();
    match nearest(path, known.iter().map(String::as_str)).as_slice() {
        [] => failure.hint("see: supctl explain --recursive"),
        names => failure.hint(format!("did you mean {}?", quoted(names))),
    }
}

/// All tables, in a line each; `--recursive`: with their keys.
fn overview(recursive: bool) -> String {
    let mut text = String::new();
    for table in explain::tables() {
        let path = if table.path.is_empty() { "unit" } else { table.path };
        if recursive {
            text.push_str(&format!("{}\n{}", table.written, keys_of(table)));
        } else {
            text.push_str(&format!("{path:<20}{}\n", first_sentence(table.text)));
        }
    }
    text
}

fn of_table(table: &Table, recursive: bool) -> String {
    let mut text = format!("TABLE:      {}\n", table.written);
    if !table.kubernetes.is_empty() {
        text.push_str(&format!("KUBERNETES: {}\n", table.kubernetes));
    }
    text.push_str(&format!("\n{}\nKEYS:\n", described(table.text)));
    if recursive {
        return text + &keys_of(table);
    }
    for key in table.keys {
        text.push_str(&format!("  {}\t<{}>{}\n", key.name, key.takes, later(table, key)));
        text.push_str(&wrapped(key.text, "    "));
        text.push('\n');
    }
    text
}

fn keys_of(table: &Table) -> String {
    table.keys.iter().map(|key| format!("  {}\t<{}>{}\n", key.name, key.takes, later(table, key))).collect()
}

fn of_key(table: &Table, key: &Key) -> String {
    let mut text = format!("KEY:        {} <{}>\n", key.name, key.takes);
    text.push_str(&format!("TABLE:      {}\n", table.written));
    if !key.kubernetes.is_empty() {
        text.push_str(&format!("KUBERNETES: {}\n", key.kubernetes));
    }
    if !key.default.is_empty() {
        text.push_str(&format!("DEFAULT:    {}\n", key.default));
    }
    if table.is_later(key) {
        text.push_str("STATUS:     not built in this release (E0116)\n");
    }
    text + "\n" + &described(key.text)
}

fn later(table: &Table, key: &Key) -> &'static str {
    if table.is_later(key) { "  not built in this release" } else { "" }
}

fn described(text: &str) -> String {
    format!("DESCRIPTION:\n{}", wrapped(text, "    "))
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

/// A text in lines of a terminal's width.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{lines}{indent}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_takes_and_what_kubernetes_calls_it() {
        let Some(Found::Key(table, key)) = explain::find("job.backoffLimit") else {
            panic!("there is such a key");
        };
        let text = of_key(table, key);
        assert!(text.starts_with("KEY:        backoff_limit <integer>\nTABLE:      [job]\nKUBERNETES: spec.backoffLimit\nDEFAULT:    6\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn what_is_misspelt_is_guessed() {
        assert_eq!(unknown("job.backof_limit").hints, ["did you mean `job.backoff_limit`?"]);
        assert_eq!(unknown("zzzzzzzzzzzzzz").hints, ["see: supctl explain --recursive"]);
        assert!(paths().contains(&"E0107".to_owned()));
    }

    #[test]
    fn tables_list_their_keys() {
        let Some(Found::Table(table)) = explain::find("cronjob") else { panic!("there is such a table") };
        assert!(of_table(table, false).contains("  schedule\t<text>\n    Minute, hour"));
        assert!(overview(true).contains("  backoff_limit\t<integer>"));
        assert!(overview(false).contains("job.backoff"));
    }
}
