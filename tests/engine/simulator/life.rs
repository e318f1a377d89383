//! What happens at a site, one thing after another, and how it is brought to rest.

use std::time::Duration;

use supd::engine::event::{Command, Event, Outcome, Target};
use supd::engine::id::{Class, PodUid, RunId};
use supd::engine::time::{Now, Wall};
use supd::unit::model::{Body, ProbeKind, Surplus, Unit};
use supd::unit::name::UnitName;

use super::keeper::{Run, Stage};
use super::parts;
use super::site::{Death, SHUTDOWN, Site};
use super::units::{self, Kind};
use crate::world::name;

/// What may happen in a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Operators, edits, stepped clocks.
    pub people: bool,
    /// supd and the machine die, not the manager alone.
    pub worse: bool,
    /// Pods have several processes, hooks and probes.
    pub parts: bool,
}

/// A bound for what must come to an end.
const TURNS_MAX: u32 = 20_000;

pub struct Life {
    pub site: Site,
    pub profile: Profile,
    names: Vec<UnitName>,
    transient: u32,
}

impl Life {
    /// Some units, and a manager that begins.
    pub fn new(seed: u64, profile: Profile, loud: bool) -> Self {
        let mut site = Site::new(seed, loud);
        let mut names: Vec<UnitName> = Vec::new();
        for n in 0..1 + site.random.below(4) {
            let name = name(&format!("u{n}"));
            let kind = units::kind(&mut site.random);
            site.ledger.kinds.insert(name.clone(), kind);
            names.push(name);
        }
        let mut life = Self { site, profile, names, transient: 0 };
        for at in 0..life.names.len() {
            life.edit(at);
        }
        life.site.revive();
        life
    }

    /// One thing happens.
    pub fn step(&mut self) {
        let site = &mut self.site;
        if site.manager.is_none() {
            return self.step_down();
        }
        let alive = site.keeper.alive();
        match site.random.below(40) {
            0..=5 => self.spawners_work(),
            6..=11 => {
                let mut events = Vec::new();
                for _ in 0..=site.random.below(4) {
                    events.extend(site.keeper.tell(&mut site.random));
                }
                site.turn(events);
            }
            12..=16 if !alive.is_empty() => {
                let run = *site.random.pick(&alive);
                self.process_ends(run);
            }
            17 | 18 => {
                let probed =
                    site.keeper.those(|run| !run.asked.is_empty() && matches!(run.stage, Stage::Alive));
                if !probed.is_empty() {
                    let (run, good) = (*site.random.pick(&probed), !site.random.one_in(3));
                    let asked: Vec<ProbeKind> = site.keeper.runs[&run].asked.iter().copied().collect();
                    let probe = if asked.len() == 1 { asked[0] } else { *site.random.pick(&asked) };
                    self.verdict(run, probe, good);
                }
            }
            19 => site.repeat(),
            39 if self.profile.parts => {
                let failed = site.random.one_in(4);
                self.a_hook_is_done(failed);
            }
            20..=22 => site.begin_commit(),
            23..=25 => site.end_commit(),
            26 => site.acknowledge(),
            27 => site.compare_with_a_new_manager(),
            28..=31 => self.time_passes(120_000),
            32 => self.death(),
            33 if site.random.one_in(3) => {
                let fuse = site.random.below(12);
                site.fuse = Some(fuse);
            }
            34..=36 if self.profile.people => self.operator(),
            37 if self.profile.people => self.files(),
            38 if self.profile.people && site.random.one_in(4) => {
                let by = i64::try_from(site.random.below(7_200)).expect("fits") - 3_600;
                site.say(|| format!("the clock is stepped by {by}s"));
                site.now.wall = Wall(site.now.wall.0 + by * 1_000_000_000);
                site.feed(Event::ClockStepped);
            }
            _ => {}
        }
    }

