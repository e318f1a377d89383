//! What the manager has in hand, and what it makes of how its predecessors died.
//!
//! Each event is noted before it is taken in (see [`crate::wire::note`]) and struck out when the turn is
//! over. After a death, what was in hand is suspect: it comes back, since the keeper tells again what was not
//! acknowledged. A suspect is taken in alone, after all others, so that a second death has one culprit. That
//! one's unit is set aside: what it does is acknowledged and passed over, what runs of it is left alone, until
//! an operator says otherwise. A suspect that goes well is none any more.
//!
//! Who was killed from outside (KILL, TERM) died of nothing that it had in hand.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::engine::event::{Adopted, Command, Event};
use crate::engine::id::{PodUid, RunId};
use crate::unit::model::ProbeKind;
use crate::unit::name::UnitName;
use crate::wire::message::Death;
use crate::wire::note::{Aside, InHand, Note};

use super::about::{About, about, start_of, unit_of};
use super::{Manager, fault};

/// See above.
pub(super) struct Hand {
    /// None where there is no such memory: then nothing is noted.
    note: Option<Note>,
    suspects: HashSet<u64>,
    /// Suspects that have come back, and what came behind them of the same units.
    waiting: VecDeque<Event>,
    waiting_units: BTreeSet<String>,
    /// The suspect that is being taken in.
    on_trial: Option<u64>,
    aside: BTreeMap<UnitName, Held>,
}

/// A unit that is set aside.
struct Held {
    reason: String,
    /// Its runs that live, as they were found.
    runs: Vec<Adopted>,
}

impl Hand {
    /// Reads what the manager before this one had in hand when it died, and of what it died.
    pub(super) fn open(note: Option<&OwnedFd>, death: Death) -> Self {
        let note = note.and_then(|fd| {
            let opened = Note::open(fd.as_fd());
            opened.inspect_err(|error| tracing::warn!("what is in hand cannot be noted: {error}")).ok()
        });
        let mut hand = Self {
            note,
            suspects: HashSet::new(),
            waiting: VecDeque::new(),
            waiting_units: BTreeSet::new(),
            on_trial: None,
            aside: BTreeMap::new(),
        };
        hand.judge(death);
        hand
    }

    fn judge(&mut self, death: Death) {
        let Some(note) = &self.note else { return };
        self.suspects = note.suspects().into_iter().collect();
        let (act, events, panic) = (note.act(), note.events(), note.take_panic());
        let mut aside = note.aside();
        let alone = if events.len() == 1 { note.last_event() } else { None };
        if is_its_own(death) {
            match act.as_ref().or(alone.as_ref()) {
                Some(culprit) if !culprit.unit.is_empty() && self.suspects.remove(&culprit.fingerprint) => {
                    aside.retain(|aside| aside.unit != culprit.unit);
                    aside.push(Aside { unit: culprit.unit.clone(), reason: reason(culprit, death, &panic) });
                    note.set_aside(&aside);
                }
                _ => match &act {
                    Some(act) => _ = self.suspects.insert(act.fingerprint),
                    None => self.suspects.extend(events),
                },
            }
            note.set_suspects(self.suspects.iter().copied());
        }
        note.clear();
        for Aside { unit, reason } in aside {
            if let Ok(unit) = UnitName::parse(&unit) {
                tracing::error!("{unit} is set aside: {reason}; `supctl start {unit}` tries again");
                self.aside.insert(unit, Held { reason, runs: Vec::new() });
            }
        }
    }

    /// The units that are set aside, with the reasons.
    pub(super) fn quarantined(&self) -> Vec<(UnitName, String)> {
        self.aside.iter().map(|(name, held)| (name.clone(), held.reason.clone())).collect()
    }

