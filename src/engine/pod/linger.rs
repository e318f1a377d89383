//! What KILL does not end: a process that waits for a device, in main's place or in what main has left.
//!
//! The run is not over, so nothing is started in its place; nothing else waits for it but whoever asked for its
//! end, and they are told (F24). It may yet end by itself, and then all goes on as ever.

use super::Pod;
use crate::engine::Engine;
use crate::engine::action::{Action, Actions};
use crate::engine::event::Left;
use crate::engine::id::{ObjectRef, RunId};
use crate::engine::report;
use crate::engine::time::Now;
use crate::engine::view::Lingering;

impl Engine {
    /// A run was killed, or what it left was, and something is still there.
    pub(in crate::engine) fn on_lingers(&mut self, now: Now, run: RunId, left: Left, out: &mut Actions) {
        let Some((uid, place)) = self.live(run) else { return };
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let known = pod.processes[place].left.replace((left, now));
        if let Some((_, since)) = known {
            // Told again, to a manager or by one.
            pod.processes[place].left = Some((left, since));
        } else {
            let about = ("Pod", pod.name.as_str(), &pod.unit.name);
            report(out, true, "FailedKillPod", about, words(&left));
        }
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        let unit = pod.unit.name.clone();
        out.push(Action::Changed(ObjectRef::Unit(unit.clone())));
        if self.ending.is_some() {
            self.wake_neighbours(&unit);
        }
    }
}

impl Pod {
    /// What KILL has not ended of it, for those who look.
    pub(in crate::engine) fn lingering(&self) -> Option<Lingering> {
        let (left, since) = self.processes.iter().find_map(|process| process.left.as_ref())?;
        Some(Lingering { message: words(left), since: *since })
    }
}

fn words(left: &Left) -> String {
    let processes = match left.count {
        0 | 1 => "1 process does".to_owned(),
        count => format!("{count} processes do"),
    };
    let which = match left.pid {
        Some(pid) if left.state == 'D' => format!(" (pid {pid} waits for a device, state D)"),
        Some(pid) => format!(" (pid {pid})"),
        None => String::new(),
    };
    format!("{processes} not end by KILL{which}")
}
