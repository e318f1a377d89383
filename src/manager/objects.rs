//! Objects of the API, complete: the engine's views, with what the units say that they were made from.

use crate::control::objects::{CronJob, Deployment, Job, Object, Pod};
use crate::engine::view::{JobView, PodView, UnitView};

use super::Manager;
use super::look::bare_pod;

impl Manager {
    /// A pod without what it uses now. One that has ended is shown with its unit's present template where
    /// that has the same processes still.
    pub(super) fn whole_pod(&self, pod: &PodView, job: Option<&JobView>) -> Pod {
        let object = bare_pod(pod, job);
        let unit = self.engine.pod_unit(pod.uid).or_else(|| self.engine.unit(&pod.unit));
        match unit.and_then(|unit| unit.pod()) {
            Some(template) => object.with_template(template),
            None => object,
        }
    }

    /// A job.
    pub(super) fn whole_job(&self, view: &JobView) -> Object {
        let job = Job::from(view);
        match self.engine.job_unit(&view.name) {
            Some(unit) => job.with_unit(unit).into(),
            None => job.into(),
        }
    }

    /// The cronjob that a unit is; nothing where it is of another kind.
    pub(super) fn whole_cronjob(&self, view: &UnitView) -> Option<Object> {
        let cronjob = CronJob::of_unit(view)?;
        Some(match self.engine.unit(&view.name) {
            Some(unit) => cronjob.with_unit(unit).into(),
            None => cronjob.into(),
        })
    }

    /// The deployment that a unit is; nothing where it is no service, or a manifest's bare Pod.
    pub(super) fn whole_deployment(&self, view: &UnitView) -> Option<Object> {
        let deployment = Deployment::of_unit(view)?;
        Some(match self.engine.unit(&view.name) {
            Some(unit) if unit.is_bare_pod() => return None,
            Some(unit) => deployment.with_unit(unit).into(),
            None => deployment.into(),
        })
    }
}
