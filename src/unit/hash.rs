//! Fingerprints of units, the same on every machine and in every release that reads a unit the same way.
//!
//! FNV-1a over a canonical encoding: each field with a tag of its own, and only where it differs from
//! nothing, so that a field added later leaves old units as they are. Not against an adversary: who can
//! choose a colliding unit can as well write the one they want.

use super::model::{
    Account, Backoff, Body, CronJob, ExitCodes, FailureRule, FailureWhen, FileContent, Handler, Hook,
    HookKind, Http, Job, Limits, PodTemplate, Probe, Process, Relation, Rollout, Share, Unit, Volume,
    VolumeSource,
};
use super::text::Text;

/// The part that running pods are made from.
pub(super) fn template(unit: &Unit) -> u64 {
    let mut fnv = Fnv::new();
    fnv.text("name", unit.name.as_str());
    if let Some(pod) = unit.pod() {
        fnv.pod(pod);
    }
    if let Some(job) = unit.job() {
        fnv.number("mode", job.mode as u64);
    }
    fnv.0
}

/// Everything but where it was written. `literal` is how a schedule reads daylight saving.
pub(super) fn unit(unit: &Unit, literal: bool) -> u64 {
    let mut fnv = Fnv::new();
    fnv.number("template", template(unit));
    fnv.text("kind", unit.kind().as_str());
    fnv.text("description", &unit.description);
    for (tag, map) in [("label", &unit.labels), ("annotation", &unit.annotations)] {
        map.iter().for_each(|(key, value)| fnv.pair(tag, key, value));
    }
    if let Some(below) = &unit.below {
        for (tag, map) in [
            ("job label", &below.job.labels),
            ("job annotation", &below.job.annotations),
            ("pod label", &below.pod.labels),
            ("pod annotation", &below.pod.annotations),
        ] {
            fnv.text("below", tag);
            map.iter().for_each(|(key, value)| fnv.pair(tag, key, value));
        }
    }
    let relations = &unit.relations;
    fnv.relations("requires", &relations.requires);
    fnv.relations("wants", &relations.wants);
    fnv.relations("after", &relations.after);
    fnv.relations("before", &relations.before);
    fnv.number("essential", u64::from(unit.essential));
    fnv.text("manifest", unit.manifest.as_deref().unwrap_or(""));
    fnv.number("literal", u64::from(literal));
    match &unit.body {
        Body::Target => {}
        Body::Service(service) => {
            fnv.number("replicas", u64::from(service.replicas) + 1);
            fnv.rollout(&service.rollout);
        }
        Body::Job(job) => fnv.job(job),
        Body::CronJob(cron) => fnv.cron(cron),
    }
    fnv.0
}

