//! What probes say: a process has started, lives, is ready (PRB-004ff). Whoever asks applies the thresholds;
//! here are the consequences.

use std::time::Duration;

use super::{Cause, Pod, Stage, narrow};
use crate::engine::action::{Action, Actions};
use crate::engine::id::{Class, ObjectRef, PodUid, RunId};
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::{Engine, report};
use crate::unit::model::{Handler, ProbeKind, RestartPolicy};

impl Engine {
    /// A verdict.
    pub(in crate::engine) fn on_probed(
        &mut self,
        now: Now,
        run: RunId,
        probe: ProbeKind,
        (good, message): (bool, String),
        out: &mut Actions,
    ) {
        let Some((uid, place)) = self.live(run) else { return };
        let Some(pod) = self.pods.get(&uid) else { return };
        let process = &pod.processes[place];
        // Who was asked to end gets ready for nobody any more (F39), and is not killed for it (PRB-016).
        if pod.leaving.is_some() || process.stopping.is_some() {
            return;
        }
        // None is killed to be started again while supd ends: who needs it still is better off with it.
        if self.ending.is_some() && probe != ProbeKind::Readiness && !good {
            return;
        }
        match (probe, process.stage) {
            (ProbeKind::Readiness, _) => self.on_readiness(now, (uid, place), good, message, out),
            (ProbeKind::Startup, Stage::Probing) if good => {
                if let Some(pod) = self.pods.get_mut(&uid) {
                    pod.processes[place].stage = Stage::Started;
                }
                self.changed(uid, out);
                self.order_stage(now, uid, place, out);
                self.process_started(now, uid, place, now, out);
            }
            (ProbeKind::Startup, Stage::Probing) | (ProbeKind::Liveness, Stage::Started) if !good => {
                self.on_unhealthy(now, (uid, place), probe, &message, out);
            }
            _ => {}
        }
    }

    /// A probe was answered badly: for people (PRB-017).
    pub(in crate::engine) fn on_probe_failed(
        &mut self,
        run: RunId,
        probe: ProbeKind,
        message: &str,
        out: &mut Actions,
    ) {
        let Some((uid, _)) = self.live(run) else { return };
        let Some(pod) = self.pods.get(&uid) else { return };
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Unhealthy", about, format!("{} probe failed: {message}", title(probe)));
    }

    /// It is killed for this probe, and runs again unless its policy is Never (RST-016, PRB-007).
    fn on_unhealthy(
        &mut self,
        now: Now,
        (uid, place): (PodUid, usize),
        probe: ProbeKind,
        message: &str,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let model = pod.model(place);
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        let word = title(probe).to_lowercase();
        let mut words = format!("Container {} failed {word} probe", model.name);
        if model.restart_policy != RestartPolicy::Never {
            words += ", will be restarted";
        }
        if model.probe(probe).is_some_and(|probe| tells_by_itself(&probe.handler)) {
            report(out, true, "Unhealthy", about, format!("{} probe failed: {message}", title(probe)));
        }
        report(out, false, "Killing", about, words);
        let grace = model.probe(probe).and_then(|probe| probe.grace).unwrap_or(pod.template().grace);
        self.condemn(now, (uid, place), Cause::Probe(probe), format!("failed its {word} probe"), grace, out);
    }

    /// Readiness never kills (PRB-008).
    fn on_readiness(
        &mut self,
        now: Now,
        (uid, place): (PodUid, usize),
        ready: bool,
        message: String,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = &mut pod.processes[place];
        let differs = process.ready != ready;
        process.ready = ready;
        if differs && !ready {
            let asked = pod.model(place).readiness.as_ref().is_some_and(|p| !tells_by_itself(&p.handler));
            let about = ("Pod", pod.name.as_str(), &pod.unit.name);
            let words = format!("Readiness probe failed: {message}");
            // Whoever asks reports each bad answer.
            if !asked {
                report(out, true, "Unhealthy", about, words);
            }
        }
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.ready_message = message;
        let unit = pod.unit.name.clone();
        if self.judge_ready(now, uid, now, out)
            && let Some(pod) = self.pods.get(&uid).filter(|pod| pod.ready)
        {
            report(out, false, "Ready", ("Pod", pod.name.as_str(), &pod.unit.name), "ready".to_owned());
        }
        self.changed(uid, out);
        self.wake_neighbours(&unit);
    }

    /// Whether the pod is ready: all of its application and all sidecars are (PHS-010). Returns whether that
    /// is news. `at` is since when it is so.
    pub(in crate::engine) fn judge_ready(
        &mut self,
        now: Now,
        uid: PodUid,
        at: Now,
        out: &mut Actions,
    ) -> bool {
        let Some(pod) = self.pods.get_mut(&uid) else { return false };
        let ready = pod.all_is_ready();
        for place in 0..pod.processes.len() {
            if pod.processes[place].is_ready() {
                self.timers.clear(&Timer::StartDeadline(uid, narrow(place)));
            }
        }
        if pod.ready == ready {
            return false;
        }
        (pod.ready, pod.was_ready) = (ready, pod.was_ready | ready);
        pod.ready_since = ready.then_some(if at.mono > now.mono { now } else { at });
        let unit = pod.unit.name.clone();
        self.changed(uid, out);
        self.wake_neighbours(&unit);
        // How many are ready is said of the unit, too, whatever becomes of its state.
        out.push(Action::Changed(ObjectRef::Unit(unit)));
        true
    }

    /// Something of a pod is not what it was.
    pub(super) fn changed(&mut self, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let unit = pod.unit.name.clone();
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        self.mark(&unit);
    }

    /// A process did not become ready in time: a failed start.
    pub(in crate::engine) fn on_start_deadline(
        &mut self,
        now: Now,
        uid: PodUid,
        place: usize,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let Some(deadline) = pod.model(place).start_deadline else { return };
        if pod.is_closing() || !pod.processes[place].is_running() || self.ending.is_some() {
            return;
        }
        let grace = pod.template().grace;
        let why = format!("not ready within {}s", deadline.as_secs_f64());
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Unhealthy", about, format!("{why}, stopping it"));
        self.condemn(now, (uid, place), Cause::Deadline, why, grace, out);
    }

    pub(in crate::engine) fn on_status_text(&mut self, run: RunId, text: String, out: &mut Actions) {
        let Some((uid, _)) = self.live(run) else { return };
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.status_text = text;
            out.push(Action::Changed(ObjectRef::Pod(uid)));
        }
    }
}

impl Pod {
    /// All of the application and all sidecars are ready, and it is not on its way out.
    fn all_is_ready(&self) -> bool {
        let counts = |class| class != Class::Init;
        self.leaving.is_none()
            && self.reached >= self.main_place()
            && self.processes.iter().filter(|process| counts(process.class)).all(|process| process.is_ready())
    }
}

/// When a process is late: its time counts from its start. A manager that hears late of it, or is new, asks
/// for a while before it judges.
pub(in crate::engine) fn ready_by(now: Now, started: Now, deadline: Duration) -> Mono {
    (started.mono + deadline).max(now.mono + deadline / 4)
}

/// Nobody asks, so there are no single answers to report: the verdict is all there is.
fn tells_by_itself(handler: &Handler) -> bool {
    matches!(handler, Handler::Notify | Handler::Fd(_) | Handler::Log(_) | Handler::Watchdog(_))
}

/// As Kubernetes begins a sentence with it.
fn title(probe: ProbeKind) -> &'static str {
    match probe {
        ProbeKind::Startup => "Startup",
        ProbeKind::Readiness => "Readiness",
        ProbeKind::Liveness => "Liveness",
    }
}
