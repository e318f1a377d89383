//! Clients that come and go: `supctl`s that look, follow, and change what they may; some are killed.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::space::Supd;
use super::units::{Group, Unit};

/// Longer than any verb takes; part of no promise.
const PATIENCE: Duration = Duration::from_secs(120);

/// Clients at once: fewer than supd takes.
const AT_ONCE_MAX: usize = 24;

#[derive(Default)]
pub struct Clients {
    live: Vec<Client>,
    /// What was asked for, by unit.
    pub intents: BTreeMap<String, Intent>,
    /// How often each unit was to be suspended, as far as anybody may have heard of it.
    pub suspends: BTreeMap<String, u64>,
    /// How many ended with which code; `None` of those that were killed by us.
    pub ends: BTreeMap<(&'static str, Option<i32>), u32>,
    /// What no client may do.
    pub faults: Vec<String>,
}

/// What the last verb on a unit has left it as; unknown if nobody knows whether it was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    Unknown,
    Stopped,
    /// With so many pods.
    Running(u64),
    Suspended,
    Resumed,
}

/// A verb, its whole command line, and the unit that it changes with what it leaves it as.
type Order = (&'static str, String, Option<(String, Intent)>);

struct Client {
    child: Child,
    verb: &'static str,
    words: String,
    /// What it leaves if it says that it is done.
    changes: Option<(String, Intent)>,
    kill_at: Option<Instant>,
    killed: bool,
}

impl Clients {
    /// A new client does something.
    pub fn come(&mut self, supd: &Supd, units: &[Unit], dice: &mut Dice) {
        // Drawn in any case, so that the choices depend on the seed alone.
        let (what, unit) = (dice.between(0, 99), &units[dice.next() as usize % units.len()]);
        let toys: Vec<&Unit> = units.iter().filter(|unit| is_toy(unit.group)).collect();
        let toy = *dice.pick(&toys).expect("there are toys");
        let (choice, patience) = (dice.between(0, 5), Duration::from_millis(dice.between(50, 3_000)));
        let dies = dice.percent(20);
        if self.live.len() >= AT_ONCE_MAX {
            return;
        }
        let name = &unit.name;
        let (verb, words, changes) = match what {
            0..10 => ("status", "status".to_owned(), None),
            10..20 => ("status", format!("status {name}"), None),
            20..30 => ("get", "get pods -o json".to_owned(), None),
            30..35 => ("get", "get runs".to_owned(), None),
            35..40 => ("get", "get jobs -o wide".to_owned(), None),
            40..45 => ("logs", format!("logs {name} --tail 20"), None),
            45..52 => ("logs -f", format!("logs -f {name}"), None),
            52..60 => ("get -w", "get pods -w -o jsonl".to_owned(), None),
            _ => match self.change(toy, choice) {
                Some(change) => change,
                None => return,
            },
        };
        let follows = verb.ends_with("-f") || verb.ends_with("-w");
        if let (Some((unit, _)), "suspend") = (&changes, verb) {
            *self.suspends.entry(unit.clone()).or_default() += 1;
        }
        if let Some((unit, _)) = &changes {
            self.intents.insert(unit.clone(), Intent::Unknown);
        }
        let mut command = supd.space().supctl_command(&words.split(' ').collect::<Vec<_>>());
        // Every third one that follows reads nothing of what it asked for.
        let deaf = follows && choice < 2;
        command.stdout(if deaf { Stdio::piped() } else { Stdio::null() }).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let kill_at = (follows || dies).then(|| Instant::now() + patience);
        self.live.push(Client { child, verb, words, changes, kill_at, killed: false });
    }

    /// A verb on a unit that may be changed; nothing while another one is under way on it.
    fn change(&mut self, unit: &Unit, choice: u64) -> Option<Order> {
        let name = &unit.name;
        if self.live.iter().any(|client| client.changes.as_ref().is_some_and(|(other, _)| other == name)) {
            return None;
        }
        let before = self.intents.get(name).copied().unwrap_or(match unit.group {
            Group::Toy => Intent::Running(2),
            _ => Intent::Resumed,
        });
        let (verb, rest, after) = match unit.group {
            Group::ToyCron | Group::Hit => match choice {
                0..3 => ("suspend", "", Intent::Suspended),
                _ => ("resume", "", Intent::Resumed),
            },
            Group::ToyJob => match choice {
                0..2 => ("stop", " --no-block", Intent::Unknown),
                2..4 => ("start", " --no-block", Intent::Unknown),
                _ => ("restart", " --no-block", Intent::Unknown),
            },
            _ => match (choice, before) {
                (0..2, _) => ("stop", "", Intent::Stopped),
                (2, Intent::Running(_)) => ("restart", "", before),
                (3 | 4, Intent::Running(_)) if choice == 3 => ("scale", " --replicas=3", Intent::Running(3)),
                (_, Intent::Running(_)) => ("scale", " --replicas=1", Intent::Running(1)),
                // Started, it has as many as it was scaled to, whatever that is: said once more.
                (..=3, _) => ("start", "", Intent::Unknown),
                _ => ("scale", " --replicas=2", Intent::Running(2)),
            },
        };
        // To scale what is stopped does not start it.
        let after = match (verb, before) {
            ("scale", Intent::Stopped | Intent::Unknown) => Intent::Unknown,
            _ => after,
        };
        Some((verb, format!("{verb} {name}{rest}"), Some((name.clone(), after))))
    }

    /// Reaps those that have gone, kills those whose time is over.
    pub fn go(&mut self) {
        let now = Instant::now();
        for client in &mut self.live {
            if client.kill_at.is_some_and(|at| at <= now) && !client.killed {
                client.killed = true;
                client.child.kill().unwrap();
            }
        }
        let (mut left, mut gone) = (Vec::new(), Vec::new());
        for mut client in self.live.drain(..) {
            match client.child.try_wait().unwrap() {
                Some(status) => gone.push((client, status)),
                None => left.push(client),
            }
        }
        self.live = left;
        for (client, status) in gone {
            let code = if client.killed { None } else { Some(status.code().unwrap_or(-1)) };
            *self.ends.entry((client.verb, code)).or_default() += 1;
            if matches!(code, Some(-1 | 101 | 70)) {
                self.faults.push(format!("supctl {} ended with {status}", client.words));
            }
            if let (Some((unit, intent)), Some(0)) = (client.changes, code) {
                self.intents.insert(unit, intent);
            }
        }
    }

    /// No new ones: who follows is killed, the others end. Those that do not are returned.
    pub fn end(&mut self) -> Vec<String> {
        let now = Instant::now();
        for client in &mut self.live {
            client.kill_at = client.kill_at.map(|_| now);
        }
        while !self.live.is_empty() && now.elapsed() < PATIENCE {
            self.go();
            std::thread::yield_now();
        }
        let stuck = self.live.iter().map(|client| format!("supctl {} does not end", client.words)).collect();
        for client in &mut self.live {
            client.killed = true;
            client.child.kill().unwrap();
        }
        while !self.live.is_empty() {
            self.go();
        }
        stuck
    }
}

fn is_toy(group: Group) -> bool {
    matches!(group, Group::Toy | Group::ToyJob | Group::ToyCron | Group::Hit)
}