    /// The world goes on without a manager.
    fn step_down(&mut self) {
        let site = &mut self.site;
        let alive = site.keeper.alive();
        match site.random.below(8) {
            0 => self.spawners_finish(),
            1 if !alive.is_empty() => {
                let run = *site.random.pick(&alive);
                self.process_ends(run);
            }
            2 => {
                let by = Duration::from_millis(site.random.below(20_000));
                site.now = later(site.now, by);
            }
            3 if self.profile.people => {
                let at = site.random.index(self.names.len());
                if site.random.one_in(4) { site.remove_unit(&self.names[at].clone()) } else { self.edit(at) }
            }
            4 if self.profile.worse => self.death(),
            _ => {
                if site.random.one_in(4) {
                    let fuse = site.random.below(12);
                    site.fuse = Some(fuse);
                }
                site.revive();
            }
        }
    }

    fn death(&mut self) {
        let site = &mut self.site;
        let death = match site.random.below(6) {
            0 if self.profile.worse => Death::Supd,
            1 if self.profile.worse => Death::Machine(Duration::from_secs(site.random.below(7_200))),
            _ => Death::Manager,
        };
        site.die(death);
    }

    /// Orders are read, processes begin; some cannot.
    fn spawners_work(&mut self) {
        for _ in 0..=self.site.random.below(3) {
            self.site.claim();
        }
        self.spawners_finish();
    }

    fn spawners_finish(&mut self) {
        let site = &mut self.site;
        for run in site.keeper.claimed() {
            match site.random.below(16) {
                0 | 1 => {}
                2 => {
                    let outcome =
                        Outcome::NotStarted { message: "no".into(), exhausted: site.random.one_in(2) };
                    site.end(run, outcome);
                }
                _ => site.born(run),
            }
        }
    }

    fn process_ends(&mut self, run: RunId) {
        let site = &mut self.site;
        // Those who were told to end, do.
        let obeys = site.keeper.runs[&run].obeys;
        let outcome = match site.random.below(5) {
            0 | 1 if obeys => Outcome::Signaled { signal: 15, core: false },
            0 | 1 => Outcome::Exited(0),
            2 | 3 => Outcome::Exited(1),
            _ => Outcome::Signaled { signal: 9, core: false },
        };
        site.end(run, outcome);
    }

    fn verdict(&mut self, run: RunId, probe: ProbeKind, good: bool) {
        if let Some(known) = self.site.keeper.runs.get_mut(&run).filter(|_| probe == ProbeKind::Readiness) {
            known.ready = good;
        }
        self.site.say(|| format!("{run} {probe:?} {good}"));
        self.site.feed(Event::Probed { run, probe, good, message: "told so".into() });
    }

    /// One of the hooks that are under way returns. False: there is none.
    fn a_hook_is_done(&mut self, failed: bool) -> bool {
        let site = &mut self.site;
        let hooked = site.keeper.those(|run| !run.hooks.is_empty() && matches!(run.stage, Stage::Alive));
        if hooked.is_empty() {
            return false;
        }
        let run = *site.random.pick(&hooked);
        let Some(hook) = site.keeper.runs.get_mut(&run).and_then(|run| run.hooks.pop_first()) else {
            return false;
        };
        site.say(|| format!("{run} {hook:?} is done, failed={failed}"));
        site.feed(Event::Hooked { run, hook, failure: failed.then(|| "no".to_owned()) });
        true
    }

    /// Every startup probe that is asked succeeds. False: there is none.
    fn a_startup_succeeds(&mut self) -> bool {
        let starting =
            |run: &Run| run.asked.contains(&ProbeKind::Startup) && matches!(run.stage, Stage::Alive);
        let Some(run) = self.site.keeper.those(starting).first().copied() else { return false };
        if let Some(known) = self.site.keeper.runs.get_mut(&run) {
            known.asked.remove(&ProbeKind::Startup);
        }
        self.verdict(run, ProbeKind::Startup, true);
        true
    }

