//! What is done to supd and its services: killed, stopped, starved, at random.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clients::Clients;
use super::dice::Dice;
use super::operator::Operator;
use super::processes::{command_line, members};
use super::space::{Supd, children};
use super::units::Unit;

const ROLES: [&str; 3] = ["manager", "logger", "spawner"];

pub struct Trouble<'a> {
    supd: &'a Supd,
    units: &'a [Unit],
    dice: Dice,
    /// Stopped processes, and when they may go on.
    stopped: Vec<(Instant, i32)>,
    pub clients: Clients,
    operator: Operator,
    /// Managers killed since one has answered.
    unanswered: u32,
    /// Clients that did not end.
    pub stuck: Vec<String>,
    /// How often each role was killed or stopped.
    pub done: BTreeMap<String, u32>,
    /// Run marks of programs that were killed.
    pub killed: BTreeSet<String>,
}

impl<'a> Trouble<'a> {
    pub fn new(supd: &'a Supd, units: &'a [Unit], seed: u64) -> Self {
        Self {
            supd,
            units,
            dice: Dice::new(seed),
            stopped: Vec::new(),
            clients: Clients::default(),
            operator: Operator::new(),
            unanswered: 0,
            stuck: Vec::new(),
            done: BTreeMap::new(),
            killed: BTreeSet::new(),
        }
    }

    /// Makes trouble for so long; then everybody goes on, and no client is left.
    pub fn make(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let pause = Duration::from_millis(self.dice.between(10, 150));
            let next = Instant::now() + pause;
            self.one();
            while Instant::now() < next {
                self.clients.go();
                self.operator.go(self.supd);
                self.let_go_on(Instant::now());
                // The pace of the trouble, no wait for anything.
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.let_go_on(end + Duration::from_secs(3_600));
        self.operator.end(self.supd);
        if self.operator.asked > 0 {
            self.done.insert("asked supd out of safe mode".to_owned(), self.operator.asked);
        }
        self.stuck = self.clients.end();
    }

    fn one(&mut self) {
        match self.dice.between(0, 99) {
            0..8 => self.kill_manager(),
            8..14 => self.kill_role("logger"),
            14..20 => self.kill_role("spawner"),
            20..26 => self.stop_role(),
            26..28 => self.stop_keeper(),
            28..50 => self.kill_program(),
            _ => self.clients.come(self.supd, self.units, &mut self.dice),
        }
    }

    /// Three in a row at most before one is ready: five are safe mode, and that is not all we want to see.
    fn kill_manager(&mut self) {
        if self.operator.take_answer() {
            self.unanswered = 0;
        }
        if self.unanswered < 3 {
            self.unanswered += 1;
            self.kill_role("manager");
        }
    }

    fn kill_role(&mut self, role: &str) {
        if let Some(pid) = self.find(role) {
            self.note("killed", role);
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    fn stop_role(&mut self) {
        let role = *self.dice.pick(&ROLES).expect("there are roles");
        let time = Duration::from_millis(self.dice.between(1, 2_000));
        if let Some(pid) = self.find(role) {
            self.note("stopped", role);
            self.stop(pid, time);
        }
    }

    fn stop_keeper(&mut self) {
        let time = Duration::from_millis(self.dice.between(1, 500));
        self.note("stopped", "keeper");
        self.stop(self.supd.keeper, time);
    }

    fn stop(&mut self, pid: i32, time: Duration) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        self.stopped.push((Instant::now() + time, pid));
    }

    fn let_go_on(&mut self, now: Instant) {
        self.stopped.retain(|(at, pid)| {
            let over = *at <= now;
            if over {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGCONT);
            }
            !over
        });
    }

    fn kill_program(&mut self) {
        let prey = |unit: &str| unit.starts_with("prey-") || unit.starts_with("hit-");
        let mut all = members();
        all.retain(|member| prey(&member.unit));
        all.sort_by(|one, other| (&one.unit, one.pid).cmp(&(&other.unit, other.pid)));
        if let Some(member) = self.dice.pick(&all) {
            *self.done.entry("killed a program".to_owned()).or_default() += 1;
            self.killed.insert(member.run.clone());
            let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
        }
    }

    /// A role's process, if there is one now: it may just have been killed.
    fn find(&self, role: &str) -> Option<i32> {
        let mut all = children(self.supd.keeper).into_iter();
        all.find(|pid| command_line(*pid).split(' ').nth(1) == Some(role))
    }

    fn note(&mut self, what: &str, role: &str) {
        *self.done.entry(format!("{what} the {role}")).or_default() += 1;
    }
}
