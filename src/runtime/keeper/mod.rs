//! The manager's side of the keeper's channel and of the spawn queue.
//!
//! Turns what the engine orders into messages and messages into news for the engine. Knows which slot a
//! run holds; the engine knows only runs.
//!
//! `Started` comes from a spawner and `Exited` from the keeper, on different sockets, so the end of a short
//! run may be read first. Here they are put in order: no `Exited` without its `Started` before it, where
//! the run was started at all.

use std::io;
use std::os::fd::OwnedFd;

use crate::engine::event::{Adopted, Exit, Left, Outcome, Usage};
use crate::engine::id::{Class, PodUid, RunId};
use crate::engine::time::{Mono, Now, Wall};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGES_PER_TURN_MAX, PLAN_BYTES_MAX, PLAN_INLINE_BYTES_MAX};
use crate::sys::memory;
use crate::wire::channel::Channel;
use crate::wire::message::{Exited, FromSpawner, KeeperToManager, ManagerToKeeper, PlanAt, Spawn, ToSpawner};
use crate::wire::plan::Plan;
use crate::wire::run::{Ending, Instant, Run};

use super::kernel_log::KernelLog;
use super::{clock, fault, label};

mod news;
mod orders;
mod outbox;
mod slots;

pub use news::{News, NotOrdered, Snapshot};
use outbox::Outbox;
use slots::{Slots, Stage};

/// The way to the keeper and its spawners.
pub struct Keeper {
    channel: Outbox,
    queue: Outbox,
    epoch: u64,
    slots: Slots,
    /// The last exit that was taken in, and the last that was acknowledged.
    last_exit: u64,
    acknowledged: u64,
    /// Reused for every message.
    buffer: Vec<u8>,
    message: Vec<u8>,
    plan: Vec<u8>,
    kernel_log: KernelLog,
}

const SIGKILL: u8 = 9;

impl Keeper {
    /// Of this manager: no other one had or will have it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes the two channels that every manager finds open. Needs a running runtime.
    pub fn new(channel: Channel, queue: Channel) -> io::Result<Self> {
        Ok(Self {
            channel: Outbox::new(channel)?,
            queue: Outbox::new(queue)?,
            epoch: 0,
            slots: Slots::new(),
            last_exit: 0,
            acknowledged: 0,
            buffer: vec![0; MESSAGE_BYTES_MAX],
            message: Vec::new(),
            plan: Vec::new(),
            kernel_log: KernelLog::default(),
        })
    }

    /// Waits for the whole snapshot, which is the first thing that a keeper tells. Orphans of the manager
    /// before are ended, if that is wanted.
    pub async fn snapshot(&mut self, end_orphans: bool) -> io::Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let received = match self.channel.receive(&mut buffer)? {
                Some(received) => received,
                None => {
                    self.channel.readable().await?;
                    continue;
                }
            };
            match KeeperToManager::decode(&buffer[..received.length]) {
                Ok(KeeperToManager::SnapshotEnd) => break,
                Ok(KeeperToManager::Kept { kind, run }) => {
                    let fd = received.fds.into_iter().flatten().next();
                    snapshot.kept.extend(run_id(run).zip(fd).map(|(run, fd)| (kind, run, fd)));
                }
                Ok(message) => self.take_in_snapshot(message, &mut snapshot),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        self.buffer = buffer;
        for run in snapshot.orphans.iter().filter(|_| end_orphans) {
            self.signal(*run, libc::SIGKILL, true)?;
        }
        Ok(snapshot)
    }

