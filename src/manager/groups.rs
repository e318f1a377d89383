//! Which cgroup each pod has, by name: the spawners make and remove them.
//!
//! A pod of a service has its own, `web/web-0`, for as long as it lives. Pods of jobs come and go, and making a
//! cgroup and removing it costs as much as starting a process: there the next pod has that of one that is done,
//! `import/slot-3`, if it was made from the same template.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::engine::event::Label;
use crate::engine::id::PodUid;
use crate::engine::time::Mono;
use crate::limits::GROUP_IDLE_MS;
use crate::unit::name::UnitName;
use crate::wire::cgroup::is_group;

/// All names that are given away.
#[derive(Default)]
pub(super) struct Groups {
    of_pods: HashMap<PodUid, Group>,
    /// Names in use, and those that wait.
    taken: BTreeSet<String>,
    /// Of jobs, oldest first: all wait for the same time.
    idle: HashMap<UnitName, VecDeque<Idle>>,
}

#[derive(Clone, Debug)]
struct Group {
    path: String,
    unit: UnitName,
    /// What its limits are from. `None`: nobody knows any more.
    template: Option<u64>,
    /// A slot of a job, that the next pod may have.
    slot: bool,
}

struct Idle {
    group: Group,
    since: Mono,
}

const IDLE: Duration = Duration::from_millis(GROUP_IDLE_MS);

impl Groups {
    /// That of a pod, which has it from now on. Nothing where its names are none of a cgroup.
    pub(super) fn of(&mut self, uid: PodUid, label: &Label) -> Option<&str> {
        if !self.of_pods.contains_key(&uid) {
            let group = self.choose(uid, label).filter(|group| is_group(&group.path))?;
            self.taken.insert(group.path.clone());
            self.of_pods.insert(uid, group);
        }
        self.of_pods.get(&uid).map(|group| group.path.as_str())
    }

    /// That of a pod that has one.
    pub(super) fn known(&self, uid: PodUid) -> Option<&str> {
        self.of_pods.get(&uid).map(|group| group.path.as_str())
    }

    fn choose(&mut self, uid: PodUid, label: &Label) -> Option<Group> {
        let unit = label.unit.clone();
        let group =
            |path, slot| Group { path, unit: unit.clone(), template: Some(label.template_hash), slot };
        if label.job.is_none() {
            let own = format!("{unit}/{}", label.pod);
            // A pod of the same name may still be on its way out.
            let path = if self.taken.contains(&own) { format!("{own}.{}", uid.short()) } else { own };
            return Some(group(path, false));
        }
        if let Some(idle) = self.idle.get_mut(&unit) {
            // The newest that fits: the others may then have waited long enough.
            let fits = idle.iter().rposition(|idle| idle.group.template == Some(label.template_hash));
            if let Some(found) = fits.and_then(|at| idle.remove(at)) {
                return Some(found.group);
            }
        }
        let mut paths = (0..).map(|number: u64| format!("{unit}/slot-{number}"));
        paths.find(|path| !self.taken.contains(path)).map(|path| group(path, true))
    }

    /// A manager before this one has given it to a pod. `path` may be that of a process of the pod.
    pub(super) fn recall(&mut self, uid: PodUid, label: &Label, path: &str) {
        let levels: Vec<&str> = path.split('/').take(2).collect();
        let path = levels.join("/");
        let slot = levels.last().is_some_and(|name| name.starts_with("slot-")) && label.job.is_some();
        self.taken.insert(path.clone());
        let (unit, template) = (label.unit.clone(), Some(label.template_hash));
        self.of_pods.insert(uid, Group { path, unit, template, slot });
    }

    /// It is there, and nobody here knows why. What a manager before this one had ready for a job's next pod has limits
    /// that may not be the next one's: it waits as others do, and for nobody.
    pub(super) fn leave_waiting(&mut self, path: &str, now: Mono) {
        let Some((unit, name)) = path.split_once('/') else { return };
        let Ok(unit) = UnitName::parse(unit) else { return };
        if name.starts_with("slot-") && self.taken.insert(path.to_owned()) {
            let group = Group { path: path.to_owned(), unit: unit.clone(), template: None, slot: true };
            self.idle.entry(unit).or_default().push_back(Idle { group, since: now });
        }
    }

    /// A pod is no more. Gives its cgroup, where nobody will have it again.
    pub(super) fn release(&mut self, uid: PodUid, now: Mono) -> Option<String> {
        let group = self.of_pods.remove(&uid)?;
        if group.slot {
            self.idle.entry(group.unit.clone()).or_default().push_back(Idle { group, since: now });
            return None;
        }
        self.taken.remove(&group.path);
        Some(group.path)
    }

