//! Jobs at random against a model of Kubernetes' rules that is as simple as it can be.
//!
//! A job's pods end at random, operators suspend it, delete pods and change its parallelism, time passes and
//! managers die. After each of these, `kubernetes` counts anew from the first fact on what the rules say the
//! job's numbers, indexes and end must be, and how many pods there must be; it shares no code with the engine,
//! and knows nothing of how that remembers things. `facts` tells it what programs and operators know, never
//! what the engine thinks.
//!
//! ```text
//!   SUPD_SEED=17 cargo test --test engine model -- --nocapture     one seed, step by step
//!   SUPD_SEEDS=0..1000000 cargo test --test engine model           a night of them
//! ```

mod facts;
mod judge;
mod kubernetes;
mod spec;

use std::time::Duration;

use supd::engine::event::{Command, Outcome};

use super::random::Random;
use super::seeds::each_seed;
use crate::world::{World, world};
use facts::{Cause, Facts};
use spec::Spec;

const SEEDS: u64 = 1_500;
const STEPS: u32 = 60;
/// More pods than this have nothing new to say.
const REST_STEPS: u32 = 2_000;
/// The one job there is.
const JOB: &str = "j";

#[test]
fn model() {
    each_seed("model", SEEDS, simulate);
}

struct Life {
    random: Random,
    world: World,
    spec: Spec,
    facts: Facts,
    loud: bool,
}

fn simulate(seed: u64, loud: bool) {
    let mut random = Random(seed);
    let spec = Spec::any(&mut random);
    if loud {
        println!("{}", spec.text());
    }
    let world = world("model").unit(JOB, &spec.text()).begin().stored();
    let mut life = Life { random, world, facts: Facts::default(), spec, loud };
    life.note(Cause::Time);
    for _ in 0..STEPS {
        life.step();
    }
    life.come_to_rest();
}

impl Life {
    /// One thing happens.
    fn step(&mut self) {
        match self.random.below(20) {
            0..=7 => self.pod_ends(),
            8..=11 => self.time_passes(),
            12 => self.suspend(true),
            13 | 14 => self.suspend(false),
            15 => self.pod_is_deleted(),
            16 => self.parallelism(),
            17 => self.some_are_stubborn(),
            18 | 19 => self.manager_dies(),
            _ => {}
        }
    }

    /// What has come of it is looked at.
    fn note(&mut self, cause: Cause) {
        self.facts.note(cause, &self.world);
        if self.loud {
            println!("{}", self.facts.last_words());
        }
        judge::compare(&self.spec, &self.facts, &self.world);
    }

    fn act(&mut self, act: impl FnOnce(World) -> World) {
        let nothing = world("nothing");
        self.world = act(std::mem::replace(&mut self.world, nothing));
    }

    fn pod_ends(&mut self) {
        let running = self.world.running();
        if running.is_empty() {
            return;
        }
        let (run, label) = self.random.pick(&running).clone();
        let outcome = match self.random.below(8) {
            0..=3 => Outcome::Exited(0),
            4 | 5 => Outcome::Exited(1),
            6 => Outcome::Exited(42),
            _ => Outcome::Signaled { signal: 9, core: false },
        };
        self.act(|world| world.outcome(&label.pod, outcome));
        self.note(Cause::End(run.pod));
    }

    /// To the next deadline, or not so far.
    fn time_passes(&mut self) {
        let by = Duration::from_millis(self.random.below(60_000));
        let now = self.world.now.mono;
        let next = self.world.engine().next_deadline().map(|at| at.since(now));
        self.world.pass(next.filter(|next| *next <= by * 4).unwrap_or(by));
        self.note(Cause::Time);
    }

    fn suspend(&mut self, suspend: bool) {
        let command = if suspend { Command::Suspend(JOB.into()) } else { Command::Resume(JOB.into()) };
        self.act(|world| world.command(command).stored());
        self.note(Cause::Suspend(suspend));
    }

    fn pod_is_deleted(&mut self) {
        let pods = self.facts.unasked();
        if pods.is_empty() {
            return;
        }
        let pod = *self.random.pick(&pods);
        self.act(|world| world.command(Command::StopPod(pod)).stored());
        self.note(Cause::Delete(pod));
    }

    fn parallelism(&mut self) {
        let pods = u32::try_from(self.random.below(5)).expect("small");
        self.set_parallelism(pods);
    }

    fn set_parallelism(&mut self, pods: u32) {
        let text = Spec { parallelism: pods, ..self.spec.clone() }.text();
        self.act(|world| world.unit(JOB, &text).reload(true).stored());
        self.note(Cause::Parallelism(pods));
    }

    fn some_are_stubborn(&mut self) {
        for (_, label) in self.world.running() {
            if self.random.one_in(2) {
                self.act(|world| world.stubborn(&label.pod));
            }
        }
    }

    /// What it had not stored nobody was told; that is for the other simulator, which has a store that is late.
    fn manager_dies(&mut self) {
        self.act(|world| world.stored().manager_dies().stored());
        self.note(Cause::Time);
    }

    /// All programs succeed now, and time passes: the job must come to its end.
    fn come_to_rest(&mut self) {
        self.suspend(false);
        self.set_parallelism(1);
        for _ in 0..REST_STEPS {
            if judge::is_finished(&self.world) {
                return;
            }
            match self.world.running().first().cloned() {
                Some((run, label)) => {
                    self.act(|world| world.exit(&label.pod, 0));
                    self.note(Cause::End(run.pod));
                }
                None => {
                    let now = self.world.now.mono;
                    let next = self.world.engine().next_deadline();
                    let next = next.unwrap_or_else(|| panic!("nothing runs, and nothing will"));
                    self.world.pass(next.since(now));
                    self.note(Cause::Time);
                }
            }
        }
        panic!("it does not come to its end");
    }
}
