//! One process of a pod: what it runs, as whom, with which environment and limits.

use std::collections::HashMap;

use super::diagnostic::Code;
use super::model::{Account, EnvFile, Part, Process, RestartPolicy, Stop};
use super::reader::{Reader, short};
use super::source::Span;
use super::text::Text;
use super::tree::{Entry, Table, Value};

/// What supd sets itself in every process.
const RESERVED_ENV: [&str; 11] = [
    "SUPD_UNIT",
    "SUPD_POD",
    "SUPD_PROCESS",
    "SUPD_ATTEMPT",
    "SUPD_RUN",
    "SUPD_REPLICA",
    "SUPD_SCHEDULED_TIME",
    "JOB_COMPLETION_INDEX",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];

impl Reader<'_> {
    /// The process that a table describes; nothing where it has no program. `unit` is for hints on keys
    /// that stand in the wrong table.
    pub(super) fn process(&mut self, name: String, table: &Table, unit: &Table) -> Option<Process> {
        let exec = self.program(table);
        let env = self.environment(table, unit);
        let env_file = self.env_files(table);
        let env_pass = self.env_pass(table);
        let working_dir = self.working_dir(table);
        let user = table.get("user").and_then(|entry| self.account(&entry.node, "user"));
        let group = table.get("group").and_then(|entry| self.account(&entry.node, "group"));
        let supplementary_groups = self.groups(table);
        let umask = self.umask(table);
        let (rlimits, limits) = self.resources(table, unit);
        let success_exit = self.success_exit(table);
        let mounts = self.mounts(table, unit);
        Some(Process {
            name,
            exec: exec?,
            env,
            env_file,
            env_pass,
            working_dir,
            user,
            group,
            supplementary_groups,
            umask,
            rlimits,
            limits,
            success_exit,
            mounts,
            part: Part::Application,
            restart_policy: RestartPolicy::Always,
            restart_rules: Vec::new(),
            stop: Stop { signal: libc::SIGTERM, pre: None },
            post_start: None,
            start_deadline: None,
            startup: None,
            readiness: None,
            liveness: None,
        })
    }

    /// `exec` or `shell`.
    fn program(&mut self, table: &Table) -> Option<Vec<Text>> {
        match (table.get("exec"), table.get("shell")) {
            (Some(exec), None) => self.exec(exec),
            (None, Some(_)) => {
                let (text, span) = self.string(table, "shell")?;
                if text.contains('\0') {
                    self.fault(span, Code::Nul, "a text for a process cannot have a NUL");
                    return None;
                }
                if text.trim().is_empty() {
                    self.fault(span, Code::BadExec, "`shell` is empty").label("nothing to run");
                    return None;
                }
                // Never touched: the shell has the variables in its environment.
                Some(vec![Text::literal("/bin/sh"), Text::literal("-c"), Text::literal(text)])
            }
            (Some(exec), Some(shell)) => {
                let line = self.sources.line(exec.key_span);
                self.fault(shell.key_span, Code::BadExec, "both `exec` and `shell`")
                    .label(format!("`exec` is in line {line}; a process has one of them"));
                None
            }
            (None, None) => None,
        }
    }

    /// Program and arguments.
    pub(super) fn exec(&mut self, entry: &Entry) -> Option<Vec<Text>> {
        if let Value::String(command) = &entry.node.value {
            let words: Vec<String> = command.split_whitespace().map(|word| format!("{word:?}")).collect();
            let plain =
                !command.contains(['"', '\'', '\\', '$', '|', '&', ';', '<', '>', '*', '`', '~', '(']);
            let help = if plain && !words.is_empty() && command.len() < 200 {
                format!("write `{} = [{}]`", entry.key, words.join(", "))
            } else {
                "write `exec = [\"program\", \"argument\"]`, or `shell = \"…\"` for a shell's text".to_owned()
            };
            self.wrong_type(entry, &entry.node, "an array: program and arguments").help(help);
            return None;
        }
        let before = self.faults.errors();
        let items = self.array(entry, "an array: program and arguments")?;
        let mut exec = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let Value::String(text) = &item.value else {
                let help = format!("write `\"{}\"`", short(self.sources.slice(item.span)));
                let scalar = !matches!(item.value, Value::Table(_) | Value::Array(_));
                let fault = self.wrong_type(entry, item, "strings");
                if scalar {
                    fault.help(help);
                }
                continue;
            };
            if place == 0 && text.is_empty() {
                self.fault(item.span, Code::BadExec, "the program has no name").label("this is empty");
            }
            exec.extend(self.text(text, item.span));
        }
        if items.is_empty() {
            self.fault(entry.node.span, Code::BadExec, format!("`{}` is empty", entry.key))
                .label("nothing to run");
        }
        (self.faults.errors() == before).then_some(exec)
    }

    fn environment(&mut self, table: &Table, unit: &Table) -> Vec<(String, Text)> {
        let mut env = Vec::new();
        for (entry, text) in self.string_map(table, "env") {
            let name = entry.key.as_str();
            if self.check_env_name(name, entry.key_span) {
                self.warn_misplaced(entry, table, unit);
                env.extend(self.text(text, entry.node.span).map(|text| (name.to_owned(), text)));
            }
        }
        env
    }

    fn check_env_name(&mut self, name: &str, span: Span) -> bool {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`{}` is no name of an environment variable", short(name));
            self.fault(span, Code::BadEnv, message).label("a name is not empty and has neither `=` nor NUL");
            return false;
        }
        if RESERVED_ENV.contains(&name) {
            self.fault(span, Code::BadEnv, format!("`{name}` is set by supd"))
                .label("a value from here would be lost");
            return false;
        }
        true
    }

    /// A key of the unit below `[env]` is a legal variable, but hardly ever meant.
    fn warn_misplaced(&mut self, entry: &Entry, table: &Table, unit: &Table) {
        if !super::keys::has(&super::keys::UNIT, &entry.key) {
            return;
        }
        let Some(env) = table.get("env").and_then(|env| env.node.as_table()) else { return };
        let Some((header, first)) = self.headers(env, unit, entry.key_span.source) else { return };
        let header = self.sources.header(header).to_owned();
        let line = self.sources.line(first);
        let key = &entry.key;
        self.fault(entry.key_span, Code::LooksMisplaced, format!("`{key}` below `{header}` is a variable"))
            .label("not a key of the unit")
            .help(format!("if the key `{key}` is meant, move it to line {line}"));
    }

    fn env_files(&mut self, table: &Table) -> Vec<EnvFile> {
        let Some(files) = self.strings(table, "env_file") else { return Vec::new() };
        let mut env_files = Vec::with_capacity(files.len());
        for (written, span) in files {
            let (path, optional) = match written.strip_prefix('?') {
                Some(path) => (path, true),
                None => (written, false),
            };
            if !path.starts_with(['/', '$']) {
                let fault = self.fault(span, Code::OutOfRange, "the path of an `env_file` is absolute");
                fault.label("this one is relative");
                if let Some(path) = path.strip_prefix('-') {
                    fault.help(format!("a file that may be missing is written `\"?{}\"`", short(path)));
                }
                continue;
            }
            env_files.extend(self.text(path, span).map(|path| EnvFile { path, optional }));
        }
        env_files
    }

    fn env_pass(&mut self, table: &Table) -> Vec<String> {
        let names = self.strings(table, "env_pass").unwrap_or_default();
        let good = names.into_iter().filter(|(name, span)| self.check_env_name(name, *span));
        good.map(|(name, _)| name.to_owned()).collect()
    }

    fn working_dir(&mut self, table: &Table) -> Option<Text> {
        let (path, span) = self.string(table, "working_dir")?;
        if !path.starts_with(['/', '$']) {
            self.fault(span, Code::OutOfRange, "`working_dir` is an absolute path")
                .label("this one is relative");
            return None;
        }
        self.text(path, span)
    }

    fn groups(&mut self, table: &Table) -> Option<Vec<Account>> {
        let entry = table.get("supplementary_groups")?;
        let items = self.array(entry, "an array of groups")?;
        Some(items.iter().filter_map(|item| self.account(item, "group")).collect())
    }

    /// `0o022` or `"022"`; a decimal number would mean something else than what is read.
    fn umask(&mut self, table: &Table) -> Option<u32> {
        let entry = table.get("umask")?;
        let (value, written) = match &entry.node.value {
            Value::Integer(value, radix) if *radix == 8 || *value == Some(0) => (*value, String::new()),
            Value::String(text) => {
                let octal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                (octal.then(|| i64::from_str_radix(text, 8).ok()).flatten(), text.clone())
            }
            Value::Integer(..) => (None, self.sources.slice(entry.node.span).to_owned()),
            _ => {
                self.wrong_type(entry, &entry.node, "an octal number, like `0o022`");
                return None;
            }
        };
        let mask = value.and_then(|value| u32::try_from(value).ok()).filter(|mask| *mask <= 0o777);
        if mask.is_none() {
            let fault =
                self.fault(entry.node.span, Code::OutOfRange, "`umask` is an octal number up to 0o777");
            fault.label("write `0o022`, or `\"022\"`");
            if written.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) && (1..=3).contains(&written.len()) {
                fault.help(format!("did you mean `umask = 0o{written:0>3}`?"));
            }
        }
        mask
    }

    fn success_exit(&mut self, table: &Table) -> Vec<u8> {
        let Some(entry) = table.get("success_exit") else { return vec![0] };
        let Some(items) = self.array(entry, "an array of exit codes") else { return vec![0] };
        let mut codes = Vec::with_capacity(items.len());
        let mut seen = HashMap::new();
        for item in items {
            let Value::Integer(number, _) = item.value else {
                self.wrong_type(entry, item, "integers");
                continue;
            };
            let Some(code) = number.and_then(|number| u8::try_from(number).ok()) else {
                let message = format!("{} is no exit code", short(self.sources.slice(item.span)));
                self.fault(item.span, Code::OutOfRange, message).label("an exit code is 0 to 255");
                continue;
            };
            if seen.insert(code, ()).is_some() {
                self.fault(item.span, Code::KeyTwice, format!("{code} stands twice in `success_exit`"));
            }
            codes.push(code);
        }
        if items.is_empty() {
            self.fault(entry.node.span, Code::OutOfRange, "`success_exit` is empty")
                .label("no end would ever be a success");
        }
        codes
    }
}
