//! The end of supd goes on after a fault of the keeper: it is noted in the will, and begun again from there.

use super::super::Keeper;
use super::super::manager::StopRequest;
use super::super::will::{self, Fact};
use super::Stage;
use crate::wire::after::After;

impl Keeper {
    /// How far it has come.
    pub(in crate::keeper) fn note_halt(&self) {
        let halt = &self.halt;
        will::set(Fact::HaltDeadline, halt.deadline.unwrap_or(0));
        will::set(Fact::HaltLatest, halt.latest);
        will::set(Fact::HaltCode, halt.code.into());
        will::set(Fact::HaltAfter, halt.after.map_or(0, After::to_word));
        will::set(Fact::HaltByClient, halt.by_client.into());
        let stop = self.manager.stop;
        will::set(Fact::StopSignal, stop.map_or(0, |stop| u64::from(stop.signal.unsigned_abs())));
        will::set(Fact::StopCount, stop.map_or(0, |stop| stop.count.into()));
        will::set(Fact::HaltStage, halt.stage as u64);
    }

    /// Goes on from there. What a stage had done is done again: it does no harm.
    pub(in crate::keeper) fn go_on_halting(&mut self) {
        if let Some(signal) = number(Fact::StopSignal) {
            let count = u32::try_from(will::get(Fact::StopCount)).unwrap_or(u32::MAX).max(1);
            self.manager.stop = Some(StopRequest { signal, count, told: 0 });
        }
        self.halt.after = After::of_word(will::get(Fact::HaltAfter));
        self.halt.by_client = will::get(Fact::HaltByClient) != 0;
        self.halt.latest = will::get(Fact::HaltLatest);
        let deadline = Some(will::get(Fact::HaltDeadline)).filter(|deadline| *deadline != 0);
        let is = |stage: Stage| will::get(Fact::HaltStage) == stage as u64;
        if is(Stage::Requested) {
            self.halt.stage = Stage::Requested;
            self.halt.deadline = deadline;
        } else if is(Stage::Alone) {
            self.halt.stage = Stage::Alone;
            self.halt.deadline = deadline;
        } else if !is(Stage::None) {
            self.begin_halt(u8::try_from(will::get(Fact::HaltCode)).unwrap_or(u8::MAX));
        }
    }
}

/// How the machine was going down, if it was.
pub(in crate::keeper) fn noted_after() -> Option<After> {
    let going_down = will::get(Fact::HaltStage) != Stage::None as u64;
    going_down.then(|| After::of_word(will::get(Fact::HaltAfter)).unwrap_or_default())
}

/// The exit code, if all had ended.
pub(in crate::keeper) fn noted_code() -> Option<u8> {
    let is_over = will::get(Fact::HaltStage) == Stage::Over as u64;
    u8::try_from(will::get(Fact::HaltCode)).ok().filter(|_| is_over)
}

/// A signal that was noted.
fn number(fact: Fact) -> Option<i32> {
    i32::try_from(will::get(fact)).ok().filter(|number| *number > 0)
}
