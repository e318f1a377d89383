//! What README.md shows is true: its units load, and its test command is what CI runs.
#![allow(clippy::unwrap_used)] // A test fails by panic.

use std::fs;
use std::path::Path;

use supd::kubernetes::{export::export, yaml};
use supd::unit::load;
use supd::unit::model::Unit;

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn its_units_load_without_a_word() {
    let readme = fs::read_to_string("README.md").unwrap();
    let units = blocks(&readme, "toml");
    assert!(units.len() >= 4, "one of each kind");
    for text in units {
        let name = text.lines().next().unwrap().trim_start_matches("# ").to_owned();
        let loaded = load::parse_one(text.as_bytes(), Path::new(&name), &|_| None, false);
        let faults: Vec<String> = loaded.faults.iter().map(|fault| fault.render(false)).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert_eq!(loaded.units.len(), 1, "{name}");
    }
}

/// The unit of this name, as the README writes it.
fn unit(readme: &str, name: &str) -> Unit {
    let file = format!("# units/{name}.toml\n");
    let text = blocks(readme, "toml").into_iter().find(|text| text.starts_with(&file)).unwrap();
    let loaded =
        load::parse_one(text.as_bytes(), Path::new(file.trim_start_matches("# ").trim()), &|_| None, false);
    Unit::clone(&loaded.units[0])
}

#[test]
fn its_units_become_the_manifests_that_it_shows() {
    let readme = fs::read_to_string("README.md").unwrap();
    let exported = export(&unit(&readme, "import"), "registry.example/import:3", None);
    assert_eq!(exported.losses, [], "it is shown with --strict");
    assert_eq!(blocks(&readme, "yaml"), [yaml::documents(&exported.objects)]);
    let losses = ["web", "backup"].map(|name| export(&unit(&readme, name), "x", None).losses);
    let lines: String = losses.iter().flatten().map(|loss| format!("{loss}\n")).collect();
    assert_eq!(blocks(&readme, "text"), [lines]);
}

#[test]
fn its_test_command_is_what_ci_runs() {
    let readme = fs::read_to_string("README.md").unwrap();
    let commands = blocks(&readme, "sh");
    assert_eq!(commands.len(), 2, "two commands");
    let ci = fs::read_to_string(".ci/run").unwrap();
    assert!(ci.trim_end().ends_with(&format!("exec {}", commands[1].trim())), "{ci}");
}
