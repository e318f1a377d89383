//! Reads the tree and holds its rules: who may use whom, the purity of the engine, where `unsafe` may
//! stand, and what no file may contain.
#![allow(clippy::unwrap_used)] // A test fails by panic.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of src/ with the parts of ours that they may use. `limits` is for all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("unit", &["unit"]),
    ("wire", &["wire", "sys", "settings"]),
    ("engine", &["engine", "unit"]),
    ("store", &["store", "unit", "engine"]),
    ("logs", &["logs", "unit", "engine", "wire", "sys", "settings"]),
    ("control", &["control", "unit", "engine"]),
    ("runtime", &["runtime", "unit", "engine", "wire", "place", "sys", "settings"]),
    ("keeper", &["keeper", "wire", "place", "sys", "settings"]),
    ("machine", &["machine", "wire", "place", "sys", "settings"]),
    ("spawner", &["spawner", "wire", "place", "sys", "settings"]),
    ("place", &["place", "sys", "settings"]),
    ("look", &["look", "logs"]),
    ("sys", &["sys"]),
    ("settings", &["settings"]),
    ("cli", &["cli", "control", "kubernetes", "logs", "unit", "engine", "place", "sys", "settings"]),
    ("kubernetes", &["kubernetes", "unit"]),
    (
        "manager",
        &[
            "manager", "unit", "engine", "runtime", "store", "logs", "control", "wire", "place", "sys",
            "settings",
        ],
    ),
];

/// What the engine may not touch: clocks, files, processes, threads, randomness, unordered maps.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::process",
    "std::thread",
    "std::net",
    "std::env",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "RandomState",
    "nix::",
    "libc::",
    "tokio",
    "tracing",
    "jiff",
    "chrono",
    "static mut",
];

/// What no file of src/ may contain outside its tests.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo!", "build it, or refuse it by name"),
    ("unimplemented!", "build it, or refuse it by name"),
    ("dbg!", "use tracing"),
    ("FIXME", "mend it"),
    ("XXX", "mend it"),
    (".unwrap()", "handle it, or state the invariant with expect"),
    ("process::Command", "the keeper reaps everything: a second waiter loses exit statuses"),
    ("tokio::process", "the keeper reaps everything: a second waiter loses exit statuses"),
    ("tokio::fs", "no blocking pool in the manager"),
    ("thread::spawn", "one thread, one loop, one owner of state"),
    ("thread::sleep", "wait for an event"),
];

/// Where `unsafe` may stand.
fn unsafe_is_allowed(path: &str) -> bool {
    path == "src/sys.rs" || path.starts_with("src/sys/") || path == "src/spawner/child.rs"
}

struct Source {
    path: String,
    /// Without its test module.
    code: String,
    whole: String,
}

fn files(root: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            // Tests of a module may be several files.
            let tests = name == "tests" && folder != root;
            if path.is_dir() && name != "target" && name != ".git" && !tests {
                folders.push(path);
            } else if name.ends_with(ending) && name != "tests.rs" && !name.ends_with("_tests.rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| {
        let whole = fs::read_to_string(&path).unwrap();
        let code = whole.split("#[cfg(test)]").next().unwrap().to_owned();
        Source { path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), code, whole }
    };
    let sources: Vec<Source> = files(&root.join("src"), ".rs").into_iter().map(read).collect();
    assert!(sources.len() > 50, "the tree was not read");
    sources
}

/// The part of src/ that a file belongs to.
fn part(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap();
    below.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Lines of code: comments and doc comments say what they like.
fn code_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn each_part_uses_only_what_it_may() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part(&source.path)) else {
            continue;
        };
        for (number, line) in code_lines(&source) {
            for used in line.match_indices("crate::").map(|(at, _)| &line[at + 7..]) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                if !used.is_empty() && used != "limits" && !allowed.contains(&used) {
                    faults.push(format!("{}:{}: may not use {used}", source.path, number + 1));
                }
            }
        }
    }
    report(faults);
}

#[test]
fn each_part_is_known() {
    let known = |name: &str| {
        MAY_USE.iter().any(|(part, _)| *part == name) || ["lib", "bin", "limits"].contains(&name)
    };
    let unknown = sources().iter().filter(|s| !known(part(&s.path))).map(|s| s.path.clone()).collect();
    report(unknown);
}

#[test]
fn the_engine_is_pure() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/engine/")) {
        for (number, line) in code_lines(source) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    report(faults);
}

#[test]
fn the_keeper_and_the_spawner_are_small_worlds() {
    let mut faults = Vec::new();
    for source in sources() {
        if !["keeper", "machine", "spawner", "wire", "place", "sys"].contains(&part(&source.path)) {
            continue;
        }
        for (number, line) in code_lines(&source) {
            for word in ["tokio", "serde", "toml::", "hyper", "tracing", "HashMap", "jiff", "clap"] {
                if line.contains(word) {
                    faults.push(format!("{}:{}: {word}", source.path, number + 1));
                }
            }
        }
    }
    report(faults);
}

#[test]
fn unsafe_stands_only_where_it_may_and_says_why() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in code_lines(&source) {
            let is_unsafe = line.contains("unsafe ") && !line.contains("unsafe_code");
            if is_unsafe && !unsafe_is_allowed(&source.path) {
                faults.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    report(faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in code_lines(&source) {
            // supctl may look again after a while: it is a client, and somebody's eyes are its clock.
            let client = |word: &str| word == "thread::sleep" && source.path.starts_with("src/cli/");
            let found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word) && !client(word));
            for (word, instead) in found {
                faults.push(format!("{}:{}: {word}: {instead}", source.path, number + 1));
            }
        }
    }
    report(faults);
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut faults = Vec::new();
    for source in sources() {
        if !source.whole.starts_with("//!") {
            faults.push(format!("{}: begins without a module doc", source.path));
        }
        let length = source.code.lines().count();
        if length > 500 {
            faults.push(format!("{}: {length} lines; one subject each?", source.path));
        }
    }
    report(faults);
}

#[test]
fn no_file_names_a_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for ending in [".rs", ".md", ".toml", ".py", ".sh", "run", ".yml"] {
        for path in files(root, ending) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let places = ["/wo".to_owned() + "rk/", "/ho".to_owned() + "me/user"];
            if places.iter().any(|place| text.contains(place.as_str())) {
                faults.push(path.display().to_string());
            }
        }
    }
    report(faults);
}
