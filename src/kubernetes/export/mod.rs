//! Units as manifests for a Kubernetes of today.
//!
//! A service becomes a Deployment (bare pods become Pods), a job a Job, a cronjob a CronJob. What Kubernetes
//! has no place for is left out, and each thing that is left out or rounded is told as a [`Loss`]: nothing
//! goes silently. Only what differs from Kubernetes' defaults is written, but for what decides the meaning.
//!
//! [`service`], [`job`] and [`cron`] write the kinds, [`pod`] and [`container`] what runs, [`probe`] how it
//! is asked, [`text`] its variables.

mod container;
mod cron;
mod job;
mod meta;
mod number;
mod pod;
mod probe;
mod service;
mod text;
mod volume;

use std::fmt;

use serde_json::Value;

use crate::unit::model::{Body, Unit};

/// The annotation of a unit that names its image.
pub const IMAGE_ANNOTATION: &str = "supd.io/image";

/// What came of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exported {
    /// Kubernetes' objects, ready for its API server.
    pub objects: Vec<Value>,
    /// What they do not say.
    pub losses: Vec<Loss>,
}

/// Something of a unit that its manifest does not say, or says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The unit.
    pub unit: String,
    /// The key as it is written in a unit file: `readiness.period`.
    pub key: String,
    /// What becomes of it, and what to do instead.
    pub why: String,
}

/// Writes a unit as objects of Kubernetes, all of whose containers run `image`.
pub fn export(unit: &Unit, image: &str, namespace: Option<&str>) -> Exported {
    let mut writer =
        Writer { unit, image, namespace, pod_name: None, beside: Vec::new(), losses: Vec::new() };
    let mut objects = writer.unit();
    objects.splice(0..0, std::mem::take(&mut writer.beside));
    Exported { objects, losses: writer.losses }
}

/// Whether a unit becomes anything at all, and so needs an image.
pub fn needs_image(unit: &Unit) -> bool {
    unit.pod().is_some()
}

/// One unit on its way out.
struct Writer<'a> {
    unit: &'a Unit,
    image: &'a str,
    namespace: Option<&'a str>,
    /// Name and replica of the bare pod that is being written: known there, and only there.
    pod_name: Option<(String, u32)>,
    /// Objects that the unit's own refer to; they come first.
    beside: Vec<Value>,
    losses: Vec<Loss>,
}

impl Writer<'_> {
    fn unit(&mut self) -> Vec<Value> {
        let unit = self.unit;
        self.relations();
        if unit.essential {
            self.lose("essential", "no pod of a cluster ends the cluster");
        }
        match &unit.body {
            Body::Target => {
                self.lose("kind", "a target has only relations: nothing to run, nothing to write");
                Vec::new()
            }
            Body::Service(service) => self.service(service),
            Body::Job(job) => vec![self.job_object(job)],
            Body::CronJob(cron) => vec![self.cron_object(cron)],
        }
    }

    /// All pods of a cluster start at once, and wait for one another as they like.
    fn relations(&mut self) {
        if matches!(self.unit.body, Body::Target) {
            return;
        }
        let relations = &self.unit.relations;
        let lists = [
            ("requires", &relations.requires),
            ("wants", &relations.wants),
            ("after", &relations.after),
            ("before", &relations.before),
        ];
        for (key, list) in lists {
            if list.is_empty() {
                continue;
            }
            let names: Vec<String> = list.iter().map(|relation| format!("`{}`", relation.unit)).collect();
            let what = match key {
                "before" => "let those wait for this one in an init container",
                _ => "wait for it in an init container",
            };
            self.lose(key, format!("{}: everything starts at once there; {what}", names.join(", ")));
        }
    }

    /// Tells of a loss. The same words twice are one loss.
    fn lose(&mut self, key: impl Into<String>, why: impl Into<String>) {
        let loss = Loss { unit: self.unit.name.to_string(), key: key.into(), why: why.into() };
        if !self.losses.contains(&loss) {
            self.losses.push(loss);
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.unit, self.key, self.why)
    }
}
