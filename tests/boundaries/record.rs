//! What the programs of these tests write down themselves, and the questions that outlive a manager.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use super::space::{Output, PATIENCE, Space, Supd};

/// Everything in a PID namespace of its own: nothing outlives a test that fails, or is killed.
pub const UNSHARE: &[&str] =
    &["setpriv", "--pdeathsig", "KILL", "unshare", "-fp", "--mount-proc", "--kill-child"];

/// Notes its start and its end; the first one after `hold` was made waits for the gate.
pub const PROGRAM: &str = "#!/bin/sh\n\
    echo \"S $SUPD_RUN $SUPD_POD ${SUPD_SCHEDULED_TIME:--} ${JOB_COMPLETION_INDEX:--}\" >> @/record\n\
    rm @/hold 2>/dev/null && read line < @/gate\n\
    echo \"E $SUPD_RUN\" >> @/record\n";

/// A place with the program, its gate, and a service that keeps supd from ending by itself.
pub fn place() -> Space {
    Space::new()
        .wrap(UNSHARE)
        .fifo("gate")
        .script("program", PROGRAM)
        .unit("calm", "exec = ['/bin/sleep', 'infinity']\n")
}

/// A run as its program noted it.
#[derive(Clone, Debug)]
pub struct Noted {
    pub mark: String,
    pub slot: String,
    pub index: String,
    pub ended: bool,
}

/// All runs since the record was begun, in the order of their starts. Each has started once.
#[track_caller]
pub fn runs(supd: &Supd, at: &str) -> Vec<Noted> {
    let mut runs: Vec<Noted> = Vec::new();
    for line in fs::read_to_string(supd.path().join("record")).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["S", mark, _, slot, index] => {
                assert!(!runs.iter().any(|run| run.mark == *mark), "{at}: {mark} was started twice");
                let (mark, slot, index) = ((*mark).to_owned(), (*slot).to_owned(), (*index).to_owned());
                runs.push(Noted { mark, slot, index, ended: false });
            }
            ["E", mark] => {
                // One that is not found noted its start in the record before.
                if let Some(run) = runs.iter_mut().find(|run| run.mark == *mark) {
                    run.ended = true;
                }
            }
            _ => panic!("the record has {line:?}"),
        }
    }
    runs
}

/// Begins a new record, and lets the next run wait for the gate.
pub fn begin(supd: &Supd) {
    for name in ["record", "hold"] {
        fs::write(supd.path().join(name), "").unwrap();
    }
}

/// Asks until there is an answer: the manager may die while it answers.
#[track_caller]
pub fn ask(supd: &Supd, words: &str) -> Output {
    let end = Instant::now() + PATIENCE;
    loop {
        let output = supd.ctl(words);
        if output.code != 69 && !output.stderr.contains("ended") {
            return output;
        }
        assert!(Instant::now() < end, "there is no answer: {output:?}\n{}", supd.own_output());
    }
}

/// An object; see [`ask`].
#[track_caller]
pub fn object(supd: &Supd, words: &str) -> Value {
    let output = ask(supd, &format!("{words} -o json"));
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{words}: {error}: {output:?}"))
}

/// Waits over the deaths of managers.
#[track_caller]
pub fn wait(supd: &Supd, name: &str, condition: &str, at: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let output = supd.ctl(&format!("wait {name} --for={condition} --timeout=20s"));
        match output.code {
            0 => return,
            // It cannot come any more, or not in all this time.
            1 if !output.stderr.contains("supd") => panic!("{at}: {output:?}\n{}", supd.own_output()),
            _ => assert!(Instant::now() < end, "{at}: {output:?}\n{}", supd.own_output()),
        }
    }
}
