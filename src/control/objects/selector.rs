//! `-l`: which objects are meant, by their labels. Kubernetes' grammar, equality and sets.

use super::Metadata;

/// `-l app=web,tier!=test,canary,!old,zone in (a,b)`: every part must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<(String, Want)>);

/// What one part of a selector asks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    /// `key=value`, `key==value`, `key in (a,b)`
    OneOf(Vec<String>),
    /// `key!=value`, `key notin (a,b)`; true without the label, as in Kubernetes.
    NoneOf(Vec<String>),
    /// `key`
    Present,
    /// `!key`
    Absent,
}

impl Selector {
    /// Reads a selector, or says what of it cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = parts(text).into_iter().map(str::trim).filter(|part| !part.is_empty());
        parts.map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it asks anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Metadata {
    /// Whether it has the labels that are asked for.
    pub fn matches(&self, selector: &Selector) -> bool {
        selector.0.iter().all(|(key, want)| {
            let label = self.labels.get(key);
            match want {
                Want::OneOf(values) => label.is_some_and(|label| values.contains(label)),
                Want::NoneOf(values) => label.is_none_or(|label| !values.contains(label)),
                Want::Present => label.is_some(),
                Want::Absent => label.is_none(),
            }
        })
    }
}

/// Parts between commas that are not within parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut within) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' => within = true,
            ')' => within = false,
            ',' if !within => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn part(text: &str) -> Result<(String, Want), String> {
    let wrong = || {
        let text = text.escape_debug();
        format!(
            "`{text}` is no part of a selector; write `key=value`, `key!=value`, `key in (a,b)`, `key` or `!key`"
        )
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    let (key, want) = if let Some((head, values)) = text.split_once('(') {
        let values = values.trim_end().strip_suffix(')').ok_or_else(wrong)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, word) = head.trim_end().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
        match word {
            "in" => (key, Want::OneOf(values)),
            "notin" => (key, Want::NoneOf(values)),
            _ => return Err(wrong()),
        }
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Want::NoneOf(one(value)))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Want::OneOf(one(value)))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Want::Absent)
    } else {
        (text, Want::Present)
    };
    let key = key.trim();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if key.is_empty() || !key.chars().all(legal) { Err(wrong()) } else { Ok((key.to_owned(), want)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_kubernetes() {
        let labels = [("app", "web"), ("tier", "front"), ("example.org/zone", "a")];
        let metadata = Metadata {
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..Metadata::default()
        };
        for (text, matches) in [
            ("", true),
            ("app=web", true),
            ("app==web , tier!=back", true),
            ("app", true),
            ("!app", false),
            ("none!=x,!none", true),
            ("app=web,tier=back", false),
            ("app in (web, db)", true),
            ("app in (db),tier=front", false),
            ("app notin (db,cache),example.org/zone in (a)", true),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("none in (web)", false),
            ("app in (web),!tier", false),
        ] {
            assert_eq!(metadata.matches(&Selector::parse(text).unwrap()), matches, "{text}");
        }
        for bad in
            ["=web", "a b=c", "!", "app in web", "app in (web", "app within (web)", "in (web)", "(web)"]
        {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
