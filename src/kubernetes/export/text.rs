//! Texts with variables, for readers that write them `$(NAME)`.
//!
//! Kubernetes replaces `$(NAME)` in commands and in the values of variables by what the container's
//! environment says, and reads `$$` as a dollar. So literal dollars that would be read as either are doubled,
//! and our variables become names of the environment, which [`super::container`] then defines.

use serde_json::{Value, json};

use super::Writer;
use crate::unit::text::{Part, Text, Variable};

/// The completion index: the Job controller sets it, but behind all other variables (IDX-002).
const INDEX: &str = "JOB_COMPLETION_INDEX";
const INDEX_FIELD: &str = "metadata.labels['batch.kubernetes.io/job-completion-index']";
/// How people mostly call the pod's name.
const POD_NAME: &str = "POD_NAME";
const POD_FIELD: &str = "metadata.name";

/// Who reads a text there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A command of a container, or the value of a variable: both forms are read.
    Container,
    /// A command of a probe: dollars are read, but only variables whose value is written down.
    Probe,
    /// Nobody: it stays as it is.
    Nobody,
}

/// The variables of the environment that a container's texts refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    /// What the pod's name is called; `None` where nothing asks for it.
    pub(super) pod: Option<&'static str>,
    /// Whether the value of a variable has the index in it.
    pub(super) index: bool,
    /// The container has a variable `POD_NAME`, and it is another.
    taken: bool,
}

impl Names {
    /// For a container with these variables.
    pub(super) fn of(env: &[(String, Text)]) -> Self {
        let is_field = |text: &Text| *text.parts() == [Part::Variable(Variable::Pod)];
        let taken = env.iter().any(|(name, text)| name == POD_NAME && !is_field(text));
        Self { taken, ..Self::default() }
    }

    /// They in front of a container's own variables: only what stands before can be referred to. So a field
    /// of the pod that the unit itself names comes first, too.
    pub(super) fn before(self, own: Vec<Value>) -> Vec<Value> {
        let mut env: Vec<Value> = self.pod.map(|name| field(name, POD_FIELD)).into_iter().collect();
        env.extend(self.index.then(|| field(INDEX, INDEX_FIELD)));
        let (fields, values): (Vec<Value>, _) =
            own.into_iter().partition(|variable| variable["valueFrom"].is_object());
        for variable in fields.into_iter().chain(values) {
            // Somebody's own JOB_COMPLETION_INDEX, or a POD_NAME that is the pod's name, stands already.
            if env.iter().all(|known| known["name"] != variable["name"]) {
                env.push(variable);
            }
        }
        env
    }
}

/// A variable whose value is a field of the pod.
fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

impl Writer<'_> {
    /// One variable of the environment. A value that is nothing but a field of the pod refers to the field.
    pub(super) fn variable(&mut self, key: &str, name: &str, text: &Text, names: &mut Names) -> Value {
        match text.parts().as_ref() {
            [Part::Variable(Variable::Pod)] if self.pod_name.is_none() => return field(name, POD_FIELD),
            [Part::Variable(Variable::Index)] => return field(name, INDEX_FIELD),
            _ => {}
        }
        names.index |= text.variables().any(|variable| variable == Variable::Index);
        let value = self.text(key, text, Reader::Container, names).unwrap_or_default();
        json!({ "name": name, "value": value })
    }

    /// All words of a command; nothing where one of them cannot be said there.
    pub(super) fn words(
        &mut self,
        key: &str,
        texts: &[Text],
        reader: Reader,
        names: &mut Names,
    ) -> Option<Vec<String>> {
        texts.iter().map(|text| self.text(key, text, reader, names)).collect()
    }

    /// A text for this reader; nothing where it has a variable that is not known there, which is told.
    pub(super) fn text(
        &mut self,
        key: &str,
        text: &Text,
        reader: Reader,
        names: &mut Names,
    ) -> Option<String> {
        // What is known already stands as any other text, and is escaped with it.
        let (mut written, mut literal) = (String::new(), String::new());
        for part in text.parts().iter() {
            match part {
                Part::Literal(words) => literal.push_str(words),
                Part::Variable(variable) => {
                    let value = self.value(key, *variable, reader, names)?;
                    if value.starts_with("$(") {
                        escape(&literal, true, &mut written);
                        literal.clear();
                        written.push_str(&value);
                    } else {
                        literal.push_str(&value);
                    }
                }
            }
        }
        match reader {
            Reader::Nobody => written.push_str(&literal),
            _ => escape(&literal, false, &mut written),
        }
        Some(written)
    }

    fn value(&mut self, key: &str, variable: Variable, reader: Reader, names: &mut Names) -> Option<String> {
        let known = match (variable, &self.pod_name) {
            (Variable::Unit, _) => Some(self.unit.name.to_string()),
            (Variable::Pod, Some((name, _))) => Some(name.clone()),
            (Variable::Replica, Some((_, replica))) => Some(replica.to_string()),
            _ => None,
        };
        if known.is_some() {
            return known;
        }
        let name = variable.name();
        if variable == Variable::Replica {
            let why = "all pods of a Deployment are alike: 0 is written; a StatefulSet numbers its pods";
            self.lose(key, format!("`${{{name}}}`: {why}"));
            return Some("0".to_owned());
        }
        if reader != Reader::Container {
            self.lose(key, format!("`${{{name}}}` is not known there: left out"));
            return None;
        }
        let reference = match variable {
            Variable::Pod => *names.pod.get_or_insert(pod_variable(names.taken)),
            Variable::Index => INDEX,
            _ => {
                // Kubernetes leaves a reference to nothing as it stands: better seen than empty.
                let reference =
                    if variable == Variable::Attempt { "SUPD_ATTEMPT" } else { "SUPD_SCHEDULED_TIME" };
                let why = format!("`$({reference})` is written, which only you can define");
                self.lose(key, format!("`${{{name}}}` is not known there: {why}"));
                reference
            }
        };
        Some(format!("$({reference})"))
    }
}

/// A name for the pod's name; the second one where the unit has something else by the first. It is none of
/// supd's own, for those are refused in a manifest.
fn pod_variable(taken: bool) -> &'static str {
    if taken { "THIS_POD_NAME" } else { POD_NAME }
}

/// Doubles each dollar that would be read as the beginning of something.
fn escape(literal: &str, variable_follows: bool, into: &mut String) {
    let mut letters = literal.chars().peekable();
    while let Some(letter) = letters.next() {
        into.push(letter);
        let read = match letters.peek() {
            Some(next) => matches!(next, '$' | '('),
            None => variable_follows,
        };
        if letter == '$' && read {
            into.push('$');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kubernetes reads a text in which nothing is defined.
    fn read(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            out.push(letter);
            if letter == '$' && rest.peek() == Some(&'$') {
                rest.next();
            }
        }
        out
    }

    #[test]
    fn dollars_come_out_as_they_went_in() {
        for text in ["$", "$$", "a$b", "$(x)", "$$(x)", "$$$", "$HOME $(date) $$", "a$$$$(b", ""] {
            let mut escaped = String::new();
            escape(text, false, &mut escaped);
            assert_eq!(read(&escaped), text, "{escaped}");
            assert!(!escaped.replace("$$", "").contains("$("), "{escaped} refers to something");
        }
        let mut cost = String::new();
        escape("cost $", true, &mut cost);
        assert_eq!(cost, "cost $$", "a variable follows");
    }
}