    /// The clock moves; at a deadline the manager wakes, or is late.
    fn time_passes(&mut self, most: u64) {
        let site = &mut self.site;
        let by = Duration::from_millis(site.random.below(most));
        let next = site.manager.as_ref().and_then(|manager| manager.engine.next_deadline());
        let due = next.map(|at| at.since(site.now.mono)).filter(|until| *until <= by);
        let late = site.random.one_in(6);
        site.now = later(site.now, due.filter(|_| !late).unwrap_or(by));
        if due.is_some() {
            site.feed(Event::Deadline);
        }
    }

    fn operator(&mut self) {
        let site = &mut self.site;
        let unit = site.random.pick(&self.names).clone();
        let (pods, jobs): (Vec<PodUid>, Vec<String>) = match &site.manager {
            Some(manager) => {
                let view = manager.engine.view();
                (
                    view.pods.iter().map(|pod| pod.uid).collect(),
                    view.jobs.iter().map(|job| job.name.clone()).collect(),
                )
            }
            None => return,
        };
        if site.random.one_in(6) {
            return self.rollout(unit);
        }
        let command = match site.random.below(20) {
            0..=3 => Command::Start(unit),
            4..=6 => Command::Stop(unit),
            7 | 8 => Command::Restart(unit),
            9 => Command::Suspend(unit.to_string()),
            10 => Command::Resume(unit.to_string()),
            11 | 12 => {
                let replicas = u32::try_from(site.random.below(5)).expect("fits");
                Command::Scale { unit, replicas }
            }
            13 => Command::Kill { target: Target::Unit(unit), signal: 9, all: true },
            14 => Command::Enable { unit, enabled: site.random.one_in(2), now: site.random.one_in(2) },
            15 if matches!(site.ledger.kinds[&unit], Kind::Cron(_)) => {
                Command::CreateJob { name: format!("by-hand-{}", site.random.below(4)), from: unit }
            }
            16 if !pods.is_empty() => Command::StopPod(*site.random.pick(&pods)),
            17 if !pods.is_empty() => Command::RestartPod(*site.random.pick(&pods)),
            18 if !jobs.is_empty() && site.random.one_in(2) => {
                Command::DeleteJob(site.random.pick(&jobs).clone())
            }
            18 => Command::ResetFailed(Some(unit)),
            19 if site.random.one_in(3) => Command::DeleteUnit(unit),
            _ => return self.run_transient(),
        };
        site.say(|| format!("operator: {command:?}"));
        site.command(command);
    }

    fn rollout(&mut self, unit: UnitName) {
        let site = &mut self.site;
        let Some(manager) = &site.manager else { return };
        let command = match site.random.below(4) {
            0 => Command::Pause(unit),
            1 => Command::Unpause(unit),
            _ => {
                let known = manager.engine.revisions(&unit).unwrap_or_default();
                if known.is_empty() {
                    return;
                }
                let revision = site.random.pick(&known);
                let template = Some(site.version(revision.version));
                Command::Undo { unit, to: Some(revision.number), template }
            }
        };
        site.say(|| format!("operator: {}", super::site::brief_command(&command)));
        site.command(command);
    }

    fn run_transient(&mut self) {
        let site = &mut self.site;
        self.transient += 1;
        let unit = format!("t{}", self.transient);
        let text = units::text(Kind::Job, &[], &mut site.random);
        let mut unit = crate::parse(&unit, &text);
        if self.profile.parts {
            unit = parts::add(unit, &mut site.random);
        }
        site.know_version(&unit);
        site.ledger.kinds.insert(unit.name.clone(), Kind::Job);
        site.say(|| format!("operator: run {}: {text}", unit.name));
        site.command(Command::Run(unit));
    }

