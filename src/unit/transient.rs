//! Units without a file: what `supctl run` asks for.

use std::fmt::Write as _;
use std::path::Path;

use toml::de::DeValue;

use super::diagnostic::{Code, Diagnostic};
use super::load::parse_one;
use super::model::Unit;
use super::name::UnitName;

/// What a transient unit runs, and how.
#[derive(Clone, Debug, Default)]
pub struct TransientOptions<'a> {
    /// Program and arguments, taken as they are: a dollar is a dollar.
    pub exec: &'a [String],
    /// A job, not a service.
    pub job: bool,
    /// Keys of the unit format with their values, as after `-p`: `("job.backoff_limit", "3")`. A value that
    /// is no TOML is a string.
    pub properties: &'a [(String, String)],
}

/// Writes the unit that the options ask for, so that it is checked, shown and explained as any other.
pub fn transient_text(options: &TransientOptions<'_>) -> Result<String, Box<Diagnostic>> {
    let mut text = String::new();
    let exec: Vec<String> = options.exec.iter().map(|word| quoted(&word.replace('$', "$$"))).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "exec = [{}]", exec.join(", "));
    let mut has_job = false;
    for (key, value) in options.properties {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if key.is_empty() || !key.chars().all(legal) || key.split('.').any(str::is_empty) {
            let message = format!("`{key}` is no key");
            return Err(Box::new(Diagnostic::of_file(Code::UnknownKey, Path::new("-p"), message)));
        }
        has_job |= key.starts_with("job.");
        let free = ["env.", "labels.", "annotations."].iter().any(|table| key.starts_with(table));
        let is_value = !free && !value.contains('\n') && DeValue::parse(value).is_ok();
        let value = if is_value { value.clone() } else { quoted(value) };
        let _ = writeln!(text, "{key} = {value}");
    }
    if options.job && !has_job {
        text.push_str("job = {}\n");
    }
    Ok(text)
}

/// The unit that the options ask for.
pub fn transient(
    name: &UnitName,
    options: &TransientOptions<'_>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Unit, Vec<Diagnostic>> {
    read_transient(name, &transient_text(options).map_err(|fault| vec![*fault])?, env)
}

/// The unit that such a text stands for.
pub fn read_transient(
    name: &UnitName,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Unit, Vec<Diagnostic>> {
    let path = format!("{name}.toml");
    let mut loaded = parse_one(text.as_bytes(), Path::new(&path), env, false);
    match loaded.units.pop() {
        Some(unit) => Ok(std::sync::Arc::unwrap_or_clone(unit)),
        None => Err(loaded.faults),
    }
}

/// A TOML string of one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::model::{Kind, RestartPolicy};

    fn make(exec: &[&str], job: bool, properties: &[(&str, &str)]) -> Result<Unit, Vec<Diagnostic>> {
        let exec: Vec<String> = exec.iter().map(|word| (*word).to_owned()).collect();
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let properties: Vec<(String, String)> = properties.iter().map(own).collect();
        let name = UnitName::parse("run-1").unwrap();
        transient(&name, &TransientOptions { exec: &exec, job, properties: &properties }, &|_| None)
    }

    #[test]
    fn arguments_are_taken_as_they_are() {
        let words = ["/bin/echo", "$HOME ${index} \"q\" \\ \u{1b}\n", "'", ""];
        let unit = make(&words, false, &[]).unwrap();
        let exec = &unit.pod().unwrap().main.exec;
        let got: Vec<String> = exec.iter().map(|text| text.expand(&|_| "X".into())).collect();
        assert_eq!(got, words);
        assert_eq!(unit.kind(), Kind::Service);
    }

    #[test]
    fn properties_are_keys_of_the_format() {
        let properties = [
            ("restart_policy", "OnFailure"),
            ("job.backoff_limit", "3"),
            ("env.PORT", "8080"),
            ("stop.grace", "5s"),
        ];
        let unit = make(&["true"], true, &properties).unwrap();
        let job = unit.job().unwrap();
        assert_eq!((job.backoff_limit, job.pod.restart_policy), (3, RestartPolicy::OnFailure));
        assert_eq!(job.pod.main.env[0].0, "PORT");
        assert_eq!(make(&["true"], true, &[]).unwrap().kind(), Kind::Job);
    }

    #[test]
    fn a_property_cannot_write_another() {
        for (key, value) in
            [("user = 1\nx", "1"), ("", "1"), ("a..b", "1"), ("user", "1\ngroup = 0"), ("nonsense", "1")]
        {
            assert!(make(&["true"], false, &[(key, value)]).is_err(), "{key}");
        }
    }
}
