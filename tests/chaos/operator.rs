//! An operator who looks now and then, and does what supd asks for in safe mode.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::space::Supd;

/// From the end of one command to the next one.
const PAUSE: Duration = Duration::from_millis(250);

/// Five managers in a row that were killed before they were ready are safe mode, as is promised. It is left
/// only when an operator asks for it: a long trouble needs one.
pub struct Operator {
    at_work: Option<Work>,
    next: Instant,
    /// How often supd was in safe mode.
    pub asked: u32,
    answered: bool,
}

enum Work {
    Looking(Child),
    Asking(Child),
}

impl Operator {
    pub fn new() -> Self {
        Self { at_work: None, next: Instant::now(), asked: 0, answered: false }
    }

    /// One step, without waiting for anything.
    pub fn go(&mut self, supd: &Supd) {
        match self.at_work.take() {
            None if Instant::now() < self.next => {}
            None => self.at_work = Some(Work::Looking(begin(supd, "get units -o name"))),
            Some(Work::Looking(mut child)) => match child.try_wait().unwrap() {
                None => self.at_work = Some(Work::Looking(child)),
                Some(_) if is_safe_mode(&mut child) => {
                    self.asked += 1;
                    self.at_work = Some(Work::Asking(begin(supd, "daemon-reload")));
                }
                Some(status) => {
                    self.answered |= status.success();
                    self.next = Instant::now() + PAUSE;
                }
            },
            Some(Work::Asking(mut child)) => match child.try_wait().unwrap() {
                None => self.at_work = Some(Work::Asking(child)),
                // Whether it was heard is seen at the next look.
                Some(_) => self.next = Instant::now() + PAUSE,
            },
        }
    }

    /// Whether a manager has answered since the last time this was asked: then it was ready.
    pub fn take_answer(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// Until a look has found no safe mode.
    pub fn end(&mut self, supd: &Supd) {
        loop {
            let before = self.asked;
            self.next = Instant::now();
            self.go(supd);
            while self.at_work.is_some() {
                self.go(supd);
                std::thread::yield_now();
            }
            if self.asked == before {
                return;
            }
        }
    }
}

fn begin(supd: &Supd, words: &str) -> Child {
    let mut command = supd.space().supctl_command(&words.split(' ').collect::<Vec<_>>());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn is_safe_mode(ended: &mut Child) -> bool {
    let mut text = String::new();
    ended.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text.contains("safe mode")
}
