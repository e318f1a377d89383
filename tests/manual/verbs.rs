//! What the page about supctl takes from the program.

use std::fmt::Write;

use clap::CommandFactory;
use supd::cli::arguments::Arguments;
use supd::cli::exit::TABLE;

/// The help of every verb, and the exit codes.
pub(crate) fn all() -> String {
    let mut command = Arguments::command().max_term_width(80).term_width(80);
    command.build();
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| verb.get_name().to_owned())
        .collect();
    let mut text = String::new();
    for name in names {
        let verb = command.find_subcommand_mut(&name).expect("it was named");
        let help = verb.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(text, "\n## supctl {name}\n\n```\n{}\n```\n", lines.join("\n").trim_end())
            .expect("a string takes all");
    }
    text.push_str("\n# EXIT STATUS\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in TABLE {
        writeln!(text, "| {code} | {} |", meaning.replace('|', "\\|")).expect("a string takes all");
    }
    text.push('\n');
    text
}
