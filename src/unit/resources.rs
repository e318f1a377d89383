//! `[resources]`: what a process may use.

use super::diagnostic::Code;
use super::keys::{RESOURCES, nearest};
use super::model::{Limits, Rlimit};
use super::reader::{Reader, short};
use super::tree::{Entry, Table, Value};
use super::value;

/// The largest weight that the kernel takes.
const WEIGHT_MAX: u64 = 10_000;
/// More than any machine has, in thousandths of a CPU.
const CPU_MAX: u64 = 1_000_000_000;
/// The kernel's own largest number of processes (PID_MAX_LIMIT).
const PIDS_MAX: u64 = 4_194_304;

impl Reader<'_> {
    /// Of the process alone, and of the tree that it makes.
    pub(super) fn resources(&mut self, table: &Table, unit: &Table) -> (Vec<Rlimit>, Limits) {
        let Some(resources) = self.table(table, "resources") else { return Default::default() };
        self.check_keys(resources, &RESOURCES, unit);
        let rlimits = self.rlimits(resources);
        let limits = Limits {
            memory_max: self.bytes_of(resources, "memory_max"),
            memory_high: self.bytes_of(resources, "memory_high"),
            cpu_max: self.cpus_of(resources),
            cpu_weight: self.number_of(resources, "cpu_weight", WEIGHT_MAX),
            pids_max: self.number_of(resources, "pids_max", PIDS_MAX),
        };
        if let (Some(high), Some(max)) = (limits.memory_high, limits.memory_max)
            && high >= max
            && let Some(entry) = resources.get("memory_high")
        {
            self.fault(entry.key_span, Code::NoEffect, "`memory_high` is not below `memory_max`")
                .label("the process is ended before it is slowed down");
        }
        (rlimits, limits)
    }

    /// `"64Mi"`, or a number of bytes.
    fn bytes_of(&mut self, table: &Table, key: &str) -> Option<u64> {
        let entry = table.get(key)?;
        let value = match &entry.node.value {
            Value::Integer(Some(value), _) => u64::try_from(*value).ok(),
            Value::String(text) => value::size(text),
            _ => None,
        };
        self.limit(
            entry,
            value.filter(|value| *value > 0),
            "a size like \"64Mi\", or a number of bytes above 0",
        )
    }

    /// `"1500m"`, or a number of CPUs; in thousandths.
    fn cpus_of(&mut self, table: &Table) -> Option<u64> {
        let entry = table.get("cpu_max")?;
        let value = match &entry.node.value {
            Value::Integer(..) | Value::Float(_) => thousandths(self.sources.slice(entry.node.span)),
            Value::String(text) => match text.strip_suffix('m') {
                Some(number) => number.parse().ok(),
                None => thousandths(text),
            },
            _ => None,
        };
        let value = value.filter(|value| (1..=CPU_MAX).contains(value));
        self.limit(entry, value, "a number of CPUs above 0: \"1500m\" or 1.5")
    }

    fn number_of(&mut self, table: &Table, key: &str, max: u64) -> Option<u64> {
        let entry = table.get(key)?;
        let value = match &entry.node.value {
            Value::Integer(Some(value), _) => u64::try_from(*value).ok(),
            _ => None,
        };
        self.limit(
            entry,
            value.filter(|value| (1..=max).contains(value)),
            &format!("a number from 1 to {max}"),
        )
    }

    fn limit(&mut self, entry: &Entry, value: Option<u64>, expected: &str) -> Option<u64> {
        if value.is_none() {
            let written = short(self.sources.slice(entry.node.span));
            let message = format!("`{} = {written}` is no limit", entry.key);
            self.fault(entry.node.span, Code::BadSize, message).label(expected);
        }
        value
    }

    fn rlimits(&mut self, resources: &Table) -> Vec<Rlimit> {
        let Some(limits) = self.table(resources, "rlimits") else { return Vec::new() };
        let mut rlimits = Vec::new();
        for entry in &limits.entries {
            let Some((resource, bytes)) = value::rlimit(&entry.key) else {
                let message = format!("unknown key `{}`", short(&entry.key));
                let near = nearest(&entry.key, value::rlimit_names());
                let fault =
                    self.fault(entry.key_span, Code::UnknownKey, message).label("not a resource limit");
                if let Some(near) = near {
                    fault.help(format!("did you mean `{near}`?"));
                }
                continue;
            };
            let value = match &entry.node.value {
                Value::Integer(Some(value), _) => u64::try_from(*value).ok(),
                Value::String(text) if text == "infinity" || text == "unlimited" => Some(u64::MAX),
                Value::String(text) if bytes => value::size(text),
                _ => None,
            };
            let Some(value) = value else {
                let written = short(self.sources.slice(entry.node.span));
                let message = format!("`{} = {written}` is no limit", entry.key);
                let label = if bytes {
                    "a number of bytes, a size like \"64Mi\", or \"infinity\""
                } else {
                    "a number, or \"infinity\""
                };
                self.fault(entry.node.span, Code::BadSize, message).label(label);
                continue;
            };
            rlimits.push(Rlimit { name: entry.key.clone(), resource, value });
        }
        rlimits
    }
}

/// `1.5` is 1500; nothing for what is finer than a thousandth.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() > 3 || !is_number(part) || !is_number(whole) || whole.is_empty() {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_in_thousandths() {
        for (text, value) in [
            ("1.5", Some(1_500)),
            ("2", Some(2_000)),
            ("0.001", Some(1)),
            ("0.0001", None),
            ("1e3", None),
            ("-1", None),
            (".5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(thousandths(text), value, "{text}");
        }
    }
}
