//! The loop that joins the modules: what happens goes into the engine, what it orders is done.
//!
//! ```text
//!   keeper, spawners ──┐                                    ┌──▶ keeper, spawners
//!   processes (notify) ├─▶ take in ─▶ engine ─▶ perform ────┼──▶ probes, notify sockets
//!   probes             │   (all that is there,  (in order)  ├──▶ store, events, watchers
//!   clocks             │    then deadlines)                 └──▶ answers
//!   control requests ──┘
//! ```
//!
//! One turn takes in everything that has happened before it judges any deadline: a manager that was held up
//! for a while must see no timeout where there was none. Requests come last in a turn, so that they see
//! committed state.
//!
//! Whatever may take its time is done elsewhere: by a spawner, in a task that waits, in the store's writer.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::control::objects::PlaceStatus;
use crate::control::request::{Answer, Call};
use crate::control::watch::Watchers;
use crate::engine::Engine;
use crate::engine::action::Actions;
use crate::engine::event::{Event, OpId};
use crate::engine::id::{PodUid, RunId};
use crate::engine::time::{Mono, Now};
use crate::limits::{BURST_ACTIONS, NOTES_PER_TURN_MAX, REQUESTS_PER_TURN_MAX};
use crate::runtime::clock::{self, DeadlineTimer, StepWatch};
use crate::runtime::keeper::{Keeper, News};
use crate::runtime::notify::Tellers;
use crate::runtime::plan::Planner;
use crate::runtime::probe::Note;
use crate::settings::Settings;
use crate::store::{ReadyMarks, Store};
use crate::sys::process::give_back_memory;
use crate::unit::model::ProbeKind;
use crate::wire::cgroup::Tree;
use crate::wire::message::Faults;

mod about;
mod answer;
mod apply;
mod change;
mod commands;
mod commit;
mod delete;
mod diff;
mod ending;
mod facts;
mod fault;
mod groups;
mod hand;
mod hear;
mod hold;
mod limits;
mod look;
mod objects;
mod own_log;
mod past;
mod perform;
mod place;
mod planned;
mod probe_log;
mod probes;
mod publish;
mod recall;
mod reexec;
mod rollout;
mod safe;
mod start;
mod switch_root;
mod usage;

pub use start::run;

use answer::Pending;
use change::Sources;
use commands::Commands;
use commit::Commits;
use facts::{PodFacts, Running};
use hold::Held;
use publish::Seen;

/// Everything the manager has. Its methods are in the files of this folder, by subject.
struct Manager {
    settings: Settings,
    /// As it was found at our start.
    place: PlaceStatus,
    engine: Engine,
    /// What is still to be performed; empty between turns.
    actions: Actions,
    /// Actions since memory was last given back.
    performed: usize,
    keeper: Keeper,
    planner: Planner,
    tellers: Tellers,
    /// Runs that are probed, or that have a hook under way.
    watched: HashMap<RunId, probes::Watched>,
    /// What runs for probes and hooks, and `supctl exec`.
    commands: Commands,
    /// What is known of pods whose processes were started and that are not final.
    pods: HashMap<PodUid, Box<PodFacts>>,
    store: Store,
    /// What waits for the store.
    commits: Commits,
    /// Nothing where the runtime directory takes no files: then readiness is found out anew.
    marks: Option<ReadyMarks>,
    sources: Sources,
    usage: usage::Meter,
    /// The cgroups of pods, where there are any.
    tree: Option<Tree>,
    groups: groups::Groups,
    watchers: Watchers,
    seen: Seen,
    /// Requests whose answer the engine gives.
    pending: HashMap<OpId, Pending>,
    last_op: u64,
    /// Requests whose answer waits for the logger.
    held: Held,
    server: Option<tokio::task::JoinHandle<std::convert::Infallible>>,
    inbox: Inbox,
    /// When the keeper began.
    since: Now,
    /// How often supd has gone on as another program since.
    replaced: u32,
    /// Faults that the keeper has gone on after.
    keeper_faults: Faults,
    /// Who wants supd to go on as another program.
    reexec: Option<oneshot::Sender<Answer>>,
    ending: bool,
    planned: planned::Planned,
    hand: hand::Hand,
}

