//! When a process runs again: the words of `restart_policy`, and `[[restart_rules]]` (CRR-001ff).

use super::diagnostic::Code;
use super::keys;
use super::model::{ExitCodes, Operator, RestartAction, RestartPolicy, RestartRule};
use super::reader::{Reader, short};
use super::tree::{Entry, Table, Value};
use crate::limits::{EXIT_CODES_MAX, RESTART_RULES_MAX};

/// The words of `restart_policy`.
pub(super) const POLICIES: [(&str, RestartPolicy); 3] = [
    ("Always", RestartPolicy::Always),
    ("OnFailure", RestartPolicy::OnFailure),
    ("Never", RestartPolicy::Never),
];

impl Reader<'_> {
    /// The rules of a process (CRR-002). `explicit`: its policy is written, as Kubernetes wants it.
    pub(super) fn restart_rules(&mut self, table: &Table, explicit: bool, unit: &Table) -> Vec<RestartRule> {
        let Some(entry) = table.get("restart_rules") else { return Vec::new() };
        let tables = self.tables(table, "restart_rules");
        if !explicit {
            self.fault(
                entry.key_span,
                Code::MissingKey,
                "`restart_rules` needs a `restart_policy` of its process",
            )
            .label("what holds where no rule matches is to be written")
            .help("write `restart_policy = \"Never\"`, or what else is meant");
        }
        if tables.len() > RESTART_RULES_MAX {
            let message = format!("{} rules are too many", tables.len());
            self.fault(entry.key_span, Code::OutOfRange, message)
                .label(format!("a process has at most {RESTART_RULES_MAX}"));
        }
        tables.into_iter().filter_map(|(_, rule)| self.restart_rule(entry, rule, unit)).collect()
    }

    fn restart_rule(&mut self, list: &Entry, rule: &Table, unit: &Table) -> Option<RestartRule> {
        const ACTIONS: [(&str, RestartAction); 2] = [
            ("Restart", RestartAction::Restart),
            ("RestartAllContainers", RestartAction::RestartAllContainers),
        ];
        self.check_keys(rule, &keys::RESTART_RULE, unit);
        for key in ["action", "exit_codes"] {
            if rule.get(key).is_none() {
                self.fault(list.key_span, Code::MissingKey, format!("a restart rule needs `{key}`"));
            }
        }
        let action = self.word(rule, "action", &ACTIONS).map(|(action, _)| action);
        let exit_codes = self.exit_codes(rule, unit);
        Some(RestartRule { exit_codes: exit_codes?, action: action? })
    }

    /// `exit_codes = { operator = "In", values = [42] }`
    fn exit_codes(&mut self, rule: &Table, unit: &Table) -> Option<ExitCodes> {
        const OPERATORS: [(&str, Operator); 2] = [("In", Operator::In), ("NotIn", Operator::NotIn)];
        let entry = rule.get("exit_codes")?;
        let table = self.table(rule, "exit_codes")?;
        self.check_keys(table, &keys::EXIT_CODES, unit);
        for key in ["operator", "values"] {
            if table.get(key).is_none() {
                self.fault(entry.key_span, Code::MissingKey, format!("`exit_codes` needs `{key}`"));
            }
        }
        let operator = self.word(table, "operator", &OPERATORS).map(|(operator, _)| operator);
        let values = table.get("values").map(|entry| self.exit_code_values(entry));
        Some(ExitCodes { operator: operator?, values: values? })
    }

    /// Exit codes in ascending order, each once. Zero is one of them: a rule can run again what has succeeded.
    /// One that stands there twice is nothing to Kubernetes, and nothing here.
    fn exit_code_values(&mut self, entry: &Entry) -> Vec<u8> {
        let items = self.array(entry, "an array of exit codes").unwrap_or_default();
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let Value::Integer(number, _) = item.value else {
                self.wrong_type(entry, item, "integers");
                continue;
            };
            let code = number.and_then(|number| u8::try_from(number).ok());
            let Some(code) = code else {
                let message = format!("{} is no exit code", short(self.sources.slice(item.span)));
                self.fault(item.span, Code::OutOfRange, message)
                    .label("it is 0 to 255; a death by signal n is 128 + n");
                continue;
            };
            values.push(code);
        }
        if items.is_empty() || items.len() > EXIT_CODES_MAX {
            let message = format!("`values` has {} exit codes", items.len());
            self.fault(entry.node.span, Code::OutOfRange, message)
                .label(format!("a rule has 1 to {EXIT_CODES_MAX}"));
        }
        values.sort_unstable();
        values.dedup();
        values
    }
}
