//! ConfigMaps and Secrets: texts that workloads take as variables and as files.

use std::collections::BTreeMap;

use super::super::diagnostic::{Code, Diagnostic, Faults};
use super::super::reader::short;
use super::super::source::{Sources, Span};
use super::super::tree::{Table, Value};
use super::fields::{Fields, Spec};
use super::object::{Kind, Manifest};

/// All ConfigMaps and Secrets of a load, by kind and name.
#[derive(Default)]
pub(in crate::unit) struct Configs(BTreeMap<(Kind, String), Config>);

/// One of them: its keys in order.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) data: Vec<(String, Datum)>,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datum {
    pub(super) bytes: Vec<u8>,
    /// Where it was written.
    pub(super) span: Span,
    /// Of `binaryData`: for files, never for variables.
    pub(super) binary: bool,
}

static CONFIG_MAP: Spec = Spec {
    name: "a ConfigMap",
    taken: &["apiVersion", "kind", "metadata", "data", "binaryData"],
    idle: &[("immutable", "")],
    refused: &[],
};
static SECRET: Spec = Spec {
    name: "a Secret",
    taken: &["apiVersion", "kind", "metadata", "data", "stringData", "type"],
    idle: &[("immutable", "")],
    refused: &[],
};

impl Configs {
    /// Takes one in, unless there is one of its name already: the stronger comes first. The faults of one
    /// that is bad, which is left out.
    pub(in crate::unit) fn add(&mut self, manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
        let mut fields = Fields::new(sources, Faults::new(sources, None));
        let config = fields.config(manifest);
        if fields.faults.errors() == 0 {
            self.0.entry((manifest.kind, manifest.name.clone())).or_insert(config);
        }
        fields.faults.finish()
    }

    /// The one of this name.
    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Config> {
        self.0.get(&(kind, name.to_owned()))
    }

    /// The names of this kind.
    pub(super) fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |key| key.0 == kind).map(|key| key.1.as_str())
    }
}

impl Config {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Datum> {
        self.data.iter().find(|(name, _)| name == key).map(|(_, datum)| datum)
    }

    fn put(&mut self, key: &str, datum: Datum) {
        match self.data.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = datum,
            None => self.data.push((key.to_owned(), datum)),
        }
    }
}

impl Fields<'_> {
    fn config(&mut self, manifest: &Manifest) -> Config {
        let secret = manifest.kind == Kind::Secret;
        let object = &manifest.object;
        self.check(object, if secret { &SECRET } else { &CONFIG_MAP });
        self.boolean(object, "immutable");
        self.string(object, "type");
        let mut config = Config::default();
        // Text in one, base64 in the other; what a Secret has as `stringData` is laid over its `data`.
        let (encoded, plain) = if secret { ("data", "stringData") } else { ("binaryData", "data") };
        for (key, text, span) in self.pairs(object, encoded) {
            match decode_base64(&text) {
                Some(bytes) => config.put(&key, Datum { bytes, span, binary: !secret }),
                None => {
                    let message = format!("the value of `{}` is no base64", short(&key));
                    let fault = self.fault(span, Code::BadBase64, message);
                    if secret {
                        fault.help("plain text stands in `stringData`");
                    }
                }
            }
        }
        for (key, text, span) in self.pairs(object, plain) {
            config.put(&key, Datum { bytes: text.into_bytes(), span, binary: false });
        }
        config
    }

    fn pairs(&mut self, object: &Table, field: &str) -> Vec<(String, String, Span)> {
        let Some((table, _)) = self.object(object, field) else { return Vec::new() };
        let mut pairs = Vec::with_capacity(table.entries.len());
        for entry in &table.entries {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let key = &entry.key;
            if key.is_empty()
                || key.len() > 253
                || !key.chars().all(legal)
                || key == "."
                || key.starts_with("..")
            {
                let message = format!("`{}` is no key of `{field}`", short(key));
                self.fault(entry.key_span, Code::BadName, message)
                    .label("a key has letters, digits, `-`, `_` and `.`, at most 253");
                continue;
            }
            match &entry.node.value {
                Value::String(text) => pairs.push((key.clone(), text.clone(), entry.node.span)),
                Value::Null => pairs.push((key.clone(), String::new(), entry.node.span)),
                _ => self.wrong_type(key, &entry.node, "a string"),
            }
        }
        pairs
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with its padding; white space is passed over.
pub(in crate::unit) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    for (place, four) in digits.chunks(4).enumerate() {
        let last = (place + 1) * 4 == digits.len();
        let padding = four.iter().rev().take_while(|digit| **digit == b'=').count();
        if padding > 2 || (padding > 0 && !last) {
            return None;
        }
        let mut word = 0u32;
        for digit in four {
            let value = match ALPHABET.iter().position(|known| known == digit) {
                Some(value) => u32::try_from(value).ok()?,
                None if *digit == b'=' => 0,
                None => return None,
            };
            word = word << 6 | value;
        }
        bytes.extend(&word.to_be_bytes()[1..4 - padding]);
        // An `=` between digits.
        if four[..4 - padding].contains(&b'=') {
            return None;
        }
    }
    Some(bytes)
}

/// The same, the other way.
pub(in crate::unit) fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word[1..=three.len()].copy_from_slice(three);
        let word = u32::from_be_bytes(word);
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place > three.len() { '=' } else { char::from(ALPHABET[digit]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_reads_back() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] {
            let encoded = encode_base64(text.as_bytes());
            assert_eq!(decode_base64(&encoded).as_deref(), Some(text.as_bytes()), "{encoded}");
        }
        assert_eq!(encode_base64(b"fo"), "Zm8=");
        assert_eq!(decode_base64("Zm8=\n").as_deref(), Some(&b"fo"[..]));
        for bad in ["Z", "Zm8", "Zm8=Zm8=", "====", "Z=8=", "Zm8!", "plain text"] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }
}
