//! Goal: the manual pages say what the programs say.
//! Method: what is told by `--help`, `supctl help` and `supctl explain` is put into the pages from there, between two
//! marks; `UPDATE_GOLDEN=1 cargo test --test manual` writes it. The words around it are people's.

mod pages;
mod verbs;

use std::fs;
use std::path::PathBuf;

const BEGIN: &str = "<!-- begin: written by `UPDATE_GOLDEN=1 cargo test --test manual` -->\n";
const END: &str = "<!-- end -->\n";

fn hold(page: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/man").join(page);
    let is = fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = is.split_once(BEGIN).expect("the page has the first mark");
    let (_, after) = rest.split_once(END).expect("the page has the second mark");
    let should = format!("{before}{BEGIN}{text}{END}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &should).expect("the page can be written");
    }
    assert!(
        is == should || std::env::var_os("UPDATE_GOLDEN").is_some(),
        "{BEGIN} {page} is not what it says"
    );
}

#[test]
fn supd_8_has_the_options_of_supd() {
    hold("supd.8.md", &pages::options());
}

#[test]
fn supd_container_7_has_the_options_that_matter_there() {
    hold("supd.container.7.md", &pages::options_in_a_container());
}

#[test]
fn supctl_1_has_the_help_of_every_verb() {
    hold("supctl.1.md", &verbs::all());
}

#[test]
fn supd_unit_5_has_every_key() {
    hold("supd.unit.5.md", &pages::keys());
}
