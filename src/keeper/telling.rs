//! What the manager is told, in order: first what there is, then whatever happens. Kept as state, not as a
//! queue of messages, so that nothing is lost and nothing grows while the manager is away or slow.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::{Keeper, will};
use crate::sys::process::How;
use crate::sys::say_at_once;
use crate::wire::message::{Exited, KeeperToManager};
use crate::wire::run::{Ending, Fault, Instant, Usage};
use crate::wire::table::Phase;
use crate::wire::table::end::End;

/// How long a snapshot waits for a record.
const RECORD_PATIENCE_NS: u64 = 1_000_000_000;

const KILL: u8 = 9;

/// What no logger has read of our own lines goes to standard error, as far as that takes it at once.
pub(super) fn last_words(own_log: BorrowedFd<'_>) {
    let mut lines = [0; 4096];
    while let Ok(length @ 1..) = nix::unistd::read(own_log, &mut lines) {
        if say_at_once(lines.get(..length).unwrap_or_default()) < length {
            return;
        }
    }
}

/// How far a new manager has been told what there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    Welcome,
    /// What is in the table, from this slot on.
    Known(u16),
    /// Exits that nobody has acknowledged.
    Exits,
    /// What is kept for pods.
    Kept,
    SnapshotEnd,
    /// Whatever happens.
    News,
}

/// The next thing to tell, and what to note once it is told.
enum Step {
    Advance(Telling),
    ExitTold,
    FreedTold,
    RunningTold,
    StopTold,
    SpawnerGoneTold,
    ReloadTold,
    StateTold,
    ListenerTold,
    RefusalTold,
    KeptTold,
    LingeringTold,
}