    /// Takes what lives of units that are set aside out of what is to be adopted. What has ended of them is
    /// passed over.
    pub(super) fn hold_back(&mut self, adopted: Vec<Adopted>) -> Vec<Adopted> {
        let mut others = Vec::with_capacity(adopted.len());
        for found in adopted {
            match self.aside.get_mut(&found.label.unit) {
                Some(held) if found.exit.is_none() => held.runs.push(found),
                Some(_) => {}
                None => others.push(found),
            }
        }
        others
    }

    /// Whether something of this pod lives and is left alone.
    pub(super) fn holds(&self, pod: PodUid) -> bool {
        self.aside.values().flat_map(|held| &held.runs).any(|found| found.run.pod == pod)
    }

    /// All runs that live and are left alone.
    fn held_runs(&self) -> Vec<RunId> {
        self.aside.values().flat_map(|held| &held.runs).map(|found| found.run).collect()
    }

    /// The turn is over.
    pub(super) fn clear(&mut self) {
        self.acquit();
        if let Some(note) = &self.note {
            note.clear();
        }
    }

    /// The suspect that was taken in last has gone well.
    fn acquit(&mut self) {
        if let Some(suspect) = self.on_trial.take() {
            self.forget_suspect(suspect);
        }
    }

    fn forget_suspect(&mut self, suspect: u64) {
        if self.suspects.remove(&suspect)
            && let Some(note) = &self.note
        {
            note.set_suspects(self.suspects.iter().copied());
        }
    }

    fn is_aside(&self, unit: &str) -> bool {
        self.aside.keys().any(|name| name.as_str() == unit)
    }

    /// Whether an event is a suspect, or comes behind one of the same unit.
    fn must_wait(&self, about: &About<'_>) -> bool {
        !about.unit.is_empty()
            && (self.suspects.contains(&about.fingerprint) || self.waiting_units.contains(about.unit))
    }

    /// What happens to units that are set aside: only what still lives of them is known.
    fn pass_over(&mut self, event: &Event) {
        for held in self.aside.values_mut() {
            match event {
                Event::Exited { run, .. } => held.runs.retain(|found| found.run != *run),
                Event::Started { run, pid, at } => {
                    for found in held.runs.iter_mut().filter(|found| found.run == *run) {
                        (found.pid, found.started) = (Some(*pid), *at);
                    }
                }
                _ => {}
            }
        }
    }

    fn begin(&self, about: &About<'_>) {
        if let Some(note) = &self.note {
            note.add_event(about.fingerprint, about.unit, [about.what, about.subject]);
        }
        fault::point(about.point, about.unit);
    }
}

impl Manager {
    /// Notes what is about to be taken in. Nothing comes back where it is passed over, or taken in later.
    pub(super) fn in_hand(&mut self, event: Event) -> Option<Event> {
        if let Event::Shutdown { .. } = event {
            self.end_held();
        }
        let is_wish = matches!(event, Event::Command { .. } | Event::Lifted { .. });
        let about = about(&self.pods, &event);
        if !self.hand.aside.is_empty() && !is_wish && self.hand.is_aside(about.unit) {
            self.hand.pass_over(&event);
            return None;
        }
        // An operator's wish comes alone anyway, and is answered now.
        if !is_wish && self.hand.must_wait(&about) {
            self.hand.waiting_units.insert(about.unit.to_owned());
            self.hand.waiting.push_back(event);
            return None;
        }
        if is_wish {
            self.hand.on_trial = Some(about.fingerprint);
        }
        self.hand.begin(&about);
        Some(event)
    }

    /// The next suspect, once all is done that was in hand.
    pub(super) fn next_suspect(&mut self) -> Option<Event> {
        self.hand.acquit();
        let event = self.hand.waiting.pop_front();
        let Some(event) = event else {
            self.hand.waiting_units.clear();
            return None;
        };
        let about = about(&self.pods, &event);
        self.hand.clear();
        self.hand.on_trial = Some(about.fingerprint);
        self.hand.begin(&about);
        Some(event)
    }

