//! supctl: arguments, one request, its answer, an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(supd::cli::run(std::env::args_os()).0)
}
