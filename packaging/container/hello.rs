//! A program for an image with nothing else in it: `serve` until a signal, `exit N`, `abort`, or leave an `orphan`
//! behind and serve.

use std::io::Read;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match word(1) {
        "exit" => return ExitCode::from(word(2).parse::<u8>().unwrap_or(64)),
        "abort" => std::process::abort(),
        "orphan" => {
            // Its child's child outlives it, and is somebody else's to bury.
            let _ = Command::new(word(0)).arg("parent").status();
        }
        "parent" => {
            let _ = Command::new(word(0)).args(["exit", "0"]).spawn();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    println!("hello from {} as process {}", word(0), std::process::id());
    // Nobody writes to the other end: only a signal ends this.
    let Ok((mut silence, _writer)) = std::io::pipe() else { return ExitCode::from(70) };
    let _ = silence.read(&mut [0]);
    ExitCode::SUCCESS
}
