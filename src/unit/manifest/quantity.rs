//! Kubernetes' quantities, and `resourceFieldRef`: what a container has written of its CPU and memory, as a
//! number for its variables and files.
//!
//! Only what is written can be told. A limit that is not there is the node's own capacity to Kubernetes, which
//! would be another number on each machine.

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Node, Table, Value};
use super::fields::{Spec, present};
use super::pod::Translation;

pub(super) static RESOURCE_REF: Spec = Spec {
    name: "resourceFieldRef",
    taken: &["containerName", "resource", "divisor"],
    idle: &[],
    refused: &[],
};

/// Suffixes of a quantity, in thousandths.
const SUFFIXES: [(&str, i128); 14] = [
    ("Ki", 1_000 << 10),
    ("Mi", 1_000 << 20),
    ("Gi", 1_000 << 30),
    ("Ti", 1_000 << 40),
    ("Pi", 1_000 << 50),
    ("Ei", 1_000 << 60),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1_000),
];

/// More digits than any quantity has that fits in 64 bits.
const DIGITS_MAX: usize = 18;

/// A quantity in thousandths, rounded up: `500m` is 500, `1Ki` is 1,024,000. Nothing for what is none, is
/// negative or has no bounds.
pub(super) fn thousandths(text: &str) -> Option<i128> {
    let (number, unit) =
        SUFFIXES.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))?;
    let (number, unit) = match number.split_once(['e', 'E']) {
        Some((number, power)) => {
            let power: u32 = power.trim_start_matches('+').parse().ok().filter(|power| *power <= 18)?;
            (number, unit.checked_mul(10i128.pow(power))?)
        }
        None => (number, unit),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10i128.pow(u32::try_from(part.len()).ok()?);
    Some(ceiling(digits.parse::<i128>().ok()?.checked_mul(unit)?, scale))
}

fn ceiling(number: i128, by: i128) -> i128 {
    number / by + i128::from(number % by != 0)
}

impl Translation<'_> {
    /// What `resourceFieldRef` stands for. `own`: the container where none is named.
    pub(super) fn resource_field(&mut self, of: &Table, at: Span, own: Option<&str>) -> Option<String> {
        self.fields.check(of, &RESOURCE_REF);
        self.fields.needed(of, "resource", at, "resourceFieldRef")?;
        let (resource, span) = self.fields.string(of, "resource")?;
        let known = resource.split_once('.').filter(|(kind, name)| {
            ["limits", "requests"].contains(kind) && ["cpu", "memory", "ephemeral-storage"].contains(name)
        });
        let Some((kind, name)) = known else {
            let message = format!("`resource: {}` is none of a container", short(resource));
            let help = "one of limits.cpu, limits.memory, requests.cpu, requests.memory";
            self.fields.fault(span, Code::OutOfRange, message).help(help);
            return None;
        };
        let (container, container_at) = match self.fields.string(of, "containerName") {
            Some(named) => named,
            None => match own {
                Some(own) => (own, at),
                None => {
                    self.fields.needed(of, "containerName", at, "resourceFieldRef of a volume")?;
                    return None;
                }
            },
        };
        let Some(resources) = self.resources.get(container).cloned() else {
            let message = format!("there is no container `{}`", short(container));
            self.fields.fault(container_at, Code::OutOfRange, message);
            return None;
        };
        let divisor = match present(of, "divisor") {
            // `0` is how an unset one is written out.
            Some(entry) => match self.quantity(&entry.node, "divisor")? {
                0 => 1_000,
                divisor => divisor,
            },
            None => 1_000,
        };
        let written = |kind| resources.get(kind)?.node.as_table()?.get(name).map(|entry| entry.node.clone());
        // What is limited and not requested is requested as it is limited.
        let node = written(kind).or_else(|| written("limits").filter(|_| kind == "requests"));
        match node {
            Some(node) => Some(ceiling(self.quantity(&node, name)?, divisor).to_string()),
            None if kind == "requests" => Some("0".to_owned()),
            None => {
                self.fields.refuse(
                    span,
                    resource,
                    "the container has no such limit; Kubernetes would take its node's",
                );
                None
            }
        }
    }

    /// A quantity that is written as text or as a number.
    pub(super) fn quantity(&mut self, node: &Node, key: &str) -> Option<i128> {
        let text = match &node.value {
            Value::String(text) => text.clone(),
            Value::Integer(..) | Value::Float(_) => self.fields.sources.slice(node.span).to_owned(),
            _ => String::new(),
        };
        let quantity = thousandths(&text);
        if quantity.is_none() {
            let message = format!("`{key}: {}` is no quantity", short(&text));
            self.fields.fault(node.span, Code::BadSize, message).label("like `500m`, `2` or `256Mi`");
        }
        quantity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, value) in [
            ("500m", Some(500)),
            ("2", Some(2_000)),
            ("0.5", Some(500)),
            (".0001", Some(1)),
            ("64Mi", Some((64 << 20) * 1_000)),
            ("1.5Gi", Some((3 << 29) * 1_000)),
            ("128e6", Some(128_000_000_000)),
            ("1k", Some(1_000_000)),
            ("0", Some(0)),
            ("", None),
            ("-1", None),
            ("1e99", None),
            ("1 Gi", None),
            ("9999999999999999999", None),
        ] {
            assert_eq!(thousandths(text), value, "{text}");
        }
        assert_eq!((ceiling(1_500, 1_000), ceiling(1_000, 1_000), ceiling(0, 7)), (2, 1, 0));
    }
}
