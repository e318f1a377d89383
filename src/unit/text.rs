//! Text with variables: `--shard ${index}`.
//!
//! `${env:NAME}` and `${instance}` are known at load and replaced there. What is left is known when a pod
//! or a run is made.

use std::borrow::Cow;
use std::fmt;

/// A variable that is known when a pod or a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `${unit}`
    Unit,
    /// `${pod}`
    Pod,
    /// `${replica}`: services only.
    Replica,
    /// `${index}`: indexed jobs only.
    Index,
    /// `${attempt}`: 0 for the first run of a process in its pod.
    Attempt,
    /// `${scheduled_time}`: cronjobs only, RFC 3339.
    ScheduledTime,
}

/// Text in which some variables are still to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Repr);

/// Nearly all texts have no variable, and there are several in each unit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    Literal(Box<str>),
    Parts(Box<[Part]>),
}

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Stands for itself.
    Literal(String),
    /// Stands for a value.
    Variable(Variable),
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Where in the text, in bytes.
    pub at: usize,
    /// How many bytes.
    pub length: usize,
    /// What is wrong.
    pub kind: TextErrorKind,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextErrorKind {
    /// `${` without `}`.
    Unclosed,
    /// A name that is no variable.
    Unknown(String),
    /// `${env:NAME}` of a variable that supd's environment does not have.
    UndefinedEnv(String),
    /// A `$` that is neither `${…}` nor `$$`.
    BareDollar,
}

/// What is known at load.
pub struct LoadVariables<'a> {
    /// The instance of `worker@eu`; `None` where the unit is none.
    pub instance: Option<&'a str>,
    /// supd's own environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl Text {
    /// Text without variables, whatever it contains.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(Repr::Literal(text.into().into()))
    }

    /// Reads `${…}` and `$$`, and replaces what is known at load.
    pub fn parse(text: &str, known: &LoadVariables<'_>) -> Result<Self, TextError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            let at = text.len() - rest.len() + dollar;
            let after = &rest[dollar + 1..];
            if let Some(tail) = after.strip_prefix('$') {
                literal.push('$');
                rest = tail;
                continue;
            }
            let Some(body) = after.strip_prefix('{') else {
                return Err(TextError { at, length: 1, kind: TextErrorKind::BareDollar });
            };
            let Some(end) = body.find('}') else {
                return Err(TextError { at, length: rest.len() - dollar, kind: TextErrorKind::Unclosed });
            };
            let fault = |kind| TextError { at, length: end + 3, kind };
            match resolve(&body[..end], known).map_err(fault)? {
                Part::Literal(value) => literal.push_str(&value),
                variable => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(variable);
                }
            }
            rest = &body[end + 1..];
        }
        literal.push_str(rest);
        if parts.is_empty() {
            return Ok(Self::literal(literal));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(Repr::Parts(parts.into())))
    }

    /// The variables that are still to be replaced.
    pub fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        let parts = match &self.0 {
            Repr::Literal(_) => &[],
            Repr::Parts(parts) => &**parts,
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(*variable),
            Part::Literal(_) => None,
        })
    }

    /// What it is made of, in order; no literal is empty, but that of an empty text.
    pub fn parts(&self) -> Cow<'_, [Part]> {
        match &self.0 {
            Repr::Literal(text) => Cow::Owned(vec![Part::Literal(text.to_string())]),
            Repr::Parts(parts) => Cow::Borrowed(parts),
        }
    }

    /// The text with its variables replaced.
    pub fn expand(&self, value: &dyn Fn(Variable) -> String) -> String {
        let expand = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Variable(variable) => value(*variable),
        };
        match &self.0 {
            Repr::Literal(text) => text.to_string(),
            Repr::Parts(parts) => parts.iter().map(expand).collect(),
        }
    }
}

/// What `${name}` stands for.
fn resolve(name: &str, known: &LoadVariables<'_>) -> Result<Part, TextErrorKind> {
    let variable = match name {
        "unit" => Variable::Unit,
        "pod" => Variable::Pod,
        "replica" => Variable::Replica,
        "index" => Variable::Index,
        "attempt" => Variable::Attempt,
        "scheduled_time" => Variable::ScheduledTime,
        "instance" => {
            return match known.instance {
                Some(instance) => Ok(Part::Literal(instance.to_owned())),
                None => Err(TextErrorKind::Unknown(name.to_owned())),
            };
        }
        _ => {
            let Some(env) = name.strip_prefix("env:") else {
                return Err(TextErrorKind::Unknown(name.to_owned()));
            };
            let (name, default) = match env.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (env, None),
            };
            return match ((known.env)(name), default) {
                (Some(value), _) => Ok(Part::Literal(value)),
                (None, Some(default)) => Ok(Part::Literal(default.to_owned())),
                (None, None) => Err(TextErrorKind::UndefinedEnv(name.to_owned())),
            };
        }
    };
    Ok(Part::Variable(variable))
}

/// As it was written, but for what was replaced at load.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match &self.0 {
            Repr::Literal(text) => return f.write_str(text),
            Repr::Parts(parts) => parts,
        };
        parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Variable(variable) => write!(f, "${{{}}}", variable.name()),
        })
    }
}

impl Variable {
    /// As users write it, without `${}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Pod => "pod",
            Self::Replica => "replica",
            Self::Index => "index",
            Self::Attempt => "attempt",
            Self::ScheduledTime => "scheduled_time",
        }
    }
}

impl fmt::Display for TextErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => write!(f, "`${{` without `}}`"),
            Self::Unknown(name) => write!(f, "`${{{name}}}` is no variable here"),
            Self::UndefinedEnv(name) => write!(f, "supd's environment has no `{name}`"),
            Self::BareDollar => write!(f, "a dollar is written `$$`, a variable `${{name}}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Text, TextError> {
        let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        Text::parse(text, &LoadVariables { instance: Some("eu"), env: &env })
    }

    #[test]
    fn replaces_what_is_known_and_keeps_the_rest() {
        let text = parse("${env:HOME}/${instance}-${index}$$${env:X:-y}").unwrap();
        assert_eq!(text.to_string(), "/root/eu-${index}$y");
        assert_eq!(text.expand(&|_| "7".into()), "/root/eu-7$y");
        assert_eq!(text.variables().collect::<Vec<_>>(), [Variable::Index]);
    }

    #[test]
    fn says_where_it_is_wrong() {
        let fault = parse("ab${indx}").unwrap_err();
        assert_eq!((fault.at, fault.length), (2, 7));
        assert_eq!(fault.kind, TextErrorKind::Unknown("indx".into()));
        assert_eq!(parse("a$b").unwrap_err().kind, TextErrorKind::BareDollar);
        assert_eq!(parse("a${b").unwrap_err().kind, TextErrorKind::Unclosed);
        assert_eq!(parse("${env:NO}").unwrap_err().kind, TextErrorKind::UndefinedEnv("NO".into()));
    }
}
