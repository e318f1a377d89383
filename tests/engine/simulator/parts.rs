//! Pods of several processes at random: steps, sidecars, neighbours, hooks, probes, rules.

use std::sync::Arc;
use std::time::Duration;

use supd::unit::model::{
    Body, ExitCodes, Operator, Part, PodTemplate, Process, RestartAction, RestartRule, Unit,
};

use super::random::Random;
use crate::pods::{hook, probe, process};

/// Gives a unit's pods more parts, one time in three, and hashes of their own.
pub fn add(unit: Arc<Unit>, random: &mut Random) -> Arc<Unit> {
    if !random.one_in(3) {
        return unit;
    }
    let seed = random.next();
    let mut random = Random(seed);
    let mut unit = Unit::clone(&unit);
    match &mut unit.body {
        Body::Service(service) => {
            if random.one_in(3) {
                service.pod.beside = vec![process(&service.pod, "other", Part::Application)];
            }
            change(&mut service.pod, &mut random);
        }
        Body::Job(job) => change(&mut job.pod, &mut random),
        Body::CronJob(cron) => change(&mut cron.job.pod, &mut random),
        Body::Target => {}
    }
    (unit.hash, unit.template_hash) = (unit.hash ^ seed, unit.template_hash ^ seed);
    Arc::new(unit)
}

fn change(pod: &mut PodTemplate, random: &mut Random) {
    for name in ["p", "q"] {
        if random.one_in(2) {
            let mut sidecar = process(pod, name, Part::Sidecar);
            dress(&mut sidecar, random);
            let at = random.index(pod.init.len() + 1);
            pod.init.insert(at, sidecar);
        }
    }
    dress(&mut pod.main, random);
    if random.one_in(6) {
        let exit_codes = ExitCodes { operator: Operator::In, values: vec![1] };
        let action = *random.pick(&[RestartAction::Restart, RestartAction::RestartAllContainers]);
        pod.main.restart_rules = vec![RestartRule { exit_codes, action }];
    }
    if random.one_in(6) {
        pod.grace = Duration::from_secs(random.below(3));
    }
}

fn dress(process: &mut Process, random: &mut Random) {
    for part in [&mut process.startup, &mut process.liveness, &mut process.readiness] {
        if random.one_in(4) {
            *part = probe();
        }
    }
    for part in [&mut process.post_start, &mut process.stop.pre] {
        if random.one_in(4) {
            *part = hook();
        }
    }
}
