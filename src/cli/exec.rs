//! `exec NAME -- CMD`: a command in the context of a unit.

/// Arguments of `exec`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl exec web -- env\n  supctl exec web-0 -- sh -c 'ls -l'\n\nExit codes: 0 done, 5 no such unit or pod, 7 it is not running; else the program's own code"
)]
pub struct Options {
    /// A unit or pod
    #[arg(value_name = "NAME")]
    name: String,
    /// Pass standard input on
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// One process of the pod
    #[arg(short, long, value_name = "PROCESS")]
    container: Option<String>,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}