    /// Notes that the start of a process is about to be ordered.
    pub(super) fn begin_start(&self, unit: &UnitName, pod: &str) {
        if let Some(note) = &self.hand.note {
            note.begin_act(start_of(unit), unit.as_str(), ["start of ", pod]);
        }
        fault::point("start", unit.as_str());
    }

    /// It was ordered.
    pub(super) fn end_start(&mut self, unit: &UnitName) {
        fault::point("ordered", unit.as_str());
        if let Some(note) = &self.hand.note {
            note.end_act();
        }
        if !self.hand.suspects.is_empty() {
            self.hand.forget_suspect(start_of(unit));
        }
    }

    /// An operator has a wish about a unit that is set aside: it is so no more.
    pub(super) fn lift(&mut self, command: &Command) {
        if self.hand.aside.is_empty() {
            return;
        }
        let of_all = matches!(command, Command::ResetFailed(None));
        let named = unit_of(command);
        let lifted: Vec<UnitName> =
            self.hand.aside.keys().filter(|name| of_all || Some(name.as_str()) == named).cloned().collect();
        for unit in lifted {
            let Some(held) = self.hand.aside.remove(&unit) else { continue };
            if let Some(note) = &self.hand.note {
                let left: Vec<Aside> = note.aside().into_iter().filter(|a| a.unit != unit.as_str()).collect();
                note.set_aside(&left);
            }
            let mut adopted = held.runs;
            for found in &mut adopted {
                found.ready = found.ready || self.was_good(found.run, ProbeKind::Readiness);
            }
            self.take_in(Event::Lifted { unit, adopted });
        }
    }

    /// supd is to end, and what is set aside with it: nobody waits for it, but it is asked first.
    fn end_held(&mut self) {
        for run in self.hand.held_runs() {
            let asked: io::Result<()> = [libc::SIGTERM, libc::SIGCONT]
                .into_iter()
                .try_for_each(|signal| self.keeper.signal(run, signal, true));
            if let Err(error) = asked {
                tracing::warn!(%run, "it cannot be asked to end: {error}; ignoring");
            }
        }
    }
}

/// A panic leaves its message where the next manager finds it, and in supd's own log.
pub(super) fn on_panic(note: Option<&OwnedFd>) {
    let note = note.and_then(|fd| Note::open(fd.as_fd()).ok());
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("no message");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        let message = format!("{}{}", message.lines().next().unwrap_or_default(), place.unwrap_or_default());
        if let Some(note) = &note {
            note.set_panic(&message);
        }
        tracing::error!("a fault in supd's manager, which ends; the next one takes over: {message}");
    }));
}

/// How a manager died, in words.
pub(super) fn words(death: Death, panic: &str) -> String {
    match death {
        _ if !panic.is_empty() => panic.to_owned(),
        Death::None => "it did not die".to_owned(),
        Death::Exited(code) => format!("it ended with code {code}"),
        Death::Signaled(signal) => match nix::sys::signal::Signal::try_from(i32::from(signal)) {
            Ok(name) => format!("signal {signal} ({})", name.as_str()),
            Err(_) => format!("signal {signal}"),
        },
        Death::Silent => "it was silent for too long".to_owned(),
    }
}

fn reason(culprit: &InHand, death: Death, panic: &str) -> String {
    format!("supd's manager died twice of \"{}\": {}", culprit.what, words(death, panic))
}

/// Whether a death may be due to what was in hand.
fn is_its_own(death: Death) -> bool {
    match death {
        Death::None => false,
        Death::Exited(code) => code != 0,
        Death::Silent => true,
        Death::Signaled(signal) => {
            let own = [
                libc::SIGSEGV,
                libc::SIGABRT,
                libc::SIGBUS,
                libc::SIGILL,
                libc::SIGFPE,
                libc::SIGTRAP,
                libc::SIGSYS,
            ];
            own.contains(&i32::from(signal))
        }
    }
}
