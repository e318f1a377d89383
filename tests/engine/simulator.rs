//! A seeded simulator: random units, outcomes, operators and clocks against the engine, with invariants
//! that hold whatever happens.
//!
//! `SUPD_SEED=17 cargo test --test engine simulator` replays one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use supd::engine::event::{Command, Event, Outcome, Target};
use supd::engine::id::PodUid;

use super::world::{World, name, world};

const SEEDS: u64 = 1_500;
const STEPS: u32 = 120;

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

#[test]
fn simulator() {
    let seeds = match std::env::var("SUPD_SEED") {
        Ok(seed) => vec![seed.parse().expect("SUPD_SEED is a number")],
        Err(_) => (0..SEEDS).collect::<Vec<u64>>(),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| simulate(seed));
        if let Err(panic) = run {
            eprintln!("seed {seed} fails: SUPD_SEED={seed} cargo test --test engine simulator");
            std::panic::resume_unwind(panic);
        }
    }
}

fn simulate(seed: u64) {
    let mut random = Random(seed);
    let mut w = world("simulated");
    let kinds = 1 + random.below(4);
    let mut units = Vec::new();
    for n in 0..kinds {
        let unit = format!("u{n}");
        w = w.unit(&unit, &random_unit(&mut random, &units));
        units.push(unit);
    }
    w = w.begin();
    for _ in 0..STEPS {
        step(&mut w, &mut random, &units);
        hold(&w);
    }
    // Whatever state it is in: asked to end, it ends.
    w.feed(Event::Shutdown { within: Duration::from_secs(60) });
    w.pass(Duration::from_secs(61));
    assert_eq!(w.end, Some(0), "it does not end");
    w.store();
    for (run, count) in &w.recorded {
        assert_eq!(*count, 1, "{run:?} was recorded {count} times");
    }
    assert_eq!(w.recorded.len(), w.ended.len(), "a run has no result");
}

fn random_unit(random: &mut Random, earlier: &[String]) -> String {
    let policy = *random.pick(&["Always", "OnFailure", "Never"]);
    let job_policy = *random.pick(&["OnFailure", "Never"]);
    let mut text = String::from("exec = ['/x']\n");
    if !earlier.is_empty() && random.below(2) == 0 {
        let relation = *random.pick(&["requires", "wants", "after", "before"]);
        text += &format!("{relation} = ['{}']\n", random.pick(earlier));
    }
    let init = if random.below(4) == 0 { "[[init]]\nname = 'i'\nexec = ['/i']\n" } else { "" };
    let ready = if random.below(3) == 0 { "[readiness]\nnotify = true\n" } else { "" };
    match random.below(4) {
        0 | 1 => {
            text += &format!("restart_policy = '{policy}'\n{init}{ready}");
            text += &format!("[service]\nreplicas = {}\n", random.below(4));
        }
        2 => {
            let indexed = random.below(2) == 0;
            text += &format!("restart_policy = '{job_policy}'\n{init}[job]\n");
            text += &format!("parallelism = {}\nbackoff_limit = {}\n", random.below(4), random.below(5));
            text += &format!("keep_pods = {}\n", random.below(3));
            if indexed || random.below(4) > 0 {
                text += &format!("completions = {}\n", random.below(6));
            }
            if indexed {
                text += "completion_mode = 'Indexed'\n";
            }
            if random.below(3) == 0 {
                text += "active_deadline = '2m'\n";
            }
        }
        _ => {
            let concurrency = *random.pick(&["Allow", "Forbid", "Replace"]);
            let catch_up = *random.pick(&["last", "none"]);
            text += &format!("restart_policy = '{job_policy}'\n[cron]\nschedule = '* * * * *'\n");
            text += &format!("concurrency_policy = '{concurrency}'\ncatch_up = '{catch_up}'\n");
            text += "time_zone = 'UTC'\n[job]\nbackoff_limit = 1\n";
        }
    }
    text
}

fn step(w: &mut World, random: &mut Random, units: &[String]) {
    let unit = name(random.pick(units).as_str());
    let running = w.running();
    match random.below(16) {
        0..=5 if !running.is_empty() => {
            let (run, _) = random.pick(&running);
            let outcome = match random.below(5) {
                0 | 1 => Outcome::Exited(0),
                2 | 3 => Outcome::Exited(1),
                _ => Outcome::Signaled { signal: 9, core: false },
            };
            w.finish(*run, outcome);
        }
        6 if !running.is_empty() => {
            let (run, _) = *random.pick(&running.iter().map(|(r, l)| (*r, l)).collect::<Vec<_>>());
            w.feed(Event::Readiness { run, ready: random.below(3) > 0, message: String::new() });
        }
        7 if !running.is_empty() => {
            let uid = random.pick(&running).0.pod;
            command(w, Command::StopPod(uid));
        }
        8 => command(w, Command::Start(unit)),
        9 => command(w, Command::Stop(unit)),
        10 => command(w, Command::Restart(unit)),
        11 => command(w, Command::Suspend(unit.to_string())),
        12 => command(w, Command::Resume(unit.to_string())),
        13 => match random.below(3) {
            0 => command(w, Command::Scale { unit, replicas: u32::try_from(random.below(5)).unwrap() }),
            1 => command(w, Command::Kill { target: Target::Unit(unit), signal: 9, all: true }),
            _ => {
                let from = i64::try_from(random.below(7_200)).unwrap() - 3_600;
                let stepped = std::mem::replace(w, world("swap")).step_clock(from);
                *w = stepped;
            }
        },
        _ => w.pass(Duration::from_millis(random.below(120_000))),
    }
}

fn command(w: &mut World, command: Command) {
    w.feed(Event::Command { op: supd::engine::event::OpId(1), command });
}

/// What must hold after every step.
fn hold(w: &World) {
    let view = w.engine().view();
    let mut active: BTreeMap<&str, u32> = BTreeMap::new();
    for pod in view.pods.iter().filter(|pod| !pod.terminating) {
        if let Some(job) = &pod.job {
            *active.entry(job).or_default() += 1;
        }
    }
    for job in &view.jobs {
        let pods = active.get(job.name.as_str()).copied().unwrap_or(0);
        assert!(pods <= job.parallelism, "{} has {pods} pods at once", job.name);
        assert_eq!(pods, job.active, "{}", job.name);
        let really = successes(w, job.uid, &job.name);
        assert!(job.succeeded <= really, "{}: {} succeeded, {really} really did", job.name, job.succeeded);
        let ended =
            job.conditions.iter().filter(|c| c.status && ["Complete", "Failed"].contains(&c.kind.as_str()));
        assert!(ended.count() <= 1, "{} is both complete and failed", job.name);
    }
}

/// Runs of main that exited 0 for a job, by what the world saw.
fn successes(w: &World, job: PodUid, name: &str) -> u32 {
    let own = w.ended.iter().filter(|(run, (label, outcome))| {
        label.job.as_deref() == Some(name) && run.pod > job && matches!(outcome, Outcome::Exited(0))
    });
    u32::try_from(own.count()).unwrap()
}