/// All that the loop waits for, beside the keeper and the processes themselves.
struct Inbox {
    timer: DeadlineTimer,
    steps: StepWatch,
    notes: mpsc::Receiver<Note>,
    /// For tasks.
    notes_sender: mpsc::Sender<Note>,
    calls: mpsc::Receiver<Call>,
    /// For the server.
    calls_sender: mpsc::Sender<Call>,
    /// What woke the loop, where waiting had to take it out.
    note: Option<Note>,
    call: Option<Call>,
    stepped: bool,
}

/// Whether there is more to do right away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// No: wait.
    Idle,
    /// Yes: a bound was reached.
    More,
}

impl Manager {
    /// For as long as there is a keeper.
    async fn serve(mut self) -> io::Result<()> {
        loop {
            match self.turn()? {
                Turn::More => tokio::task::yield_now().await,
                Turn::Idle => {
                    self.give_back();
                    self.wait().await?;
                }
            }
        }
    }

    /// After a burst (a boot, a large job) what it took goes back to the system, once nothing of it is left
    /// to be answered.
    fn give_back(&mut self) {
        if self.performed < BURST_ACTIONS || self.keeper.next_check().is_some() {
            return;
        }
        self.performed = 0;
        self.actions.shrink_to(0);
        self.keeper.shrink();
        give_back_memory();
    }

    /// Sleeps until something has happened.
    async fn wait(&mut self) -> io::Result<()> {
        let inbox = &mut self.inbox;
        tokio::select! {
            ready = self.keeper.ready() => ready?,
            ready = self.store.ready() => ready?,
            ready = self.tellers.readable() => ready?,
            note = inbox.notes.recv() => inbox.note = note,
            call = inbox.calls.recv() => inbox.call = call,
            fired = inbox.timer.fired() => fired?,
            stepped = inbox.steps.stepped() => {
                stepped?;
                inbox.stepped = true;
            }
        }
        Ok(())
    }

    /// Takes in what has happened, does what is to be done, answers who has asked.
    fn turn(&mut self) -> io::Result<Turn> {
        self.keeper.flush()?;
        let notes = self.take_in_all()?;
        self.plan_on_time()?;
        self.settle()?;
        self.keeper.check(clock::mono())?;
        self.leave_idle_groups()?;
        let calls = self.answer_calls()?;
        self.answer_held();
        self.commit()?;
        let wakes = [
            self.engine.next_deadline(),
            self.keeper.next_check(),
            self.held.next_deadline(),
            self.next_commit(),
            self.groups.next_deadline(),
            self.planned.next_deadline(),
        ];
        let wake = wakes.into_iter().flatten().min();
        self.inbox.timer.arm(wake)?;
        Ok(if notes == Turn::More || calls == Turn::More { Turn::More } else { Turn::Idle })
    }

    /// Takes in everything that has happened by now.
    fn take_in_all(&mut self) -> io::Result<Turn> {
        let mut news = Vec::new();
        while self.keeper.receive(&mut news)? {
            self.take_in_news(&mut news)?;
        }
        self.take_in_news(&mut news)?;
        self.hear()?;
        if std::mem::take(&mut self.inbox.stepped) {
            tracing::info!("the wall clock was set");
            self.take_in(Event::ClockStepped);
        }
        for _ in 0..NOTES_PER_TURN_MAX {
            let note = self.inbox.note.take().or_else(|| self.inbox.notes.try_recv().ok());
            match note {
                Some(note) => self.take_in_note(note)?,
                None => return Ok(Turn::Idle),
            }
        }
        Ok(Turn::More)
    }

    fn take_in_news(&mut self, news: &mut Vec<News>) -> io::Result<()> {
        for one in news.drain(..) {
            match one {
                News::Started { run, pid, at, readiness } => {
                    if run.class.is_process() {
                        self.process_started(run, pid, at.mono, readiness);
                        self.take_in(Event::Started { run, pid, at });
                    }
                }
                News::Exited { run, exit, limits_refused } => {
                    self.warn_of_limits(run, limits_refused);
                    if run.class.is_process() {
                        self.process_ended(run)?;
                        self.take_in(Event::Exited { run, exit });
                    } else if let Some(question) = self.commands.ended(run, exit) {
                        self.ask(question)?;
                    }
                }
                News::Lingers { run, left } if run.class.is_process() => {
                    self.take_in(Event::Lingers { run, left });
                }
                // A probe or a hook: nobody waits for its end.
                News::Lingers { .. } => {}
                News::StopRequest(count) => self.stop(count)?,
                News::Reload => self.reload_by_signal()?,
                News::ShowState => self.show_state(),
                News::Listener(listener) => self.listen(listener),
                News::NotReplaced(reason) => self.not_replaced(reason),
                News::Kept(kind, run, fd) => self.take_kept(kind, run, fd)?,
            }
        }
        Ok(())
    }

