//! What supd's own log tells of probes: the first failure of a run, when it is enough of them, and how many it
//! has been by then; not each one. All of them are events (`supctl events`), with a count.

use crate::engine::event::Event;
use crate::engine::id::RunId;
use crate::unit::model::ProbeKind;

use super::Manager;
use super::facts::process_of;
use super::own_log::EVENTS;

/// How often the probes of one run have failed.
#[derive(Default)]
pub(super) struct Failures([Failed; 3]);

/// How often one has, since it was good for the last time, or since its run began.
#[derive(Clone, Copy, Default)]
struct Failed(u32);

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    First,
    Enough(u32),
    /// It goes on.
    Still(u32),
    GoodAgain(u32),
}

impl Failed {
    /// One bad answer. Beyond the threshold it is told each time that there are twice as many.
    fn bad(&mut self, threshold: u32) -> Option<Line> {
        self.0 = self.0.saturating_add(1);
        match self.0 {
            1 => Some(Line::First),
            times if times == threshold => Some(Line::Enough(times)),
            times if times > threshold && times.is_power_of_two() => Some(Line::Still(times)),
            _ => None,
        }
    }

    /// The verdict, of a probe that is asked or of a process that tells by itself. A pod that was never ready is
    /// not ready from the first bad answer on.
    fn verdict(&mut self, good: bool, threshold: u32) -> Option<Line> {
        match (good, self.0) {
            (false, 0) => self.bad(threshold),
            (false, _) => None,
            (true, times) => {
                self.0 = 0;
                (times > 0 && times >= threshold).then_some(Line::GoodAgain(times))
            }
        }
    }
}

impl Manager {
    /// Takes note of an event of a probe, and tells what is new in it.
    pub(super) fn tell_probe(&mut self, event: &Event) {
        let (run, probe, good, message) = match event {
            Event::ProbeFailed { run, probe, message } => (*run, *probe, None, message),
            Event::Probed { run, probe, good, message } => (*run, *probe, Some(*good), message),
            _ => return,
        };
        // A late word of a run that has ended is nobody's.
        if self.pods.get(&run.pod).and_then(|facts| facts.find(run)).is_none() {
            return;
        }
        let process = self.pods.get(&run.pod).and_then(|facts| process_of(&facts.unit, run));
        let asked = process.and_then(|process| process.probe(probe));
        let threshold = asked.map_or(1, |probe| probe.failure_threshold);
        let failed = &mut self.watched.entry(run).or_default().failures.0[probe as usize];
        let line = match good {
            None => failed.bad(threshold),
            Some(good) => failed.verdict(good, threshold),
        };
        if let Some(line) = line {
            self.tell_line(run, probe, &line, message);
        }
    }

    fn tell_line(&self, run: RunId, probe: ProbeKind, line: &Line, message: &str) {
        let Some(facts) = self.pods.get(&run.pod) else { return };
        let pod = &facts.label.pod;
        let several = facts.unit.pod().is_some_and(|pod| pod.processes().count() > 1);
        let name = match process_of(&facts.unit, run).filter(|_| several) {
            Some(process) => format!("{pod} ({})", process.name),
            None => pod.clone(),
        };
        match line {
            Line::First => tracing::warn!(target: EVENTS, "{name}: {probe:?} probe failed: {message}"),
            Line::Enough(times) => {
                tracing::warn!(target: EVENTS, "{name}: {probe:?} probe failed {times} times: {message}");
            }
            Line::Still(times) => {
                tracing::warn!(target: EVENTS, "{name}: {probe:?} probe still fails, {times} times by now: {message}");
            }
            Line::GoodAgain(times) => {
                tracing::info!(target: EVENTS, "{name}: {probe:?} probe is good again, after {times} failures");
            }
        }
    }
}

/// Whether an event says of a probe what [`Manager::tell_probe`] tells.
pub(super) fn is_told(reason: &str, message: &str) -> bool {
    reason == "Unhealthy" && message.contains(" probe failed: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_once_and_then_counted() {
        let mut failed = Failed::default();
        let mut told: Vec<Line> = (0..100).filter_map(|_| failed.bad(3)).collect();
        told.extend(failed.verdict(false, 3));
        told.extend(failed.verdict(true, 3));
        told.extend(failed.verdict(true, 3));
        let mut expected = vec![Line::First, Line::Enough(3)];
        expected.extend([4, 8, 16, 32, 64].map(Line::Still));
        expected.push(Line::GoodAgain(100));
        assert_eq!(told, expected);
    }

    #[test]
    fn one_that_is_enough_is_told_once() {
        let mut asked = Failed::default();
        assert_eq!([asked.bad(1), asked.verdict(false, 1)], [Some(Line::First), None]);
        // A process that tells by itself has only verdicts.
        let mut tells = Failed::default();
        assert_eq!([tells.verdict(false, 1), tells.verdict(false, 1)], [Some(Line::First), None]);
        assert_eq!(tells.verdict(true, 1), Some(Line::GoodAgain(1)));
        // A few failures that are not enough are over without a word.
        let mut few = Failed::default();
        assert_eq!([few.bad(3), few.bad(3), few.verdict(true, 3)], [Some(Line::First), None, None]);
    }
}
