//! What the pages about supd and about units take from the program.

use std::fmt::Write;

use supd::settings::HELP;
use supd::unit::explain::{self, Key, Table};

/// All that `supd --help` says.
pub(crate) fn options() -> String {
    format!("\n```\n{HELP}```\n\n")
}

/// What `supd --help` says that matters in a container.
pub(crate) fn options_in_a_container() -> String {
    let matters = ["Usage", "Behaviour", "With a command"];
    let parts = HELP.split("\n\n").filter(|part| matters.iter().any(|heading| part.starts_with(heading)));
    let parts: Vec<&str> = parts.collect();
    assert_eq!(parts.len(), matters.len(), "the help has other headings");
    format!("\n```\n{}\n```\n\n", parts.join("\n\n"))
}

/// Every table of keys, in the order of `supctl explain`.
pub(crate) fn keys() -> String {
    let mut text = String::new();
    for table in explain::tables() {
        let heading = if table.written.is_empty() { "At the top of the file" } else { table.written };
        write!(text, "\n## {}\n\n{}\n", heading.replace('`', ""), table.text).expect("a string takes all");
        if !table.kubernetes.is_empty() {
            writeln!(text, "In Kubernetes: `{}`.", table.kubernetes).expect("a string takes all");
        }
        for key in table.keys {
            write!(text, "\n{}\n", entry(table, key)).expect("a string takes all");
        }
    }
    text.push('\n');
    text
}

fn entry(table: &Table, key: &Key) -> String {
    let mut facts = Vec::new();
    if !key.default.is_empty() {
        facts.push(format!("default `{}`", key.default));
    }
    if !key.kubernetes.is_empty() {
        facts.push(format!("in Kubernetes `{}`", key.kubernetes));
    }
    if table.is_later(key) {
        facts.push("refused by this release".to_owned());
    }
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
    format!("**{}** *{}*{facts}\n: {}", key.name, key.takes, key.text)
}
