//! Typed values out of a tree: each method reads one key, and what is wrong with it becomes a fault.
//!
//! A method answers nothing both where the key is missing and where its value is bad; the caller puts the
//! default, and the unit is refused in the end because a fault was counted.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Faults};
use super::keys::nearest;
use super::model::Account;
use super::source::{Sources, Span};
use super::text::{LoadVariables, Text, TextErrorKind, Variable};
use super::tree::{Entry, Node, Table, Value};
use super::value;

/// What is needed to read one unit, and the faults found so far.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) faults: Faults<'a>,
    /// supd's environment, for `${env:NAME}`.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// `eu` of `worker@eu`.
    pub(super) instance: Option<&'a str>,
    /// Variables that have a value in a unit of this kind.
    pub(super) allowed: Allowed,
}

/// Which variables the kind of the unit gives a value to.
#[derive(Clone, Copy, Default)]
pub(super) struct Allowed {
    pub(super) replica: bool,
    pub(super) index: bool,
    pub(super) scheduled_time: bool,
}

impl Reader<'_> {
    /// One more fault.
    pub(super) fn fault(&mut self, span: Span, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        self.faults.add(span, code, message)
    }

    /// A value of the wrong type.
    pub(super) fn wrong_type(&mut self, entry: &Entry, node: &Node, wanted: &str) -> &mut Diagnostic {
        let message = format!("`{}` takes {wanted}", entry.key);
        self.fault(node.span, Code::WrongType, message).label(format!("this is {}", node.type_name()))
    }

    /// A string.
    pub(super) fn string<'t>(&mut self, table: &'t Table, key: &str) -> Option<(&'t str, Span)> {
        let entry = table.get(key)?;
        match &entry.node.value {
            Value::String(text) => Some((text, entry.node.span)),
            _ => {
                self.wrong_type(entry, &entry.node, "a string");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, table: &Table, key: &str) -> Option<bool> {
        let entry = table.get(key)?;
        match &entry.node.value {
            Value::Boolean(value) => Some(*value),
            _ => {
                self.wrong_type(entry, &entry.node, "true or false");
                None
            }
        }
    }

    /// A whole number of a range.
    pub(super) fn integer(&mut self, table: &Table, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let entry = table.get(key)?;
        let Value::Integer(value, _) = entry.node.value else {
            let fault = self.wrong_type(entry, &entry.node, "an integer");
            if let Value::String(text) = &entry.node.value
                && let Ok(number) = text.parse::<u32>()
            {
                fault.help(format!("write `{key} = {number}`"));
            }
            return None;
        };
        let fits = value.and_then(|value| u32::try_from(value).ok()).filter(|value| range.contains(value));
        if fits.is_none() {
            self.out_of_range(entry, range.start(), range.end());
        }
        fits
    }

    /// A number of a range.
    pub(super) fn number(&mut self, table: &Table, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let entry = table.get(key)?;
        let value = match entry.node.value {
            Value::Float(value) => value,
            Value::Integer(value, _) => value.map_or(f64::NAN, |value| value as f64),
            _ => {
                self.wrong_type(entry, &entry.node, "a number");
                return None;
            }
        };
        if range.contains(&value) {
            return Some(value);
        }
        self.out_of_range(entry, range.start(), range.end());
        None
    }

    fn out_of_range(&mut self, entry: &Entry, low: &dyn std::fmt::Display, high: &dyn std::fmt::Display) {
        // What 32 bits hold is no bound that anybody could have meant to cross.
        let label = match high.to_string() {
            high if high == u32::MAX.to_string() => format!("it is at least {low}"),
            high => format!("it is {low} to {high}"),
        };
        let message = format!("`{}` is out of range", self.written(entry));
        self.fault(entry.node.span, Code::OutOfRange, message).label(label);
    }

    /// A key and its value as they stand in the file.
    fn written(&self, entry: &Entry) -> String {
        let (key, value) = (self.sources.slice(entry.key_span), self.sources.slice(entry.node.span));
        format!("{} = {}", short(key), short(value))
    }

    /// A duration of at least `least`.
    pub(super) fn duration(&mut self, table: &Table, key: &str, least: Duration) -> Option<Duration> {
        let entry = table.get(key)?;
        let value = self.duration_of(entry)?;
        if value >= least {
            return Some(value);
        }
        let message = format!("`{}` is out of range", self.written(entry));
        self.fault(entry.node.span, Code::OutOfRange, message)
            .label(format!("it is at least {}ms", least.as_millis()));
        None
    }

    /// A deadline: a duration, or `"infinity"` for none.
    pub(super) fn deadline(&mut self, table: &Table, key: &str) -> Option<Duration> {
        let entry = table.get(key)?;
        match &entry.node.value {
            Value::String(text) if text == "infinity" => None,
            _ => self.duration_of(entry),
        }
    }

    fn duration_of(&mut self, entry: &Entry) -> Option<Duration> {
        let (key, span) = (&entry.key, entry.node.span);
        match (&entry.node.value, entry.seconds) {
            (Value::Integer(number, _), true) => {
                let seconds = number.and_then(|number| u64::try_from(number).ok()).map(Duration::from_secs);
                let fits = seconds.filter(|value| *value <= crate::limits::DURATION_MAX);
                if fits.is_none() {
                    self.out_of_range(entry, &0, &crate::limits::DURATION_MAX.as_secs());
                }
                fits
            }
            (Value::Integer(number, _), false) => {
                let written = short(self.sources.slice(span));
                let message = format!("`{}` has no unit", self.written(entry));
                let fault = self.fault(span, Code::BadDuration, message);
                match number {
                    Some(0..) => fault
                        .label("a duration carries its unit")
                        .help(format!("write `{key} = \"{written}s\"`")),
                    _ => fault.label("a duration is not negative, and carries its unit"),
                };
                None
            }
            (Value::String(text), false) => match value::duration(text) {
                Ok(value) => Some(value),
                Err(error) => {
                    let message = format!("`{}` is no duration", self.written(entry));
                    let fault = self.fault(span, Code::BadDuration, message).label(error.message);
                    if let Some(meant) = error.meant {
                        fault.help(format!("did you mean `{key} = \"{meant}\"`?"));
                    }
                    None
                }
            },
            (_, true) => {
                let written = short(self.sources.slice(entry.key_span));
                let message = format!("`{written}` takes an integer: seconds");
                let label = format!("this is {}", entry.node.type_name());
                let help = format!("the key that takes a unit is `{key}`");
                self.fault(span, Code::WrongType, message).label(label).help(help);
                None
            }
            (_, false) => {
                self.wrong_type(entry, &entry.node, "a duration, like \"10s\"");
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        table: &Table,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<(T, Span)> {
        let (text, span) = self.string(table, key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some((*value, span));
        }
        let list: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let help = match foreign_value(key, text) {
            Some(word) => Some(word),
            None => nearest(text, words.iter().map(|(word, _)| *word)),
        }
        .map(|word| format!("did you mean \"{word}\"?"));
        let message = format!("`{key} = {}` is not one of its words", short(self.sources.slice(span)));
        let fault = self.fault(span, Code::NotAWord, message).label(format!("it is {}", one_of(&list)));
        if let Some(help) = help {
            fault.help(help);
        }
        None
    }

    /// A table.
    pub(super) fn table<'t>(&mut self, table: &'t Table, key: &str) -> Option<&'t Table> {
        let entry = table.get(key)?;
        if let Some(inner) = entry.node.as_table() {
            return Some(inner);
        }
        let header = self.sources.in_header(entry.key_span);
        let fault = self.wrong_type(entry, &entry.node, "a table");
        if header && matches!(entry.node.value, Value::Array(_)) {
            fault.help(format!("write `[{key}]`, with single brackets"));
        }
        None
    }

    /// An array of tables.
    pub(super) fn tables<'t>(&mut self, table: &'t Table, key: &str) -> Vec<(&'t Node, &'t Table)> {
        let Some(entry) = table.get(key) else { return Vec::new() };
        let Value::Array(items) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, "an array of tables").help(format!("write `[[{key}]]`"));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            match item.as_table() {
                Some(table) => tables.push((item, table)),
                None => {
                    self.wrong_type(entry, item, "tables");
                }
            }
        }
        tables
    }

    /// The items of an array.
    pub(super) fn array<'t>(&mut self, entry: &'t Entry, wanted: &str) -> Option<&'t [Node]> {
        if let Value::Array(items) = &entry.node.value {
            return Some(items);
        }
        let written = short(self.sources.slice(entry.node.span));
        let scalar = !matches!(entry.node.value, Value::Table(_));
        let fault = self.wrong_type(entry, &entry.node, wanted);
        if scalar {
            let help = format!("write `{} = [{written}]`", entry.key);
            fault.help(help);
        }
        None
    }

    /// An array of strings, with their places.
    pub(super) fn strings<'t>(&mut self, table: &'t Table, key: &str) -> Option<Vec<(&'t str, Span)>> {
        let entry = table.get(key)?;
        let items = self.array(entry, "an array of strings")?;
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::String(text) => strings.push((text.as_str(), item.span)),
                _ => {
                    let written = short(self.sources.slice(item.span));
                    let scalar = !matches!(item.value, Value::Table(_) | Value::Array(_));
                    let fault = self.wrong_type(entry, item, "an array of strings");
                    if scalar {
                        fault.help(format!("write `\"{written}\"`"));
                    }
                }
            }
        }
        Some(strings)
    }

    /// A table of strings, in the order written.
    pub(super) fn string_map<'t>(&mut self, table: &'t Table, key: &str) -> Vec<(&'t Entry, &'t str)> {
        let Some(inner) = self.table(table, key) else { return Vec::new() };
        let mut map = Vec::with_capacity(inner.entries.len());
        for entry in &inner.entries {
            match &entry.node.value {
                Value::String(text) => map.push((entry, text.as_str())),
                Value::Table(_) | Value::Array(_) => {
                    self.wrong_type(entry, &entry.node, "a string");
                }
                _ => {
                    let help = format!("write `\"{}\"`", short(self.sources.slice(entry.node.span)));
                    self.wrong_type(entry, &entry.node, "a string").help(help);
                }
            }
        }
        map
    }

    /// Text for a process, with its variables.
    pub(super) fn text(&mut self, text: &str, span: Span) -> Option<Text> {
        if text.contains('\0') {
            self.fault(span, Code::Nul, "a text for a process cannot have a NUL")
                .label("the text would end there");
            return None;
        }
        match Text::parse(text, &LoadVariables { instance: self.instance, env: self.env }) {
            Ok(parsed) => {
                parsed.variables().for_each(|variable| self.check_variable(variable, text, span));
                Some(parsed)
            }
            Err(error) => {
                let at = self.inside(span, text, error.at, error.length);
                let help = match &error.kind {
                    TextErrorKind::Unknown(name) => variable_help(name),
                    TextErrorKind::UndefinedEnv(name) => {
                        Some(format!("a default is written `${{env:{name}:-default}}`"))
                    }
                    TextErrorKind::BareDollar => {
                        Some("`exec` uses no shell; where one is wanted: `shell = \"…\"`".to_owned())
                    }
                    TextErrorKind::Unclosed => None,
                };
                let fault = self.fault(at, Code::BadVariable, error.kind.to_string());
                if let Some(help) = help {
                    fault.help(help);
                }
                None
            }
        }
    }

    fn check_variable(&mut self, variable: Variable, text: &str, span: Span) {
        let (allowed, needs) = match variable {
            Variable::Replica => (self.allowed.replica, "only the pods of a service have a replica number"),
            Variable::Index => (self.allowed.index, "only an indexed job has indexes"),
            Variable::ScheduledTime => (self.allowed.scheduled_time, "only a cronjob has scheduled times"),
            Variable::Unit | Variable::Pod | Variable::Attempt => (true, ""),
        };
        if allowed {
            return;
        }
        let written = format!("${{{}}}", variable.name());
        let at = text.find(&written).map_or(span, |at| self.inside(span, text, at, written.len()));
        let fault =
            self.fault(at, Code::WrongVariable, format!("`{written}` has no value here")).label(needs);
        if variable == Variable::Index {
            fault.help("write `completion_mode = \"Indexed\"` in [job]");
        }
    }

    /// The place of a piece of a string, where the string stands in the file as it is.
    pub(super) fn inside(&self, span: Span, text: &str, at: usize, length: usize) -> Span {
        let written = self.sources.slice(span);
        // Without escapes a string is its text between two quotes; with some, what is looked for can still
        // be unique in it; else the whole is pointed at.
        let plain = written.len() == text.len() + 2 && written.get(1..text.len() + 1) == Some(text);
        let at = match text.get(at..at + length) {
            _ if plain => at + 1,
            Some(piece) if written.matches(piece).count() == 1 => written.find(piece).unwrap_or(0),
            _ => return span,
        };
        let offset = |by: usize| span.start + u32::try_from(by).unwrap_or(0);
        Span { start: offset(at), end: offset(at + length), ..span }
    }

    /// A user or a group.
    pub(super) fn account(&mut self, node: &Node, what: &str) -> Option<Account> {
        match &node.value {
            Value::Integer(number, _) => {
                // -1, as 32 bits, tells the kernel "leave it as it is": root would stay root.
                let id = number.and_then(|n| u32::try_from(n).ok()).filter(|id| *id != u32::MAX);
                if id.is_none() {
                    let message = format!("{} is no {what} id", short(self.sources.slice(node.span)));
                    self.fault(node.span, Code::BadAccount, message).label("an id is 0 to 4294967294");
                }
                id.map(Account::Id)
            }
            Value::String(name) if value::is_account_name(name) => Some(Account::Name(name.clone())),
            Value::String(name) => {
                let message = format!("{} is no name of a {what}", short(self.sources.slice(node.span)));
                let fault = self.fault(node.span, Code::BadAccount, message);
                fault.label("a name begins with a letter or `_`; then letters, digits, `_`, `-`, `.`");
                if name.parse::<u32>().is_ok_and(|id| id != u32::MAX && id.to_string() == *name) {
                    fault.help(format!("an id is written without quotes: `{name}`"));
                }
                None
            }
            _ => {
                let message = format!("a {what} is a name or an integer");
                self.fault(node.span, Code::WrongType, message)
                    .label(format!("this is {}", node.type_name()));
                None
            }
        }
    }
}

