//! The schemas of the newest Kubernetes, strict, and a foreign reader of YAML.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;
use supd::kubernetes::export::export;
use supd::kubernetes::yaml;
use supd::unit::model::Unit;

use crate::models;
use crate::shipped;
use crate::skipped::skipped;

/// Random units beside those that are shipped.
const RANDOM: usize = 100;

/// Reads `{"yaml", "json"}` lines; complains of each that is not the same, or not valid.
const JUDGE: &str = r#"
import json, sys, yaml, kubernetes_validate
version = kubernetes_validate.latest_version()
count = bad = 0
for line in sys.stdin:
    case = json.loads(line)
    documents = list(yaml.safe_load_all(case["yaml"]))
    if documents != case["json"]:
        bad += 1
        print("READ OTHERWISE", case["yaml"], documents)
    for document in documents:
        count += 1
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except Exception as error:
            bad += 1
            path = ".".join(str(part) for part in getattr(error, "path", ()))
            print("INVALID", path, getattr(error, "message", error), case["yaml"])
print(count, "documents, Kubernetes", version)
sys.exit(bad > 0)
"#;

#[test]
fn exports_validate_by_the_newest_schemas_in_strict_mode() {
    let python = match environment() {
        Ok(python) => python,
        Err(why) => {
            return skipped("exports by Kubernetes' schemas", format!("no kubernetes-validate here: {why}"));
        }
    };
    let mut runner = TestRunner::deterministic();
    let random = || models::unit().new_tree(&mut runner).unwrap().current();
    let units: Vec<Unit> = shipped().into_iter().chain(std::iter::repeat_with(random).take(RANDOM)).collect();
    let case = |unit: &Unit| {
        let objects = export(unit, "debian:12", Some("prod")).objects;
        format!("{}\n", json!({ "yaml": yaml::documents(&objects), "json": objects }))
    };
    let cases: String = units.iter().map(case).collect();
    let judged = judge(&python, &cases);
    let words = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{words}{}", String::from_utf8_lossy(&judged.stderr));
    eprintln!("{}", words.trim_end());
    let count: usize = words.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count > RANDOM, "{words}");
}

fn judge(python: &Path, cases: &str) -> Output {
    // From a file: two pipes could wait for one another.
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(cases.as_bytes()).unwrap();
    file.rewind().unwrap();
    Command::new(python).args(["-c", JUDGE]).stdin(file).output().unwrap()
}

/// A Python of our own with kubernetes-validate, made once below `target/`.
fn environment() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubernetes-validate");
    let python = place.join("bin/python");
    let knows = |python: &Path| run(Command::new(python).args(["-c", "import kubernetes_validate"])).is_ok();
    if knows(&python) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "kubernetes-validate"];
    run(Command::new(&python).args(pip))?;
    if knows(&python) { Ok(python) } else { Err("it was installed, and cannot be imported".to_owned()) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    Err(format!("{command:?}: {}", words.lines().last().unwrap_or("it failed, without a word")))
}
