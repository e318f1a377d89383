//! Units at random. A unit keeps its kind and its concurrency policy over all its edits.

use super::random::Random;

/// What a unit stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Service,
    Job,
    Cron(&'static str),
}

pub fn kind(random: &mut Random) -> Kind {
    match random.below(5) {
        0 | 1 => Kind::Service,
        2 | 3 => Kind::Job,
        _ => {
            let policy: &&str = random.pick(&["Allow", "Forbid", "Replace"]);
            Kind::Cron(policy)
        }
    }
}

/// The text of a unit that may have to do with earlier ones.
pub fn text(kind: Kind, earlier: &[String], random: &mut Random) -> String {
    let mut text = format!("exec = ['/x{}']\n", random.below(3));
    if !earlier.is_empty() && random.one_in(3) {
        let relation = *random.pick(&["requires", "wants", "after", "before"]);
        text += &format!("{relation} = ['{}']\n", random.pick(earlier));
    }
    let job_policy = *random.pick(&["OnFailure", "Never"]);
    let policy = *random.pick(&["Always", "Always", "OnFailure", "Never"]);
    let policy = if kind == Kind::Service { policy } else { job_policy };
    text += &format!("restart_policy = '{policy}'\n");
    if let Kind::Cron(concurrency) = kind {
        let catch_up = *random.pick(&["last", "none", "all"]);
        text += "[cron]\nschedule = '* * * * *'\ntime_zone = 'UTC'\n";
        text += &format!("concurrency_policy = '{concurrency}'\ncatch_up = '{catch_up}'\n");
        text += &format!("successful_history = {}\nfailed_history = {}\n", random.below(3), random.below(2));
        if catch_up == "all" {
            text += "starting_deadline = '10m'\n";
        } else if random.one_in(4) {
            text += "starting_deadline = '90s'\n";
        }
        if random.one_in(3) {
            text += &format!("jitter = '{}s'\n", random.below(60));
        }
    }
    if random.one_in(4) {
        text += "[[init]]\nname = 'i'\nexec = ['/i']\n";
    }
    if random.one_in(3) {
        text += "[readiness]\nnotify = true\n";
        if random.one_in(3) {
            text += "[startup]\ndeadline = '40s'\n";
        }
    }
    match kind {
        Kind::Service => text += &format!("[service]\nreplicas = {}\n", random.below(4)),
        Kind::Job | Kind::Cron(_) => text += &job(kind, job_policy, random),
    }
    text
}

fn job(kind: Kind, policy: &str, random: &mut Random) -> String {
    let mut text = format!("[job]\nbackoff_limit = {}\n", random.below(5));
    let (parallelism, completions) = (random.below(4), random.below(6));
    text += &format!("parallelism = {parallelism}\nkeep_pods = {}\n", random.below(3));
    let indexed = random.one_in(2);
    // As many as at once, so that an edit may stretch the job (IDX-007).
    let completions = if indexed && random.one_in(3) { parallelism } else { completions };
    if indexed || random.below(4) > 0 {
        text += &format!("completions = {completions}\n");
    }
    let per_index = indexed && policy == "Never" && random.one_in(2);
    if indexed {
        text += "completion_mode = 'Indexed'\n";
        if per_index {
            text += &format!("backoff_limit_per_index = {}\n", random.below(3));
            if random.one_in(2) {
                text += &format!("max_failed_indexes = {}\n", random.below(completions + 1));
            }
        }
        if completions > 0 && random.one_in(4) {
            let count = 1 + random.below(completions);
            text += &format!("success_policy = [{{ succeeded_count = {count} }}]\n");
        }
    }
    if random.one_in(6) {
        text += "suspend = true\n";
    }
    let judged = policy == "Never" && random.one_in(3);
    if judged || random.one_in(4) {
        text += "pod_replacement_policy = 'Failed'\n";
    }
    if random.one_in(4) {
        text += "active_deadline = '2m'\n";
    }
    if random.one_in(4) {
        text += "durable = true\n";
    }
    if random.one_in(4) {
        text += "ttl_after_finished = '3m'\n";
    }
    if kind == Kind::Job && random.one_in(4) {
        text += "at_boot = 'again'\n";
    }
    if judged {
        for _ in 0..=random.below(3) {
            text += &failure_rule(per_index, random);
        }
    }
    text
}

fn failure_rule(per_index: bool, random: &mut Random) -> String {
    let when = *random.pick(&[
        "exit_codes = { operator = 'In', values = [1] }",
        "exit_codes = { operator = 'NotIn', values = [1, 128] }",
        "exit_codes = { operator = 'In', values = [137], process = 'main' }",
        "signal = ['KILL']",
        "oom = true",
        "deleted = true",
    ]);
    let action = *random.pick(&["FailJob", "FailIndex", "Ignore", "Ignore", "Count"]);
    let action = if action == "FailIndex" && !per_index { "Count" } else { action };
    format!("[[job.failure_policy]]\n{when}\naction = '{action}'\n")
}