    fn files(&mut self) {
        let site = &mut self.site;
        let at = site.random.index(self.names.len());
        match site.random.below(6) {
            0 => site.remove_unit(&self.names[at].clone()),
            1..=3 => self.edit(at),
            _ => {}
        }
        let apply = self.site.random.one_in(2);
        self.site.load(apply);
    }

    fn edit(&mut self, at: usize) {
        let site = &mut self.site;
        let name = self.names[at].clone();
        let earlier: Vec<String> = self.names[..at].iter().map(ToString::to_string).collect();
        let text = units::text(site.ledger.kinds[&name], &earlier, &mut site.random);
        site.say(|| format!("{name} is written:\n{text}"));
        let mut unit = crate::parse(name.as_str(), &text);
        if self.profile.parts {
            unit = parts::add(unit, &mut site.random);
        }
        if site.random.one_in(3) {
            as_manifest(std::sync::Arc::make_mut(&mut unit));
        }
        site.write_unit(unit);
    }

    // ---- rest

    /// Nobody dies any more, all programs of jobs succeed, and time passes.
    pub fn come_to_rest(&mut self, within: Duration) {
        self.site.fuse = None;
        self.site.revive();
        self.site.fuse = None;
        let end = self.site.now.mono + within;
        for _ in 0..TURNS_MAX {
            self.all_is_told();
            if let Some(run) = self.next_to_end() {
                self.site.end(run, Outcome::Exited(0));
                continue;
            }
            let site_now = self.site.now;
            let next = self.site.manager.as_ref().and_then(|manager| manager.engine.next_deadline());
            let Some(next) = next.filter(|next| *next <= end) else {
                return;
            };
            self.site.now = later(site_now, next.since(site_now.mono));
            self.site.feed(Event::Deadline);
        }
        panic!("it does not come to rest");
    }

    /// Of those that are to end now: jobs' programs, and who was told to.
    fn next_to_end(&mut self) -> Option<RunId> {
        let runs = self.site.keeper.runs.iter();
        let mut ends = runs.filter(|(run, known)| {
            let works = known.label.job.is_some() && run.class != Class::Sidecar;
            matches!(known.stage, Stage::Alive) && (works || known.obeys || run.class == Class::Init)
        });
        ends.next().map(|(run, _)| *run)
    }

    /// Every order is carried out, every word said, everything stored.
    fn all_is_told(&mut self) {
        for _ in 0..TURNS_MAX {
            let site = &mut self.site;
            site.commit_all();
            site.claim();
            for run in site.keeper.claimed() {
                site.born(run);
            }
            let news = site.keeper.tell(&mut site.random);
            if news.is_empty() && site.keeper.orders.is_empty() {
                site.commit_all();
                let quiet = site.keeper.orders.is_empty();
                if quiet && !self.a_hook_is_done(false) && !self.a_startup_succeeds() {
                    return;
                }
            } else {
                site.turn(news);
            }
        }
        panic!("there is always more to do");
    }

    /// Asked to end, it ends, whoever dies meanwhile and whatever else happens. Nothing is started any more.
    pub fn end(&mut self) {
        self.site.stopping = true;
        self.site.feed(Event::Shutdown { within: SHUTDOWN });
        if self.site.random.one_in(4) {
            self.site.die(Death::Manager);
        }
        // supd is not begun anew by anybody.
        self.profile.worse = false;
        for _ in 0..self.site.random.below(40) {
            if !self.site.over {
                self.step();
            }
        }
        self.come_to_rest(Duration::from_secs(200));
        assert!(self.site.over, "it does not end");
    }
}

/// A service as a Deployment's manifest makes it: Kubernetes' rules to the letter.
fn as_manifest(unit: &mut Unit) {
    if let Body::Service(service) = &mut unit.body {
        service.rollout.surplus = Surplus::Kubernetes;
        // Another version, and the same template.
        unit.hash ^= 1;
    }
}

fn later(now: Now, by: Duration) -> Now {
    Now { mono: now.mono + by, wall: now.wall + by }
}