impl Keeper {
    /// Tells the manager as much as its socket takes.
    pub(super) fn pump_manager(&mut self) {
        while let Some(step) = self.next_for_manager() {
            let Some(channel) = &self.manager.channel else { return };
            let attached = match step {
                Step::ListenerTold => Some(self.manager.listener.fd.as_fd()),
                Step::KeptTold => self.kept.next_fd(),
                _ => None,
            };
            match channel.try_send(&self.outgoing, attached.as_slice()) {
                Ok(()) => self.told(step),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.manager.full = true;
                    self.set_manager_interest();
                    return;
                }
                // It has closed its end, and will be seen to have ended.
                Err(_) => return,
            }
        }
    }

    /// Encodes the next thing to tell, if there is one and the socket is not known to be full.
    fn next_for_manager(&mut self) -> Option<Step> {
        if self.manager.channel.is_none() || self.manager.full || self.manager.of_before {
            return None;
        }
        let out = &mut self.outgoing;
        match self.manager.telling {
            Telling::Welcome => {
                let message = KeeperToManager::Welcome {
                    epoch: self.table.epoch(),
                    pod_highest: self.table.pod_highest(),
                    deaths: self.manager.deaths.total,
                    deaths_unready: self.manager.deaths.unready,
                    last_death: self.manager.deaths.last,
                    since: self.since,
                    replaced: self.reexec.replaced,
                    faults: will::faults(),
                };
                message.encode(out);
                return Some(Step::Advance(Telling::Known(0)));
            }
            Telling::Known(from) => return self.next_known(from),
            Telling::Exits if self.books.next_exit().is_none() => self.manager.telling = Telling::Kept,
            _ => {}
        }
        if matches!(self.manager.telling, Telling::Kept | Telling::News) {
            match self.kept.next() {
                Some((kind, run)) => {
                    KeeperToManager::Kept { kind, run }.encode(&mut self.outgoing);
                    return Some(Step::KeptTold);
                }
                None if self.manager.telling == Telling::Kept => self.manager.telling = Telling::SnapshotEnd,
                None => {}
            }
        }
        let out = &mut self.outgoing;
        if self.manager.telling == Telling::SnapshotEnd {
            // Before anything is judged: in a shutdown nothing starts that has just ended. One in safe mode starts
            // nothing anyway, and hears it with the news.
            let stop = self.manager.stop.filter(|stop| stop.told < stop.count && !self.manager.deaths.safe);
            if let Some(stop) = stop {
                KeeperToManager::StopRequest { signal: stop.signal, count: stop.count }.encode(out);
                return Some(Step::StopTold);
            }
            KeeperToManager::SnapshotEnd.encode(out);
            return Some(Step::Advance(Telling::News));
        }
        if self.manager.telling == Telling::News {
            if let Some(stop) = self.manager.stop.filter(|stop| stop.told < stop.count) {
                KeeperToManager::StopRequest { signal: stop.signal, count: stop.count }.encode(out);
                return Some(Step::StopTold);
            }
            if self.manager.spawner_gone {
                KeeperToManager::SpawnerGone.encode(out);
                return Some(Step::SpawnerGoneTold);
            }
            if let Some(slot) = self.manager.running.front().copied() {
                let (run, pid) = (self.table.run(slot), self.table.pid(slot));
                KeeperToManager::Running { slot, run, pid, at: self.table.started(slot) }.encode(out);
                return Some(Step::RunningTold);
            }
        }
        if let Some((seq, slot)) = self.books.next_exit() {
            self.encode_exit(seq, slot);
            return Some(Step::ExitTold);
        }
        let out = &mut self.outgoing;
        if let Some((slot, ticket)) = self.manager.freed.front().copied() {
            KeeperToManager::Free { slot, ticket }.encode(out);
            return Some(Step::FreedTold);
        }
        if self.manager.reload_wanted {
            KeeperToManager::Reload.encode(out);
            return Some(Step::ReloadTold);
        }
        if self.manager.state_wanted {
            KeeperToManager::ShowState.encode(out);
            return Some(Step::StateTold);
        }
        if self.manager.listener_renewed {
            KeeperToManager::Listener.encode(out);
            return Some(Step::ListenerTold);
        }
        while let Some((slot, run)) = self.lingering.to_tell.front().copied() {
            // It may have gone meanwhile, and its slot may be another's.
            if !self.still_lingers(slot, run) {
                self.lingering.to_tell.pop_front();
                continue;
            }
            let (left, pid, state) = self.left_of(slot);
            KeeperToManager::Lingers { slot, run, left, pid, state }.encode(&mut self.outgoing);
            return Some(Step::LingeringTold);
        }
        let out = &mut self.outgoing;
        if let Some(reason) = &self.reexec.refusal {
            KeeperToManager::NotReplaced { reason: reason.as_bytes() }.encode(out);
            return Some(Step::RefusalTold);
        }
        None
    }

    /// The next slot that is taken. `None`, for now: a spawner is between its claim and its record, which
    /// takes it microseconds.
    fn next_known(&mut self, from: u16) -> Option<Step> {
        let next = self.table.taken().find(|(slot, _)| *slot >= from);
        let Some((slot, state)) = next else {
            self.manager.telling = Telling::Exits;
            self.manager.snapshot_waits_since = None;
            return self.next_for_manager();
        };
        let step = Step::Advance(Telling::Known(slot + 1));
        if state.phase == Phase::Starting && !self.table.described(slot) {
            self.wait_for_record(state.owner);
            return None;
        }
        self.manager.snapshot_waits_since = None;
        let book = self.books.of(slot);
        if book.acknowledged {
            KeeperToManager::Busy { slot }.encode(&mut self.outgoing);
            return Some(step);
        }
        book.announced_unborn = !book.settled;
        let pid = if book.settled { self.table.pid(slot) } else { 0 };
        self.table.note_pod(self.table.run(slot).pod);
        let (label, group) = (self.table.label(slot), self.table.group(slot));
        let message = KeeperToManager::Known {
            slot,
            run: self.table.run(slot),
            pid,
            started: if book.settled { self.table.started(slot) } else { Instant::default() },
            asked: book.settled && self.table.asked(slot),
            label: label.as_slice(),
            group: group.as_slice(),
        };
        message.encode(&mut self.outgoing);
        Some(step)
    }

    /// A spawner that does not get from its claim to its record was stopped from outside: nothing there can
    /// hang. Its death settles the slot.
    fn wait_for_record(&mut self, owner: u8) {
        let now = Instant::now().mono;
        let since = *self.manager.snapshot_waits_since.get_or_insert(now);
        if now.saturating_sub(since) > RECORD_PATIENCE_NS {
            self.spawners.kill(owner);
        }
    }

    fn encode_exit(&mut self, seq: u64, slot: u16) {
        let fault = self.table.fault(slot);
        let nothing = End { how: None, pid: 0, usage: Usage::default(), at: Instant::default() };
        let end = self.books.of(slot).end.unwrap_or(nothing);
        let ending = match (&fault, end.how) {
            (Some((step, errno, detail)), _) => {
                Ending::NotStarted(Fault { step: *step, errno: *errno, detail: detail.as_slice() })
            }
            (None, Some(How::Exited(code))) => Ending::Exited(code),
            (None, Some(How::Signaled(signal, core))) => Ending::Signaled { signal, core },
            (None, None) => Ending::Unknown,
        };
        let message = KeeperToManager::Exited(Exited {
            seq,
            slot,
            run: self.table.run(slot),
            pid: end.pid,
            ending,
            usage: end.usage,
            started: if fault.is_none() { self.table.started(slot) } else { Instant::default() },
            at: end.at,
            limits_refused: self.table.limits_refused(slot),
            out_of_memory: matches!(end.how, Some(How::Signaled(KILL, _))) && self.ran_out_of_memory(slot),
        });
        message.encode(&mut self.outgoing);
    }

    /// Notes that something was told.
    fn told(&mut self, step: Step) {
        let manager = &mut self.manager;
        // One in safe mode acknowledges nothing.
        let wants_answer = match step {
            Step::ExitTold => !manager.deaths.safe,
            Step::StopTold => true,
            _ => false,
        };
        match step {
            Step::Advance(telling) => manager.telling = telling,
            Step::ExitTold => self.books.exit_told(),
            Step::FreedTold => {
                manager.freed.pop_front();
            }
            Step::RunningTold => {
                manager.running.pop_front();
            }
            Step::StopTold => {
                if let Some(stop) = &mut manager.stop {
                    stop.told = stop.count;
                }
            }
            Step::SpawnerGoneTold => manager.spawner_gone = false,
            Step::ReloadTold => manager.reload_wanted = false,
            Step::StateTold => manager.state_wanted = false,
            Step::ListenerTold => manager.listener_renewed = false,
            Step::LingeringTold => {
                self.lingering.to_tell.pop_front();
            }
            Step::RefusalTold => self.reexec.refusal = None,
            Step::KeptTold => self.kept.told(),
        }
        if wants_answer {
            manager.unanswered_since.get_or_insert_with(|| Instant::now().mono);
        }
    }
}