    fn take_in_snapshot(&mut self, message: KeeperToManager<'_>, snapshot: &mut Snapshot) {
        match message {
            KeeperToManager::Welcome {
                epoch,
                pod_highest,
                deaths,
                deaths_unready,
                last_death,
                since,
                replaced,
                faults,
            } => {
                self.epoch = epoch;
                snapshot.pod_highest = pod_highest;
                snapshot.deaths = deaths;
                snapshot.deaths_unready = deaths_unready;
                snapshot.last_death = last_death;
                snapshot.since = now(since);
                snapshot.replaced = replaced;
                snapshot.faults = faults;
            }
            KeeperToManager::Known { slot, run, pid, started, asked, label, group } => {
                let Some(run) = run_id(run) else { return };
                let stage = if pid == 0 { Stage::Asked } else { Stage::Started };
                self.slots.hold(slot, Some(run), stage);
                if !group.is_empty() {
                    snapshot.groups.push((run, String::from_utf8_lossy(group).into_owned()));
                }
                match label::decode(label) {
                    Ok(label) if run.class.is_process() => {
                        let pid = u32::try_from(pid).ok().filter(|pid| *pid != 0);
                        let started = now(started);
                        let adopted = Adopted { run, label, pid, started, ready: true, asked, exit: None };
                        snapshot.adopted.push(adopted);
                    }
                    _ => snapshot.orphans.push(run),
                }
            }
            KeeperToManager::Exited(exited) => {
                self.last_exit = self.last_exit.max(exited.seq);
                self.slots.end(exited.slot);
                let run = run_id(exited.run);
                snapshot.exits.extend(run.map(|run| (run, exited.seq)));
                if let Some(adopted) = snapshot.adopted.iter_mut().find(|adopted| Some(adopted.run) == run) {
                    adopted.exit = Some(exit(&exited, &mut self.kernel_log));
                    // Its slot has no pid any more.
                    if let Ok(pid @ 1..) = u32::try_from(exited.pid) {
                        (adopted.pid, adopted.started) = (Some(pid), now(exited.started));
                    }
                }
            }
            KeeperToManager::Busy { slot } => {
                self.slots.hold(slot, None, Stage::Ended);
                self.slots.end(slot);
            }
            KeeperToManager::Free { slot, ticket } => self.slots.free(slot, ticket),
            KeeperToManager::StopRequest { count, .. } => snapshot.stop = Some(count),
            // The keeper tells nothing else before the end of its snapshot.
            _ => {}
        }
    }

    /// Waits until the keeper or a spawner has said something, or can be told what waits.
    pub async fn ready(&self) -> io::Result<()> {
        tokio::select! {
            ready = self.channel.readable() => ready,
            ready = self.queue.readable() => ready,
            ready = self.channel.writable() => ready,
            ready = self.queue.writable() => ready,
        }
    }

