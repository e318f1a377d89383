//! The table of the manual, made from the list and the tests.

use std::fmt::Write;
use std::path::PathBuf;

use crate::list::{self, Status};
use crate::sources::Shown;

/// Between these lines the manual is written by this file.
const BEGIN: &str = "<!-- begin: written by `UPDATE_GOLDEN=1 cargo test --test kubernetes` -->\n";
const END: &str = "<!-- end -->\n";

/// Where the manual is.
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/man/supd-kubernetes.7.md")
}

/// The manual with its table as it should be.
pub fn with_table(manual: &str, shown: &Shown) -> String {
    let (before, rest) = manual.split_once(BEGIN).expect("the manual has the first mark");
    let (_, after) = rest.split_once(END).expect("the manual has the second mark");
    format!("{before}{BEGIN}{}{END}{after}", table(shown))
}

fn table(shown: &Shown) -> String {
    let (mut text, mut numbers) = (String::new(), [0usize; 4]);
    for (_, chapter) in list::chapters() {
        write!(
            text,
            "\n## {}\n\n| rule | in Kubernetes | here | tests |\n|---|---|---|---|\n",
            chapter.title
        )
        .expect("a string takes all");
        for (id, rule) in &chapter.rules {
            let status = rule.status().unwrap_or_else(|fault| panic!("{id} {fault}"));
            numbers[place(status)] += 1;
            let tests: Vec<String> =
                shown.tests.get(id).into_iter().flatten().map(|test| format!("`{test}`")).collect();
            let (says, here) = (cell(&rule.says), cell(&status.words()));
            writeln!(text, "| {id} | {says} | {here} | {} |", tests.join(", ")).expect("a string takes all");
        }
    }
    let [holds, differs, none, missing] = numbers;
    let all: usize = numbers.iter().sum();
    format!(
        "\n{all} rules: {holds} hold, {differs} differ on purpose, {none} are not applicable, {missing} are not \
         met yet.\n{text}\n"
    )
}

fn place(status: Status<'_>) -> usize {
    match status {
        Status::Holds => 0,
        Status::Differs(_) => 1,
        Status::NotApplicable(_) => 2,
        Status::NotYet(_) => 3,
    }
}

/// A bar would begin the next column.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
