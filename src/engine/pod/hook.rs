//! Hooks: what runs beside a process right after its start, and before it is asked to end (HOK-001ff).

use std::sync::Arc;
use std::time::Duration;

use super::{Cause, Stage, StopStep};
use crate::engine::action::{Action, Actions};
use crate::engine::id::{PodUid, RunId};
use crate::engine::time::Now;
use crate::engine::{Engine, report};
use crate::limits::POST_START_MAX;
use crate::unit::model::{HookKind, ProbeKind};

impl Engine {
    /// Orders what belongs to the stage that a process is in: its postStart, its startup probe, or the two
    /// that go with it for its life (PRB-009).
    pub(in crate::engine) fn order_stage(&self, _now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let run = pod.run(place);
        let model = pod.model(place);
        let probes: &[ProbeKind] = match pod.processes[place].stage {
            // Nothing begins any more, so nobody needs it to have begun (F99).
            Stage::Hooking if self.ending.is_some() => return,
            Stage::Hooking => {
                let within =
                    model.start_deadline.map_or(POST_START_MAX, |deadline| deadline.min(POST_START_MAX));
                let unit = Arc::clone(&pod.unit);
                out.push(Action::Hook { run, unit, hook: HookKind::PostStart, within });
                return;
            }
            Stage::Probing => &[ProbeKind::Startup],
            Stage::Started => &[ProbeKind::Liveness, ProbeKind::Readiness],
        };
        for probe in probes.iter().copied().filter(|probe| model.probe(*probe).is_some()) {
            out.push(Action::Probe { run, unit: Arc::clone(&pod.unit), probe });
        }
    }

    /// Orders preStop.
    pub(super) fn order_pre_stop(&self, uid: PodUid, place: usize, within: Duration, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let (run, unit) = (pod.run(place), Arc::clone(&pod.unit));
        out.push(Action::Hook { run, unit, hook: HookKind::PreStop, within });
    }

    /// A hook is done.
    pub(in crate::engine) fn on_hooked(
        &mut self,
        now: Now,
        run: RunId,
        hook: HookKind,
        failure: Option<String>,
        out: &mut Actions,
    ) {
        let Some((uid, place)) = self.live(run) else { return };
        let Some(pod) = self.pods.get(&uid) else { return };
        let process = &pod.processes[place];
        let awaited = match hook {
            HookKind::PostStart => process.is_running() && process.stage == Stage::Hooking,
            HookKind::PreStop => process.stop_step() == Some(StopStep::PreStop),
        };
        if !awaited {
            // Told twice, or given up meanwhile.
            self.stale_events += 1;
            return;
        }
        if let Some(failure) = &failure {
            let (reason, words) = match hook {
                HookKind::PostStart => ("FailedPostStartHook", "PostStartHook failed"),
                HookKind::PreStop => ("FailedPreStopHook", "PreStopHook failed"),
            };
            let about = ("Pod", pod.name.as_str(), &pod.unit.name);
            report(out, true, reason, about, format!("{words} of {}: {failure}", pod.model(place).name));
        }
        match (hook, failure) {
            // How it went makes no difference to the stop (HOK-005).
            (HookKind::PreStop, _) => self.pre_stop_done(now, uid, place, out),
            (HookKind::PostStart, None) => self.post_start_done(now, uid, place, out),
            (HookKind::PostStart, Some(_)) => {
                let grace = pod.template().grace;
                self.condemn(
                    now,
                    (uid, place),
                    Cause::PostStart,
                    "its postStart failed".to_owned(),
                    grace,
                    out,
                );
            }
        }
    }

    /// Next: its startup probe, or it has started.
    fn post_start_done(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let has_startup = pod.model(place).startup.is_some();
        let process = &mut pod.processes[place];
        process.stage = if has_startup { Stage::Probing } else { Stage::Started };
        if process.stopping.is_some() {
            // It is on its way out already, and its preStop had to wait for nothing.
            return;
        }
        self.changed(uid, out);
        self.order_stage(now, uid, place, out);
        if !has_startup {
            self.process_started(now, uid, place, now, out);
        } else if self.pods.get(&uid).is_some_and(|pod| pod.processes.len() > 1) {
            // Who waited for the postStart alone goes on.
            self.advance_pod(now, uid, out);
        }
    }
}
