//! `validate`: unit files are checked; no supd is needed.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::Context;
use super::exit::os_words;
use super::exit::{Exit, Failure, Outcome};
use super::files::stdin_name;
use super::format::{self, Format, OutputOptions};
use super::socket;
use crate::limits::UNIT_FILE_BYTES_MAX;
use crate::unit::diagnostic::{Diagnostic, Severity};
use crate::unit::load::{LoadOptions, Loaded, load, parse_one};

/// Arguments of `validate`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl validate\n  supctl validate web.toml units/ -o json\n  supctl validate deployment.yaml\n\nExit codes: 0 valid, 78 invalid"
)]
pub struct Options {
    /// Unit files or directories; without any, those supd would read
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The same, for kubectl's hands
    #[arg(short, long, value_name = "FILE", hide = true)]
    filename: Vec<PathBuf>,
    /// Warnings are faults, too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    valid: bool,
    units: Vec<&'a str>,
    faults: &'a [Diagnostic],
}

/// `supctl validate [FILE|DIR]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let named: Vec<PathBuf> = options.paths.iter().chain(&options.filename).cloned().collect();
    let loaded = check(&named)?;
    let fatal = |fault: &Diagnostic| options.strict || fault.severity == Severity::Error;
    let valid = !loaded.faults.iter().any(fatal);
    let text = match options.output.format() {
        Format::Table | Format::Wide => in_words(&loaded, context.screen.color),
        Format::Name => loaded.units.iter().map(|unit| format!("unit/{}\n", unit.name)).collect(),
        structured => {
            let units = loaded.units.iter().map(|unit| unit.name.as_str()).collect();
            let answer = Answer { valid, units, faults: &loaded.faults };
            match structured {
                Format::Yaml => format::yaml(&answer)?,
                Format::JsonLines => format::json_line(&answer)?,
                _ => format::json(&answer)?,
            }
        }
    };
    context.print(&text)?;
    if named.is_empty() && loaded.units.is_empty() && loaded.faults.is_empty() {
        let places: Vec<String> =
            socket::settings()?.units.iter().map(|path| format!("`{}`", path.display())).collect();
        context.note(&format!("no unit files were found in {}", places.join(", ")));
    }
    Ok(if valid { Exit::DONE } else { Exit::CONFIGURATION })
}

/// Directories are loaded as supd would; a file by itself is not asked whether what it relates to exists.
fn check(named: &[PathBuf]) -> Result<Loaded, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    if named.is_empty() {
        let paths = socket::settings()?.units;
        return Ok(load(&options_for(&paths, false, &environment)));
    }
    if named.iter().any(|path| path.is_dir()) {
        return Ok(load(&options_for(named, true, &environment)));
    }
    // Manifests refer to one another, and to nothing else.
    let manifest =
        |path: &PathBuf| path != Path::new("-") && path.extension().is_some_and(|ending| ending != "toml");
    if named.iter().all(manifest) {
        return Ok(load(&options_for(named, true, &environment)));
    }
    let mut all = Loaded::default();
    for path in named {
        let (text, name) = read(path)?;
        let one = parse_one(&text, &name, &environment, true);
        all.units.extend(one.units);
        all.faults.extend(one.faults);
        all.refused.extend(one.refused);
        all.templates.extend(one.templates);
    }
    Ok(all)
}

fn options_for<'a>(
    paths: &'a [PathBuf],
    must_exist: bool,
    env: &'a dyn Fn(&str) -> Option<String>,
) -> LoadOptions<'a> {
    LoadOptions { paths, must_exist, instances: &[], env, as_root: false, look_up: true }
}

/// A file's bytes and its name; standard input is a unit called `stdin`.
fn read(path: &Path) -> Result<(Vec<u8>, PathBuf), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::CONFIGURATION, format!("cannot read `{}`: {}", path.display(), os_words(&error)))
    };
    // One byte more than is allowed: the check of the text tells of it in words.
    let limit = UNIT_FILE_BYTES_MAX.saturating_add(1);
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut text).map_err(unreadable)?;
        let name = stdin_name(&String::from_utf8_lossy(&text));
        return Ok((text, PathBuf::from(name)));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(limit).read_to_end(&mut text).map_err(unreadable)?;
    Ok((text, path.to_owned()))
}

/// Every fault with its place, then one line for all.
fn in_words(loaded: &Loaded, color: bool) -> String {
    let mut text = String::new();
    for fault in &loaded.faults {
        text.push_str(fault.render(color).trim_end());
        text.push_str("\n\n");
    }
    let errors = loaded.faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let warnings = loaded.faults.len() - errors;
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let mut parts = vec![match loaded.units.len() {
        1 => "1 unit is valid".to_owned(),
        units => format!("{units} units are valid"),
    }];
    parts.extend((errors > 0).then(|| count(errors, "error")));
    parts.extend((warnings > 0).then(|| count(warnings, "warning")));
    text.push_str(&parts.join(", "));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_with_and_without_their_neighbours() {
        let temp = tempfile::tempdir().unwrap();
        let web = temp.path().join("web.toml");
        std::fs::write(&web, "exec = [\"/bin/true\"]\nrequires = [\"db\"]\n").unwrap();
        assert!(!check(std::slice::from_ref(&web)).unwrap().has_errors(), "alone it may relate to anything");
        assert!(check(&[temp.path().to_owned()]).unwrap().has_errors(), "in its directory `db` is missing");
        std::fs::write(&web, "exce = [\"/bin/true\"]\n").unwrap();
        let loaded = check(&[web]).unwrap();
        assert!(in_words(&loaded, false).contains("error"), "{}", in_words(&loaded, false));
        assert!(
            check(&[temp.path().join("none.toml")]).is_err_and(|failure| failure.exit == Exit::CONFIGURATION)
        );
    }
}