    /// Takes in everything that was said, up to a bound; true: there may be more.
    pub fn receive(&mut self, news: &mut Vec<News>) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        // Starts before ends: they happen in this order.
        let more = self.receive_starts(&mut buffer, news)? | self.receive_rest(&mut buffer, news)?;
        self.buffer = buffer;
        Ok(more)
    }

    fn receive_starts(&mut self, buffer: &mut [u8], news: &mut Vec<News>) -> io::Result<bool> {
        for _ in 0..MESSAGES_PER_TURN_MAX {
            let Some(received) = self.queue.receive(buffer)? else { return Ok(false) };
            match FromSpawner::decode(&buffer[..received.length]) {
                Ok(message) => self.on_spawner(message, received.fds, news),
                Err(error) => tracing::error!("from a spawner: {error}; ignoring"),
            }
        }
        Ok(true)
    }

    fn on_spawner<const N: usize>(
        &mut self,
        message: FromSpawner,
        fds: [Option<OwnedFd>; N],
        news: &mut Vec<News>,
    ) {
        let mut fds = fds.into_iter().flatten();
        match message {
            // Our plans capture nothing: what is read comes through pipes of our own.
            FromSpawner::Started { slot, run, pid, at, readiness, capture: _ } => {
                let Some(run) = run_id(run) else { return };
                let readiness = if readiness { fds.next() } else { None };
                self.on_started(slot, run, pid, at, readiness, news);
            }
            FromSpawner::Refused { slot, run } => {
                let Some(run) = run_id(run) else { return };
                if self.slots.refused(slot, run) {
                    // Not freed: whoever holds it will be heard of when the slot is free.
                    self.slots.set_stage(slot, Stage::Ended);
                    let message = "its slot is still in use".to_owned();
                    let outcome = Outcome::NotStarted { message, exhausted: true };
                    let exit = Exit { outcome, usage: Usage::default(), at: clock::now() };
                    news.push(News::Exited { run, exit, limits_refused: 0 });
                }
            }
        }
    }

    fn on_started(
        &mut self,
        slot: u16,
        run: RunId,
        pid: i32,
        at: Instant,
        readiness: Option<OwnedFd>,
        news: &mut Vec<News>,
    ) {
        // Anything else: its end was read first, and its start was told with that.
        if self.slots.stage(slot, run) == Some(Stage::Asked) {
            self.slots.set_stage(slot, Stage::Started);
            let pid = u32::try_from(pid).unwrap_or_default();
            news.push(News::Started { run, pid, at: now(at), readiness });
        }
    }

    fn receive_rest(&mut self, buffer: &mut [u8], news: &mut Vec<News>) -> io::Result<bool> {
        for _ in 0..MESSAGES_PER_TURN_MAX {
            let Some(received) = self.channel.receive(buffer)? else { return Ok(false) };
            match KeeperToManager::decode(&buffer[..received.length]) {
                Ok(message) => self.on_keeper(message, received.fds, news)?,
                Err(error) => tracing::error!("from the keeper: {error}; ignoring"),
            }
        }
        Ok(true)
    }

    fn on_keeper<const N: usize>(
        &mut self,
        message: KeeperToManager<'_>,
        fds: [Option<OwnedFd>; N],
        news: &mut Vec<News>,
    ) -> io::Result<()> {
        match message {
            KeeperToManager::Running { slot, run, pid, at } => {
                if let Some(run) = run_id(run) {
                    self.on_started(slot, run, pid, at, None, news);
                }
            }
            KeeperToManager::Exited(exited) => self.on_exited(&exited, news),
            KeeperToManager::Free { slot, ticket } => self.slots.free(slot, ticket),
            KeeperToManager::Lingers { run, left, pid, state, .. } => {
                if let Some(run) = run_id(run) {
                    let process = u32::try_from(pid).ok().filter(|pid| *pid != 0);
                    let left = Left { count: left, pid: process, state: char::from(state) };
                    news.push(News::Lingers { run, left });
                }
            }
            KeeperToManager::SpawnerGone => self.order_again()?,
            KeeperToManager::StopRequest { count, .. } => news.push(News::StopRequest(count)),
            KeeperToManager::Reload => news.push(News::Reload),
            KeeperToManager::ShowState => news.push(News::ShowState),
            KeeperToManager::Listener => {
                news.extend(fds.into_iter().flatten().next().map(News::Listener));
            }
            KeeperToManager::NotReplaced { reason } => {
                news.push(News::NotReplaced(String::from_utf8_lossy(reason).into_owned()));
            }
            KeeperToManager::Kept { kind, run } => {
                let fd = fds.into_iter().flatten().next();
                news.extend(run_id(run).zip(fd).map(|(run, fd)| News::Kept(kind, run, fd)));
            }
            // Of the snapshot, which is over.
            KeeperToManager::Welcome { .. }
            | KeeperToManager::Known { .. }
            | KeeperToManager::Busy { .. }
            | KeeperToManager::SnapshotEnd => {}
        }
        Ok(())
    }

    /// A spawner has died, perhaps with an order that it had just read: all that are unanswered are sent
    /// again. Whichever was begun is refused the second time.
    fn order_again(&mut self) -> io::Result<()> {
        for order in self.slots.unanswered() {
            self.queue.send(&order.message, &order.fds)?;
            order.sent += 1;
        }
        Ok(())
    }

    fn on_exited(&mut self, exited: &Exited<'_>, news: &mut Vec<News>) {
        self.last_exit = self.last_exit.max(exited.seq);
        let Some(run) = run_id(exited.run) else { return };
        let stage = self.slots.stage(exited.slot, run);
        if stage == Some(Stage::Asked) && exited.pid != 0 && exited.started != Instant::default() {
            self.on_started(exited.slot, run, exited.pid, exited.started, None, news);
        }
        if matches!(stage, Some(Stage::Asked | Stage::Started)) {
            self.slots.end(exited.slot);
            news.push(News::Exited {
                run,
                exit: exit(exited, &mut self.kernel_log),
                limits_refused: exited.limits_refused,
            });
        }
    }

    /// Orders a start, or says why that cannot be done. `given` are descriptors for the plan's outputs.
    pub fn spawn(
        &mut self,
        run: RunId,
        label: &[u8],
        log_path: &str,
        plan: &Plan,
        given: Vec<OwnedFd>,
    ) -> io::Result<Option<NotOrdered>> {
        plan.encode(&mut self.plan);
        if self.plan.len() > PLAN_BYTES_MAX {
            return Ok(not_ordered("arguments and environment are too long", false));
        }
        let mut fds = given;
        if self.plan.len() > PLAN_INLINE_BYTES_MAX {
            match memory::sealed(c"supd-plan", &self.plan) {
                Ok(fd) => fds.insert(0, fd),
                Err(error) => return Ok(not_ordered(&format!("plan: {error}"), true)),
            }
        }
        let Some((slot, ticket)) = self.slots.take(run, clock::mono()) else {
            return Ok(not_ordered("as many runs as there can be are there already", true));
        };
        let inline = self.plan.len() <= PLAN_INLINE_BYTES_MAX;
        let plan = if inline { PlanAt::Inline(&self.plan) } else { PlanAt::Attached };
        let log_path = log_path.as_bytes();
        let spawn = Spawn { epoch: self.epoch, slot, ticket, run: wire_run(run), label, log_path, plan };
        let mut message = Vec::new();
        ToSpawner::Spawn(spawn).encode(&mut message);
        self.queue.send(&message, &fds)?;
        self.slots.set_order(slot, message, fds);
        Ok(None)
    }

    /// What was made for a pod that is final goes. A spawner does it: it may take its time.
    pub fn discard(&mut self, pod: PodUid) -> io::Result<()> {
        let mut message = Vec::new();
        ToSpawner::Discard { pod: pod.0 }.encode(&mut message);
        self.queue.send(&message, &[])
    }

    /// Nobody is to be born in a cgroup any more. A spawner removes it: it may take its time.
    pub fn leave(&mut self, group: &str) -> io::Result<()> {
        let mut message = Vec::new();
        ToSpawner::Leave { group: group.as_bytes() }.encode(&mut message);
        self.queue.send(&message, &[])
    }

    /// Which end was heard of last, for [`Keeper::is_drained`].
    pub fn last_end(&self) -> u64 {
        self.slots.last_end()
    }

    /// Whether the logs of all runs that ended no later than this are complete: of this pod, or of all.
    pub fn is_drained(&self, last_end: u64, pod: Option<PodUid>) -> bool {
        self.slots.is_drained(last_end, pod)
    }

    /// Sends a signal; nothing happens if the run has ended.
    pub fn signal(&mut self, run: RunId, signal: i32, all: bool) -> io::Result<()> {
        self.send_signal(run, (signal, all, false))
    }

    /// Sends the signal by which a run is asked to end: every manager to come will know that it had it.
    pub fn ask_to_end(&mut self, run: RunId, signal: i32, all: bool) -> io::Result<()> {
        self.send_signal(run, (signal, all, true))
    }

    fn send_signal(&mut self, run: RunId, (signal, all, stop): (i32, bool, bool)) -> io::Result<()> {
        let Some(slot) = self.slots.slot_of(run) else { return Ok(()) };
        self.tell(&ManagerToKeeper::Signal { slot, run: wire_run(run), signal, all, stop })
    }

    /// The number of the last exit that was taken in.
    pub fn last_exit(&self) -> u64 {
        self.last_exit
    }

    /// What was taken in up to this exit is stored: the keeper may forget it.
    pub fn acknowledge(&mut self, exits: u64) -> io::Result<()> {
        if exits <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = exits;
        self.tell(&ManagerToKeeper::Ack { seq: exits })
    }

    /// The first reconcile is done.
    pub fn say_ready(&mut self) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Ready)
    }

    /// An answer for the watchdog, where a turn had nothing else to say.
    pub fn say_alive(&mut self) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Alive)
    }

    /// For the logger, through the keeper.
    pub fn tell_logger(&mut self, message: &[u8]) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Logger(message))
    }

    /// Lets go of memory that a burst of starts took.
    pub fn shrink(&mut self) {
        self.slots.shrink();
        self.queue.shrink();
        self.channel.shrink();
    }

    /// When stuck starts should be looked for.
    pub fn next_check(&self) -> Option<Mono> {
        self.slots.next_check()
    }

    /// Looks for stuck starts, and asks for another spawner where one would help.
    pub fn check(&mut self, now: Mono) -> io::Result<()> {
        if self.slots.check(now) {
            // No trouble yet: a program that comes from a slow disk, or a machine that is busy.
            tracing::debug!("a start takes long; another spawner does the others");
            self.tell(&ManagerToKeeper::NeedSpawner)?;
        }
        Ok(())
    }

    /// Sends what waits, as far as that goes.
    pub fn flush(&mut self) -> io::Result<()> {
        self.channel.flush()?;
        self.queue.flush()
    }

    fn tell(&mut self, message: &ManagerToKeeper<'_>) -> io::Result<()> {
        message.encode(&mut self.message);
        self.channel.send(&self.message, &[])
    }
}