    /// Those that have waited for long enough, and that nobody will have again.
    pub(super) fn expire(&mut self, now: Mono) -> Vec<String> {
        let mut gone = Vec::new();
        self.idle.retain(|_, idle| {
            while idle.front().is_some_and(|first| first.since + IDLE <= now)
                && let Some(first) = idle.pop_front()
            {
                self.taken.remove(&first.group.path);
                gone.push(first.group.path);
            }
            !idle.is_empty()
        });
        gone
    }

    /// When that is so for the next one.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.idle.values().filter_map(|idle| idle.front()).map(|first| first.since + IDLE).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(unit: &str, pod: &str, job: bool, template_hash: u64) -> Label {
        Label {
            unit: UnitName::parse(unit).unwrap(),
            job: job.then(|| unit.to_owned()),
            pod: pod.to_owned(),
            ordinal: None,
            scheduled: None,
            template_hash,
            restarts: 0,
        }
    }

    fn at(seconds: u64) -> Mono {
        Mono(0) + Duration::from_secs(seconds)
    }

    #[test]
    fn a_pod_of_a_service_has_its_name_unless_another_still_has_it() {
        let mut groups = Groups::default();
        let web = label("web", "web-0", false, 1);
        assert_eq!(groups.of(PodUid(1), &web), Some("web/web-0"));
        assert_eq!(groups.of(PodUid(1), &web), Some("web/web-0"), "a restart");
        assert_eq!(groups.of(PodUid(2), &web), Some("web/web-0.00000002"));
        assert_eq!(groups.release(PodUid(1), at(0)).as_deref(), Some("web/web-0"));
        assert_eq!(groups.of(PodUid(3), &web), Some("web/web-0"));
        assert_eq!(groups.known(PodUid(2)), Some("web/web-0.00000002"));
        assert_eq!(groups.release(PodUid(9), at(0)), None);
    }

    #[test]
    fn pods_of_a_job_follow_one_another_in_their_slots() {
        let mut groups = Groups::default();
        let (one, other) = (label("import", "import-1", true, 1), label("import", "import-2", true, 2));
        assert_eq!(groups.of(PodUid(1), &one), Some("import/slot-0"));
        assert_eq!(groups.of(PodUid(2), &one), Some("import/slot-1"));
        assert_eq!(groups.release(PodUid(1), at(0)), None);
        assert_eq!(groups.of(PodUid(3), &one), Some("import/slot-0"));
        groups.release(PodUid(3), at(1));
        assert_eq!(groups.of(PodUid(4), &other), Some("import/slot-2"), "another template has other limits");
        assert_eq!((groups.next_deadline(), groups.expire(at(10)).len()), (Some(at(11)), 0));
        assert_eq!(groups.expire(at(11)), ["import/slot-0"]);
        assert_eq!(groups.next_deadline(), None);
        assert_eq!(groups.of(PodUid(5), &other), Some("import/slot-0"));
    }

    #[test]
    fn what_a_manager_before_has_given_is_not_given_again() {
        let mut groups = Groups::default();
        groups.recall(PodUid(1), &label("shop", "shop-0", false, 1), "shop/shop-0/proxy");
        groups.recall(PodUid(2), &label("import", "import-7", true, 1), "import/slot-0");
        assert_eq!(groups.known(PodUid(1)), Some("shop/shop-0"));
        let import = label("import", "import-8", true, 1);
        assert_eq!(groups.of(PodUid(3), &import), Some("import/slot-1"));
        groups.release(PodUid(2), at(0));
        assert_eq!(groups.of(PodUid(4), &import), Some("import/slot-0"));
    }

    #[test]
    fn what_a_manager_before_had_ready_is_for_nobody() {
        let mut groups = Groups::default();
        groups.recall(PodUid(1), &label("import", "import-7", true, 1), "import/slot-0");
        for path in ["import/slot-0", "import/slot-1", "web/web-0", "import"] {
            groups.leave_waiting(path, at(0));
        }
        assert_eq!(groups.of(PodUid(2), &label("import", "import-8", true, 1)), Some("import/slot-2"));
        assert_eq!(groups.of(PodUid(3), &label("web", "web-0", false, 1)), Some("web/web-0"));
        assert_eq!(groups.expire(at(10)), ["import/slot-1"]);
        assert_eq!(groups.of(PodUid(4), &label("import", "import-9", true, 2)), Some("import/slot-1"));
    }

    #[test]
    fn names_that_are_none_of_a_cgroup_have_none() {
        let mut groups = Groups::default();
        assert_eq!(groups.of(PodUid(1), &label("web", "memory.max", false, 1)), None);
    }
}