/// The word of ours for another system's value.
fn foreign_value(key: &str, text: &str) -> Option<&'static str> {
    match (key, text) {
        ("restart_policy", "always" | "true" | "yes" | "unless-stopped" | "Yes") => Some("Always"),
        ("restart_policy", "on-failure" | "unexpected" | "on_failure" | "on-abnormal") => Some("OnFailure"),
        ("restart_policy", "no" | "false" | "none") => Some("Never"),
        ("stdout" | "stderr", "file" | "journal" | "syslog" | "true") => Some("log"),
        ("stdout" | "stderr", "/dev/null" | "none" | "off" | "false") => Some("null"),
        _ => None,
    }
}

fn variable_help(name: &str) -> Option<String> {
    const NAMES: [&str; 7] = ["unit", "pod", "replica", "index", "attempt", "scheduled_time", "instance"];
    if name == "instance" {
        return Some("only `worker@eu`, made from the template `worker@.toml`, has an instance".to_owned());
    }
    if let Some(near) = nearest(name, NAMES.into_iter()) {
        return Some(format!("did you mean `${{{near}}}`?"));
    }
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| format!("supd's environment is read as `${{env:{name}}}`; `exec` uses no shell"))
}

/// `"a", "b" or "c"`.
fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// A text that fits into a message.
pub(super) fn short(text: &str) -> String {
    const WIDTH: usize = 60;
    let line = text.lines().next().unwrap_or("");
    if line.len() == text.len() && text.chars().nth(WIDTH).is_none() {
        return text.to_owned();
    }
    line.chars().take(WIDTH).chain(['…']).collect()
}
