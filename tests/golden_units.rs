//! What supd says of unit files, word for word.
//!
//! `tests/golden/good`: each loads without a word. `bad`: each is refused, and what is said stands beside it
//! in `NAME.stderr`. A case is a file, or a directory where it takes several. `contract`: the examples of the
//! unit format's page, of which everything is understood, and only what is not built is refused.
//! `manifests/good`: each manifest with what is said of it and the units that it becomes, `manifests/bad`: each
//! is refused.
//! `UPDATE_GOLDEN=1` writes the expected texts anew; read what changed before you commit it.
#![allow(clippy::unwrap_used)] // A test fails by panic.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use supd::unit::diagnostic::Code;
use supd::unit::load::{LoadOptions, Loaded, cat, load, parse_one};

fn environment(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/root".to_owned())
}

/// Paths are relative to the package, where tests run, so that the texts are the same everywhere.
fn load_case(path: &Path) -> Loaded {
    load(&LoadOptions {
        paths: &[path.to_owned()],
        must_exist: true,
        instances: &[],
        env: &environment,
        as_root: false,
        look_up: false,
    })
}

fn cases(directory: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(Path::new("tests/golden").join(directory)).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            path.is_dir() || path.extension().is_some_and(|ending| ending == "toml" || ending == "yaml")
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// All faults as they are shown, then what was loaded all the same.
fn transcript(loaded: &Loaded) -> String {
    let mut text = String::new();
    for fault in &loaded.faults {
        let _ = writeln!(text, "{}", fault.render(false));
    }
    let units: Vec<&str> = loaded.units.iter().map(|unit| unit.name.as_str()).collect();
    let refused: Vec<&str> = loaded.refused.iter().map(|name| name.as_str()).collect();
    let _ = writeln!(text, "loaded: {}\nrefused: {}", units.join(" "), refused.join(" "));
    text
}

/// Compares with the file beside the case; answers what is different.
fn compare(case: &Path, got: &str) -> Option<String> {
    let expected_path = case.with_extension("stderr");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&expected_path, got).expect("the expected text can be written");
        return None;
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    (expected != got).then(|| format!("{}:\n--- expected\n{expected}--- got\n{got}", case.display()))
}

#[test]
fn good_units_load_without_a_word() {
    for case in cases("good") {
        let loaded = load_case(&case);
        assert!(loaded.faults.is_empty(), "{}:\n{}", case.display(), transcript(&loaded));
        assert!(!loaded.units.is_empty() || !loaded.templates.is_empty(), "{}", case.display());
    }
}

#[test]
fn bad_units_are_refused_in_these_words() {
    let mut wrong = Vec::new();
    for case in cases("bad") {
        let loaded = load_case(&case);
        assert!(!loaded.faults.is_empty(), "{} has no fault", case.display());
        wrong.extend(compare(&case, &transcript(&loaded)));
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn bad_schedules_are_refused_in_these_words() {
    let mut wrong = Vec::new();
    for case in cases("calendar") {
        let loaded = load_case(&case);
        assert!(!loaded.faults.is_empty(), "{} has no fault", case.display());
        wrong.extend(compare(&case, &transcript(&loaded)));
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn the_format_page_is_understood_but_for_what_is_not_built() {
    let mut wrong = Vec::new();
    for case in cases("contract") {
        let loaded = load_case(&case);
        for fault in &loaded.faults {
            let excused = matches!(fault.code, Code::NotYet | Code::Missing | Code::RelationMissing);
            assert!(excused, "{}:\n{}", case.display(), fault.render(false));
        }
        wrong.extend(compare(&case, &transcript(&loaded)));
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn manifests_become_these_units() {
    let mut wrong = Vec::new();
    for case in cases("manifests/good") {
        let loaded = load_case(&case);
        let mut text = transcript(&loaded);
        for unit in &loaded.units {
            let _ = writeln!(text, "\n--- {}\n{}", unit.name, loaded.texts[&unit.name]);
        }
        wrong.extend(compare(&case, &text));
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn bad_manifests_are_refused_in_these_words() {
    let mut wrong = Vec::new();
    for case in cases("manifests/bad") {
        let loaded = load_case(&case);
        assert!(loaded.has_errors(), "{} has no fault", case.display());
        wrong.extend(compare(&case, &transcript(&loaded)));
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn the_shipped_units_load_without_a_word() {
    let loaded = load(&LoadOptions {
        paths: &[PathBuf::from("units")],
        must_exist: true,
        instances: &[],
        env: &environment,
        as_root: false,
        look_up: true,
    });
    assert!(loaded.faults.is_empty(), "{}", transcript(&loaded));
    assert!(loaded.units.len() >= 8, "{}", transcript(&loaded));
}

/// Whether their programs are here is the business of whoever installs them.
#[test]
fn the_units_of_a_debian_host_load_without_a_word() {
    let loaded = load(&LoadOptions {
        paths: &[PathBuf::from("packaging/debian-host")],
        must_exist: true,
        instances: &[],
        env: &environment,
        as_root: false,
        look_up: false,
    });
    assert!(loaded.faults.is_empty(), "{}", transcript(&loaded));
    assert!(loaded.units.len() >= 20, "{}", transcript(&loaded));
}

/// Every fault that a golden case can have, has one.
#[test]
fn each_code_has_a_case() {
    let elsewhere = [
        // They need another owner, another type of file, too large a text, or this machine's accounts:
        // `tests/unit_files.rs`, and the tests beside the code.
        Code::Unreadable,
        Code::NotRegular,
        Code::Unsafe,
        Code::NotText,
        Code::TooDeep,
        Code::TooManyUnits,
        Code::NoSuchAccount,
        Code::NoSuchProgram,
    ];
    let seen: BTreeSet<Code> = cases("bad")
        .iter()
        .chain(&cases("calendar"))
        .chain(&cases("manifests/bad"))
        .flat_map(|case| load_case(case).faults)
        .map(|fault| fault.code)
        .collect();
    let missing: Vec<_> =
        Code::ALL.iter().filter(|code| !seen.contains(code) && !elsewhere.contains(code)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

/// What `supctl cat` shows of a unit is that unit again.
#[test]
fn what_cat_shows_loads_as_the_same_unit() {
    let mut count = 0;
    for case in cases("good").into_iter().chain(cases("manifests/good")) {
        let paths = [case.clone()];
        let options = LoadOptions {
            paths: &paths,
            must_exist: true,
            instances: &[],
            env: &environment,
            as_root: false,
            look_up: false,
        };
        for unit in load(&options).units {
            // A default may be without effect in one unit; written in that unit it would be a fault.
            if case.ends_with("bundle") && unit.name.as_str() == "import" {
                continue;
            }
            let text = cat(&options, &unit.name).expect("it was loaded");
            let path = PathBuf::from(format!("{}.toml", unit.name));
            let again = parse_one(text.as_bytes(), &path, &environment, false);
            let shown: String = again.faults.iter().map(|fault| fault.render(false)).collect();
            assert_eq!(again.units.len(), 1, "{text}\n{shown}");
            assert_eq!(again.units[0].hash, unit.hash, "{text}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