fn exit(exited: &Exited<'_>, kernel_log: &mut KernelLog) -> Exit {
    let outcome = match &exited.ending {
        Ending::Exited(code) => Outcome::Exited(*code),
        Ending::Signaled { signal: SIGKILL, .. } if exited.out_of_memory => Outcome::OutOfMemory,
        Ending::Signaled { signal: SIGKILL, .. } if kernel_log.has_ended(exited.pid, now(exited.started)) => {
            Outcome::OutOfMemory
        }
        Ending::Signaled { signal, core } => Outcome::Signaled { signal: *signal, core: *core },
        Ending::NotStarted(fault) => fault::outcome(fault),
        Ending::Unknown => Outcome::Unknown,
    };
    let used = exited.usage;
    let usage = Usage {
        user_us: used.user_us,
        system_us: used.system_us,
        max_rss_bytes: used.max_rss_bytes,
        read_bytes: used.read_bytes,
        written_bytes: used.written_bytes,
    };
    Exit { outcome, usage, at: now(exited.at) }
}

fn not_ordered(message: &str, exhausted: bool) -> Option<NotOrdered> {
    Some(NotOrdered { message: message.to_owned(), exhausted })
}

fn now(at: Instant) -> Now {
    Now { mono: Mono(i64::try_from(at.mono).unwrap_or(i64::MAX)), wall: Wall(at.wall) }
}

fn wire_run(run: RunId) -> Run {
    Run { pod: run.pod.0, class: run.class.to_wire(), process: run.process, attempt: run.attempt }
}

fn run_id(run: Run) -> Option<RunId> {
    let class = Class::from_wire(run.class)?;
    Some(RunId { pod: PodUid(run.pod), class, process: run.process, attempt: run.attempt })
}

#[cfg(test)]
mod tests;
