//! What runs at a moment of a process's life: `startup.post`, `stop.pre` (HOK-001ff).

use std::time::Duration;

use super::diagnostic::Code;
use super::keys;
use super::model::Hook;
use super::reader::Reader;
use super::tree::{Entry, Table, Value};

impl Reader<'_> {
    /// `["program", "argument"]`, `{ sleep = "5s" }` or `{ http = … }` (HOK-006).
    pub(super) fn hook(&mut self, entry: &Entry, unit: &Table) -> Option<Hook> {
        let Some(table) = entry.node.as_table() else {
            if !matches!(entry.node.value, Value::Array(_) | Value::String(_)) {
                let wanted = "an array (program and arguments), `{ sleep = \"5s\" }` or `{ http = … }`";
                self.wrong_type(entry, &entry.node, wanted);
                return None;
            }
            return self.exec(entry).map(Hook::Exec);
        };
        self.check_keys(table, &keys::HOOK, unit);
        let known = table.entries.iter().filter(|entry| keys::HOOK.built.contains(&entry.key.as_str()));
        match known.collect::<Vec<_>>()[..] {
            [one] => match one.key.as_str() {
                "sleep" => self.duration(table, "sleep", Duration::ZERO).map(Hook::Sleep),
                "http" => self.http(one, unit).map(Hook::Http),
                _ => self.exec(one).map(Hook::Exec),
            },
            [first, second, ..] => {
                let message = format!("`{}` beside `{}`", second.key, first.key);
                self.fault(second.key_span, Code::OneHandler, message).label("a hook does one thing");
                None
            }
            [] => {
                // One that is misspelt has its own fault already.
                if table.entries.is_empty() {
                    self.fault(entry.node.span, Code::OneHandler, "this hook has nothing to do")
                        .help("give it one of `exec`, `http`, `sleep`");
                }
                None
            }
        }
    }
}