    /// TERM or INT; each further one leaves less time.
    fn stop(&mut self, count: u32) -> io::Result<()> {
        let within = match count {
            0 | 1 => self.settings.shutdown_timeout,
            2 => Duration::from_secs(2),
            _ => Duration::ZERO,
        };
        match count {
            0 | 1 if self.settings.foreground => {
                tracing::warn!(target: own_log::EVENTS, "ending in order, within {within:?}; Ctrl-C again hurries");
            }
            _ => tracing::info!("asked to end; all is over within {within:?}"),
        }
        self.ending = true;
        self.take_in(Event::Shutdown { within });
        // The keeper waits for a word, and what is ordered now may be nothing at all for a while.
        self.keeper.say_alive()
    }

    fn process_started(&mut self, run: RunId, pid: u32, at: Mono, readiness: Option<std::os::fd::OwnedFd>) {
        if let Some(facts) = self.pods.get_mut(&run.pod) {
            facts.add(Running { run, pid, started: at, adopted: false, said_ready: false });
        }
        let watched = self.tellers.started(run, pid).and_then(|()| match readiness {
            Some(pipe) => self.tellers.watch_pipe(run, pipe),
            None => Ok(()),
        });
        if let Err(error) = watched {
            tracing::error!(%run, "its readiness cannot be heard: {error}");
        }
    }

    /// Before the engine hears of the end of a process: its last words, and the end of what belonged to it.
    fn process_ended(&mut self, run: RunId) -> io::Result<()> {
        self.hear_last(run);
        self.end_watch(run)?;
        self.mark(run, ProbeKind::Startup, false);
        self.mark(run, ProbeKind::Readiness, false);
        if let Some(facts) = self.pods.get_mut(&run.pod) {
            facts.remove(run);
        }
        Ok(())
    }

    /// Cgroups that have waited in vain for a job's next pod.
    fn leave_idle_groups(&mut self) -> io::Result<()> {
        if self.groups.next_deadline().is_some_and(|at| at <= clock::mono()) {
            for group in self.groups.expire(clock::mono()) {
                self.keeper.leave(&group)?;
            }
        }
        Ok(())
    }

    fn warn_of_limits(&self, run: RunId, limits_refused: u32) {
        if limits_refused != 0 {
            let pod = self.pods.get(&run.pod).map_or("", |facts| &facts.label.pod);
            tracing::warn!(
                "{pod}: resource limits above supd's own could not be set (RLIMIT numbers {}); ignoring",
                (0..32)
                    .filter(|bit| limits_refused & 1 << bit != 0)
                    .map(|bit| bit.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
    }

    /// Tells the engine, which judges nothing before [`Manager::settle`].
    fn take_in(&mut self, event: Event) {
        let Some(event) = self.in_hand(event) else { return };
        self.engine.take_in(clock::now(), event, &mut self.actions);
    }

    /// Lets the engine judge, and does what it orders, until it orders nothing more.
    fn settle(&mut self) -> io::Result<()> {
        loop {
            self.engine.settle(clock::now(), &mut self.actions);
            if !self.actions.is_empty() {
                self.perform_all()?;
                continue;
            }
            // What an earlier manager died with comes last, and alone.
            match self.next_suspect() {
                Some(event) => self.engine.take_in(clock::now(), event, &mut self.actions),
                None => break,
            }
        }
        self.hand.clear();
        Ok(())
    }

    fn answer_calls(&mut self) -> io::Result<Turn> {
        for _ in 0..REQUESTS_PER_TURN_MAX {
            let call = self.inbox.call.take().or_else(|| self.inbox.calls.try_recv().ok());
            match call {
                Some(call) => self.answer(call)?,
                None => return Ok(Turn::Idle),
            }
        }
        Ok(Turn::More)
    }
}