/// Of a text: the same in every build.
pub fn of_text(text: &str) -> u64 {
    let mut fnv = Fnv::new();
    fnv.bytes(text.as_bytes());
    fnv.0
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The length closes each piece, so that `ab` + `c` is not `a` + `bc`.
        for byte in (bytes.len() as u64).to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Nothing is left out of the encoding but what is empty.
    fn text(&mut self, tag: &str, text: &str) {
        if !text.is_empty() {
            self.pair(tag, text, "");
        }
    }

    fn pair(&mut self, tag: &str, key: &str, value: &str) {
        [tag, key, value].into_iter().for_each(|piece| self.bytes(piece.as_bytes()));
    }

    fn number(&mut self, tag: &str, number: u64) {
        if number != 0 {
            self.bytes(tag.as_bytes());
            self.bytes(&number.to_le_bytes());
        }
    }

    /// Where nothing and zero differ.
    fn option(&mut self, tag: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.bytes(tag.as_bytes());
            self.bytes(&number.to_le_bytes());
        }
    }

    fn duration(&mut self, tag: &str, duration: Option<std::time::Duration>) {
        self.option(tag, duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)));
    }

    /// Variables stand between NULs, which no text has, so that a literal `${pod}` is not the variable.
    fn variable_text(&mut self, tag: &str, text: &Text) {
        self.bytes(tag.as_bytes());
        self.bytes(text.expand(&|variable| format!("\0{}\0", variable.name())).as_bytes());
    }

    fn relations(&mut self, tag: &str, relations: &[Relation]) {
        for relation in relations {
            let condition = relation.condition.map_or("", |condition| condition.as_str());
            self.pair(tag, relation.unit.as_str(), condition);
        }
    }

    fn account(&mut self, tag: &str, account: &Account) {
        match account {
            Account::Id(id) => self.pair(tag, "id", &id.to_string()),
            Account::Name(name) => self.pair(tag, "name", name),
        }
    }

    fn pod(&mut self, pod: &PodTemplate) {
        self.number("policy", pod.restart_policy as u64);
        self.duration("deadline", pod.active_deadline);
        for step in &pod.init {
            self.text("init", &step.name);
            self.process(step);
        }
        self.bytes(b"main");
        if pod.main.name != "main" {
            self.text("container", &pod.main.name);
        }
        self.process(&pod.main);
        for process in &pod.beside {
            self.text("beside", &process.name);
            self.process(process);
        }
        self.backoff("backoff", &pod.backoff);
        self.duration("grace", Some(pod.grace));
        self.number("stdout", pod.logs.stdout as u64);
        self.number("stderr", pod.logs.stderr as u64);
        pod.volumes.iter().for_each(|volume| self.volume(volume));
    }

    fn volume(&mut self, volume: &Volume) {
        self.text("volume", &volume.name);
        self.option("volume_group", volume.group.map(u64::from));
        match &volume.source {
            VolumeSource::Host { path, expected } => {
                self.variable_text("host", path);
                self.number("expected", *expected as u64);
            }
            VolumeSource::Files(files) => {
                for file in files {
                    self.text("file", &file.path);
                    self.number("mode", u64::from(file.mode) + 1);
                    match &file.content {
                        FileContent::Bytes(bytes) => self.bytes(bytes),
                        FileContent::Template(text) => self.variable_text("template", text),
                    }
                }
            }
        }
    }

    fn process(&mut self, process: &Process) {
        process.exec.iter().for_each(|text| self.variable_text("exec", text));
        for (name, text) in &process.env {
            self.text("env", name);
            self.variable_text("value", text);
        }
        for file in &process.env_file {
            self.variable_text(if file.optional { "env_file?" } else { "env_file" }, &file.path);
        }
        process.env_pass.iter().for_each(|name| self.text("env_pass", name));
        if let Some(directory) = &process.working_dir {
            self.variable_text("working_dir", directory);
        }
        if let Some(user) = &process.user {
            self.account("user", user);
        }
        if let Some(group) = &process.group {
            self.account("group", group);
        }
        if let Some(groups) = &process.supplementary_groups {
            self.bytes(b"groups");
            groups.iter().for_each(|group| self.account("supplementary", group));
        }
        self.option("umask", process.umask.map(u64::from));
        for limit in &process.rlimits {
            self.option(&limit.name, Some(limit.value));
        }
        let Limits { memory_max, memory_high, cpu_max, cpu_weight, pids_max } = process.limits;
        for (name, value) in [
            ("memory_max", memory_max),
            ("memory_high", memory_high),
            ("cpu_max", cpu_max),
            ("cpu_weight", cpu_weight),
            ("pids_max", pids_max),
        ] {
            // What is not there changes no hash that was stored before there were any.
            if value.is_some() {
                self.option(name, value);
            }
        }
        for mount in &process.mounts {
            self.text("mount", &mount.volume);
            self.variable_text("mount_path", &mount.path);
            if let Some(path) = &mount.sub_path {
                self.variable_text("sub_path", path);
            }
            self.number("read_only", u64::from(mount.read_only));
        }
        process.success_exit.iter().for_each(|code| self.option("success", Some(u64::from(*code))));
        self.number("part", process.part as u64);
        self.number("own_policy", process.restart_policy as u64);
        for rule in &process.restart_rules {
            self.number("rule", rule.action as u64 + 1);
            self.exit_codes(&rule.exit_codes);
        }
        self.number("signal", process.stop.signal.unsigned_abs().into());
        for (tag, kind) in [("post_start", HookKind::PostStart), ("pre_stop", HookKind::PreStop)] {
            if let Some(hook) = process.hook(kind) {
                self.hook(tag, hook);
            }
        }
        self.duration("startup", process.start_deadline);
        let probes =
            [("started", &process.startup), ("readiness", &process.readiness), ("alive", &process.liveness)];
        for (tag, probe) in probes {
            if let Some(probe) = probe {
                self.probe(tag, probe);
            }
        }
    }

    fn exit_codes(&mut self, codes: &ExitCodes) {
        self.number("operator", codes.operator as u64);
        codes.values.iter().for_each(|code| self.option("code", Some(u64::from(*code))));
    }

    fn hook(&mut self, tag: &str, hook: &Hook) {
        self.bytes(tag.as_bytes());
        match hook {
            Hook::Exec(exec) => exec.iter().for_each(|text| self.variable_text("hook", text)),
            Hook::Http(http) => self.http(http),
            Hook::Sleep(time) => self.duration("sleep", Some(*time)),
        }
    }

    fn http(&mut self, http: &Http) {
        self.variable_text("http", &http.host);
        self.variable_text("port", &http.port);
        self.variable_text("path", &http.path);
        for (name, value) in &http.headers {
            self.text("header", name);
            self.variable_text("value", value);
        }
        self.number("tls", u64::from(http.tls));
    }

    fn backoff(&mut self, tag: &str, backoff: &Backoff) {
        self.bytes(tag.as_bytes());
        self.duration("initial", Some(backoff.initial));
        self.number("factor", backoff.factor.to_bits());
        self.duration("max", Some(backoff.max));
        self.number("jitter", backoff.jitter.to_bits());
        self.duration("reset", Some(backoff.reset_after));
    }

    fn probe(&mut self, tag: &str, probe: &Probe) {
        self.bytes(tag.as_bytes());
        match &probe.handler {
            Handler::Notify => self.bytes(b"notify"),
            Handler::Fd(fd) => self.option("fd", Some(u64::from(fd.unsigned_abs()))),
            Handler::Tcp { host, port } => {
                self.variable_text("tcp", host);
                self.variable_text("port", port);
            }
            Handler::Http(http) => self.http(http),
            Handler::Exec(exec) => exec.iter().for_each(|text| self.variable_text("probe", text)),
            Handler::Unix(path) => self.variable_text("unix", path),
            Handler::Log(pattern) => self.text("log", pattern),
            Handler::File(path) => self.variable_text("file", path),
            Handler::Grpc { host, port, service } => {
                self.variable_text("grpc", host);
                self.variable_text("port", port);
                self.text("service", service);
            }
            Handler::Watchdog(every) => self.duration("watchdog", Some(*every)),
        }
        self.duration("delay", Some(probe.initial_delay));
        self.duration("period", Some(probe.period));
        self.duration("timeout", Some(probe.timeout));
        self.number("successes", probe.success_threshold.into());
        self.number("failures", probe.failure_threshold.into());
        self.duration("probe_grace", probe.grace);
    }

    fn job(&mut self, job: &Job) {
        self.option("completions", job.completions.map(u64::from));
        self.option("parallelism", Some(job.parallelism.into()));
        self.option("backoff_limit", Some(job.backoff_limit.into()));
        self.duration("job_deadline", job.active_deadline);
        self.number("suspend", u64::from(job.suspend));
        self.option("keep_pods", Some(job.keep_pods.into()));
        self.backoff("job_backoff", &job.backoff);
        self.duration("ttl", job.ttl_after_finished);
        self.number("durable", u64::from(job.durable));
        self.number("at_boot", job.at_boot as u64);
        self.option("per_index", job.backoff_limit_per_index.map(u64::from));
        self.option("max_failed", job.max_failed_indexes.map(u64::from));
        self.number("replacement", job.pod_replacement_policy as u64);
        for rule in &job.failure_policy {
            self.failure_rule(rule);
        }
        for rule in &job.success_policy {
            self.bytes(b"success_rule");
            for (first, last) in rule.indexes.iter().flatten() {
                self.option("first", Some(u64::from(*first)));
                self.option("last", Some(u64::from(*last)));
            }
            self.option("count", rule.count.map(u64::from));
        }
    }

    fn failure_rule(&mut self, rule: &FailureRule) {
        self.number("failure_rule", rule.action as u64 + 1);
        match &rule.when {
            FailureWhen::ExitCodes { process, codes } => {
                self.text("of", process.as_deref().unwrap_or(""));
                self.exit_codes(codes);
            }
            FailureWhen::Signal(signals) => {
                signals.iter().for_each(|signal| self.option("by", Some(u64::from(*signal))));
            }
            FailureWhen::Oom => self.bytes(b"oom"),
            FailureWhen::Deleted => self.bytes(b"deleted"),
        }
    }

    fn rollout(&mut self, rollout: &Rollout) {
        self.number("strategy", rollout.strategy as u64);
        for (tag, share) in [("unavailable", rollout.max_unavailable), ("surge", rollout.max_surge)] {
            match share {
                Share::Number(number) => self.option(tag, Some(number.into())),
                Share::Percent(percent) => self.pair(tag, "%", &percent.to_string()),
            }
        }
        self.duration("min_ready", Some(rollout.min_ready));
        self.duration("progress", Some(rollout.progress_deadline));
        self.number("revisions", rollout.history.into());
        self.number("surplus", rollout.surplus as u64);
    }

    fn cron(&mut self, cron: &CronJob) {
        self.job(&cron.job);
        self.text("schedule", cron.schedule.expression());
        self.text("zone", cron.schedule.zone().unwrap_or(""));
        self.number("concurrency", cron.concurrency_policy as u64);
        self.duration("starting_deadline", cron.starting_deadline);
        self.number("cron_suspend", u64::from(cron.suspend));
        self.option("successful", Some(cron.successful_history.into()));
        self.option("failed", Some(cron.failed_history.into()));
        self.number("catch_up", cron.catch_up as u64);
        self.duration("jitter", Some(cron.jitter));
    }
}
