//! The list is whole, each rule that holds is shown to hold, and the manual says so.

use std::collections::BTreeSet;
use std::fs;

use crate::list::{self, Status};
use crate::{manual, sources};

/// How many rules each chapter has: a rule that is lost from the list is noticed.
const NUMBERS: [(&str, usize); 21] = [
    ("rst", 19),
    ("cst", 9),
    ("phs", 10),
    ("ini", 4),
    ("sid", 6),
    ("crr", 4),
    ("out", 16),
    ("job", 51),
    ("idx", 8),
    ("bpi", 8),
    ("pfp", 10),
    ("suc", 5),
    ("prp", 3),
    ("jvl", 9),
    ("crn", 18),
    ("cjb", 28),
    ("rs", 6),
    ("dep", 7),
    ("prb", 18),
    ("hok", 7),
    ("trm", 7),
];

#[test]
fn the_list_is_whole() {
    for ((prefix, chapter), (expected, number)) in list::chapters().into_iter().zip(NUMBERS) {
        assert_eq!((prefix, chapter.rules.len()), (expected, number));
        for (id, rule) in &chapter.rules {
            let digits = id.strip_prefix(&format!("{}-", prefix.to_uppercase()));
            let digits = digits.unwrap_or_else(|| panic!("{id} in {prefix}.toml"));
            assert!(digits.len() == 3 && digits.parse::<u16>().is_ok(), "{id} is not an id");
            assert!(rule.says.ends_with('.'), "{id}: a rule is a sentence");
            rule.status().unwrap_or_else(|fault| panic!("{id} {fault}"));
        }
    }
}

#[test]
fn each_rule_that_holds_or_differs_has_a_test_of_its_number() {
    let shown = sources::tests();
    let bare: Vec<String> = list::chapters()
        .iter()
        .flat_map(|(_, chapter)| &chapter.rules)
        .filter(|(id, rule)| {
            let is_met = matches!(rule.status(), Ok(Status::Holds | Status::Differs(_)));
            is_met && !shown.tests.contains_key(*id)
        })
        .map(|(id, rule)| format!("{id}: {}", rule.says))
        .collect();
    assert!(bare.is_empty(), "no test carries the number of\n{}", bare.join("\n"));
}

#[test]
fn no_test_carries_the_number_of_no_rule() {
    let known: BTreeSet<String> =
        list::chapters().into_iter().flat_map(|(_, chapter)| chapter.rules.into_keys()).collect();
    let shown = sources::tests();
    for (rule, tests) in shown.tests.iter().chain(&shown.ignored) {
        assert!(known.contains(rule), "there is no {rule}, of which {} tells", tests.join(", "));
    }
}

#[test]
fn only_what_is_not_met_yet_has_tests_that_are_ignored() {
    let shown = sources::tests();
    for (id, rule) in list::chapters().iter().flat_map(|(_, chapter)| &chapter.rules) {
        let waiting = shown.ignored.get(id).map(|tests| tests.join(", ")).unwrap_or_default();
        let is_missing = matches!(rule.status(), Ok(Status::NotYet(_)));
        assert!(waiting.is_empty() || is_missing, "{id} is said to be met, and ignored is {waiting}");
    }
}

#[test]
fn the_manual_has_the_table() {
    let written = fs::read_to_string(manual::path()).unwrap();
    let expected = manual::with_table(&written, &sources::tests());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(manual::path(), &expected).unwrap();
        return;
    }
    if let Some((old, new)) = written.lines().zip(expected.lines()).find(|(old, new)| old != new) {
        panic!("the manual says\n{old}\nand it is\n{new}\nUPDATE_GOLDEN=1 writes it anew");
    }
    assert!(written == expected, "the manual's table ends too early; UPDATE_GOLDEN=1 writes it anew");
}
