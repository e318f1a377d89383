//! Which tests carry the number of a rule: functions, found in the text of `tests/` and `src/`, and the units of
//! `tests/golden`, each of which is a test: `jvl-008-replacement.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::list::CHAPTERS;

/// By rule, the tests that carry its number.
#[derive(Default)]
pub struct Shown {
    /// Tests that run.
    pub tests: BTreeMap<String, Vec<String>>,
    /// Tests that are ignored, as what they want is not there yet.
    pub ignored: BTreeMap<String, Vec<String>>,
}

/// Of all of the tree.
pub fn tests() -> Shown {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = Shown::default();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                for rule in rules(&name.replace('-', "_")) {
                    shown.tests.entry(rule).or_default().push(name.clone());
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                of_text(&fs::read_to_string(&path).unwrap(), &mut shown);
            }
        }
    }
    for names in shown.tests.values_mut().chain(shown.ignored.values_mut()) {
        names.sort_unstable();
        names.dedup();
    }
    shown
}

fn of_text(text: &str, shown: &mut Shown) {
    let (mut is_test, mut ignored) = (false, false);
    for line in text.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        ignored |= line.starts_with("#[ignore");
        let Some(name) = function(line) else { continue };
        let kind = if ignored { &mut shown.ignored } else { &mut shown.tests };
        for rule in rules(name).into_iter().filter(|_| is_test) {
            kind.entry(rule).or_default().push(name.to_owned());
        }
        (is_test, ignored) = (false, false);
    }
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The rules whose numbers a name begins with: `job_003_004_a_queue` is about JOB-003 and JOB-004,
/// `ini_002_sid_001_both` about INI-002 and SID-001.
fn rules(name: &str) -> Vec<String> {
    let (mut prefix, mut found) = ("", Vec::new());
    for word in name.split('_') {
        if word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()) && !prefix.is_empty() {
            found.push(format!("{}-{word}", prefix.to_uppercase()));
        } else if CHAPTERS.contains(&word) {
            prefix = word;
        } else {
            break;
        }
    }
    found
}

#[test]
fn a_name_tells_its_rules() {
    assert_eq!(rules("job_003_004_a_queue_of_100"), ["JOB-003", "JOB-004"]);
    assert_eq!(rules("rs_001_one"), ["RS-001"]);
    assert_eq!(rules("ini_002_sid_001_both"), ["INI-002", "SID-001"]);
    assert!(rules("f41_no_process_slot").is_empty());
    assert!(rules("job_of_123_pods").is_empty());
    let mut shown = Shown::default();
    of_text("#[test]\nfn rs_001_a() {}\nfn rs_002_b() {}\n#[test]\n#[ignore]\nfn rs_003_c() {}", &mut shown);
    assert_eq!(shown.tests.into_keys().collect::<Vec<_>>(), ["RS-001"]);
    assert_eq!(shown.ignored.into_keys().collect::<Vec<_>>(), ["RS-003"]);
}
