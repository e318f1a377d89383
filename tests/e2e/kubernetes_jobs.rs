//! Goal: the Jobs that Kubernetes' own documentation shows run here from `apply -f` to their end, with the
//! status, the conditions, the logs and the events that the documentation promises.
//! Method: manifests of the same shape, for programs that every Debian has (`kubernetes_jobs/*.yaml`; `@` stands
//! for the place's directory), through the real supctl. Processes wait at a gate while they are looked at.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use super::space::{Space, Supd, repository};

/// Writes one of the manifests into the place, with some words replaced.
fn manifest_with(supd: &Supd, name: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(repository(&format!("tests/e2e/kubernetes_jobs/{name}.yaml"))).unwrap();
    let mut text = text.replace("@/", &format!("{}/", supd.path().display()));
    for (from, to) in changes {
        assert!(text.contains(from), "{from} in {name}");
        text = text.replace(from, to);
    }
    let path = supd.path().join(format!("{name}.yaml"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Applies one of the manifests: a job that is new.
#[track_caller]
fn apply(supd: &Supd, name: &str, job: &str) -> String {
    let path = manifest_with(supd, name, &[]);
    supd.ctl(&format!("apply -f {path}")).ok().stdout_is(&format!("job.batch/{job} created\n"));
    path
}

/// Waits, as a user of kubectl would.
#[track_caller]
fn wait(supd: &Supd, job: &str, condition: &str) -> Value {
    supd.wait(&format!("job/{job}"), &format!("condition={condition}"));
    supd.json(&format!("get job {job}"))
}

/// What was applied goes, and all of it.
#[track_caller]
fn delete(supd: &Supd, path: &str, job: &str) {
    supd.ctl(&format!("delete -f {path}")).ok().stdout_is(&format!("job.batch \"{job}\" deleted\n"));
    supd.ctl(&format!("get job {job}")).code(4);
    assert_eq!(supd.json("get pods")["items"], json!([]));
    assert_eq!(fs::read_dir(supd.path().join("state/units")).unwrap().count(), 0);
}

/// The conditions of a job in their order: type, status, reason.
fn conditions(job: &Value) -> Vec<String> {
    let word = |condition: &Value, key: &str| condition[key].as_str().unwrap().to_owned();
    let all = job["status"]["conditions"].as_array().unwrap().iter();
    all.map(|one| format!("{}={} {}", word(one, "type"), word(one, "status"), word(one, "reason"))).collect()
}

fn last_message(job: &Value) -> &str {
    job["status"]["conditions"].as_array().unwrap().last().unwrap()["message"].as_str().unwrap()
}

const COMPLETIONS_REACHED: [&str; 2] =
    ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"];

/// Some fields of a job's status.
#[track_caller]
fn assert_status(job: &Value, fields: Value) {
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(&job["status"][field], value, "{field} of {job:#}");
    }
}

/// How often each reason was told of a job, sorted: `Completed 1`.
fn events(supd: &Supd, job: &str) -> Vec<String> {
    let list = supd.json("get events");
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for event in list["items"].as_array().unwrap() {
        if event["involvedObject"]["kind"] == "Job" && event["involvedObject"]["name"] == job {
            *counts.entry(event["reason"].as_str().unwrap().to_owned()).or_default() +=
                event["count"].as_u64().unwrap();
        }
    }
    counts.into_iter().map(|(reason, count)| format!("{reason} {count}")).collect()
}

fn logs(supd: &Supd, words: &str) -> String {
    supd.ctl(&format!("logs {words}")).ok().stdout
}

/// A queue of files.
fn queue(supd: &Supd, items: &[&str]) {
    for directory in ["queue/new", "queue/taken"] {
        fs::create_dir_all(supd.path().join(directory)).unwrap();
    }
    for item in items {
        fs::write(supd.path().join("queue/new").join(item), "").unwrap();
    }
}

/// A FIFO of which each waiting process reads a line. The test has it open, so that nobody waits for the other
/// end; and a line of one byte cannot be shared.
struct Gate(fs::File);

impl Gate {
    fn new(supd: &Supd) -> Self {
        let path = supd.path().join("go");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        Self(fs::File::options().read(true).write(true).open(path).unwrap())
    }

    /// So many processes go on: those that wait, or those that come next.
    fn open(&mut self, count: usize) {
        self.0.write_all(&vec![b'\n'; count]).unwrap();
    }
}

const FRUIT: [&str; 8] = ["apple", "banana", "cherry", "date", "fig", "grape", "lemon", "melon"];

#[test]
fn job_001_the_pi_job() {
    let supd = Space::new().supd();
    let path = apply(&supd, "pi", "pi");
    let job = wait(&supd, "pi", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_eq!(last_message(&job), "Reached expected number of succeeded pods");
    assert_status(&job, json!({"active": 0, "ready": 0, "terminating": 0, "succeeded": 1, "failed": 0}));
    assert!(job["status"]["completionTime"].is_string());
    let spec = &job["spec"];
    assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(1), &json!(1)));
    assert_eq!((&spec["completionMode"], &spec["backoffLimit"]), (&json!("NonIndexed"), &json!(4)));
    assert_eq!(logs(&supd, "job/pi"), "3.1415926535897932384626433832795028841971693993751\n");
    assert_eq!(events(&supd, "pi"), ["Completed 1", "SuccessfulCreate 1"]);
    supd.ctl("get events").ok().stdout_has("Created pod: pi-0");
    let rows = supd.ctl("get jobs").ok().stdout;
    assert_eq!(
        rows.split_whitespace().take(8).collect::<Vec<_>>(),
        ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE", "pi", "Complete", "1/1"]
    );
    delete(&supd, &path, "pi");
}

#[test]
fn idx_001_the_indexed_job_with_static_work() {
    let supd = Space::new().supd();
    let path = apply(&supd, "indexed", "indexed-job");
    let job = wait(&supd, "indexed-job", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_status(&job, json!({"completedIndexes": "0-4", "succeeded": 5, "failed": 0}));
    assert_eq!(job["status"].get("failedIndexes"), None, "told only with a limit for each index (BPI-008)");
    // The init container wrote the word of its index into a volume that both have.
    for (index, word) in ["oof", "rab", "zab", "xuq", "zyx"].iter().enumerate() {
        let pod = format!("indexed-job-{index}-{index}");
        assert_eq!(logs(&supd, &pod), format!("{word}\n"));
        let pod = supd.json(&format!("get pod {pod}"));
        let metadata = &pod["metadata"];
        assert_eq!(metadata["labels"]["batch.kubernetes.io/job-completion-index"], index.to_string());
        assert_eq!(metadata["annotations"]["batch.kubernetes.io/job-completion-index"], index.to_string());
        assert_eq!(pod["status"]["initContainerStatuses"][0]["name"], "input");
    }
    assert_eq!(events(&supd, "indexed-job"), ["Completed 1", "SuccessfulCreate 5"]);
    delete(&supd, &path, "indexed-job");
}

#[test]
fn idx_002_the_index_by_a_field_of_the_pod() {
    let supd = Space::new().supd();
    apply(&supd, "indexed-by-field", "by-field");
    wait(&supd, "by-field", "complete");
    for index in 0..3 {
        assert_eq!(logs(&supd, &format!("by-field-{index}-{index}")), format!("{index} of {index}\n"));
    }
}

#[test]
fn job_002_a_coarse_work_queue() {
    let supd = Space::new().supd();
    queue(&supd, &FRUIT);
    let path = apply(&supd, "coarse-queue", "job-wq-1");
    let job = wait(&supd, "job-wq-1", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_status(&job, json!({"succeeded": 8, "failed": 0}));
    let logs = logs(&supd, "job/job-wq-1");
    let mut lines: Vec<&str> = logs.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, FRUIT.map(|fruit| format!("Processing {fruit}")));
    assert_eq!(events(&supd, "job-wq-1"), ["Completed 1", "SuccessfulCreate 8"]);
    delete(&supd, &path, "job-wq-1");
}

#[test]
fn job_003_a_fine_work_queue() {
    let supd = Space::new().supd();
    queue(&supd, &FRUIT);
    let path = apply(&supd, "fine-queue", "job-wq-2");
    let job = wait(&supd, "job-wq-2", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_status(&job, json!({"active": 0, "succeeded": 2, "failed": 0}));
    assert_eq!(job["spec"].get("completions"), None);
    supd.ctl("get job job-wq-2").ok().stdout_has(" 2/1 of 2 ");
    let logs = logs(&supd, "job/job-wq-2");
    let mut items: Vec<&str> = logs.lines().filter_map(|line| line.strip_prefix("Working on ")).collect();
    items.sort_unstable();
    assert_eq!(items, FRUIT, "each item once, whoever took it");
    assert_eq!(logs.matches("Queue empty, exiting").count(), 2);
    assert_eq!(events(&supd, "job-wq-2"), ["Completed 1", "SuccessfulCreate 2"]);
    delete(&supd, &path, "job-wq-2");
}

#[test]
fn pfp_003_exit_code_42_fails_the_job_at_once() {
    let supd = Space::new().supd();
    let name = "job-pod-failure-policy-failjob";
    let path = apply(&supd, "failure-policy-fail", name);
    let job = wait(&supd, name, "failed");
    assert_eq!(conditions(&job), ["FailureTarget=True PodFailurePolicy", "Failed=True PodFailurePolicy"]);
    let message = last_message(&job);
    assert!(
        message.starts_with("Container main for pod default/job-pod-failure-policy-failjob-"),
        "{message}"
    );
    assert!(message.ends_with(" failed with exit code 42 matching FailJob rule at index 0"), "{message}");
    // Two at once: the other one has failed by itself, or was cut short and counts, too (JOB-051).
    assert_status(&job, json!({"active": 0, "succeeded": 0, "failed": 2}));
    assert_eq!(job["status"].get("completionTime"), None, "JOB-104");
    assert_eq!(job["status"].get("nextPodTime"), None, "no other pod comes");
    assert!(events(&supd, name).contains(&"PodFailurePolicy 1".to_owned()));
    let said = logs(&supd, &format!("job/{name}"));
    assert!(said.contains("I'm going to exit with 42 to simulate a software bug."), "{said}");
    supd.ctl(&format!("wait job/{name} --for=condition=complete --timeout=20s")).code(1);
    delete(&supd, &path, name);
}

#[test]
fn pfp_006_a_disruption_is_ignored() {
    let supd = Space::new().supd();
    let mut gate = Gate::new(&supd);
    let name = "job-pod-failure-policy-ignore";
    let path = apply(&supd, "failure-policy-ignore", name);
    supd.wait_file("up", "up\nup\n");
    supd.ctl(&format!("delete pod {name}-0")).ok();
    let job = supd.json(&format!("get job {name}"));
    assert_status(&job, json!({"failed": 0, "conditions": []}));
    let pod = supd.json(&format!("get pod {name}-0"));
    let told = pod["status"]["conditions"].as_array().unwrap().iter();
    assert!(told.into_iter().any(|one| one["type"] == "DisruptionTarget" && one["status"] == "True"));
    // Though nothing may fail (`backoffLimit: 0`), there is another pod, after the first delay (JOB-049).
    supd.wait_file("up", "up\nup\nup\n");
    gate.open(2);
    let job = wait(&supd, name, "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_status(&job, json!({"succeeded": 2, "failed": 0}));
    delete(&supd, &path, name);
}

#[test]
fn bpi_002_each_index_has_tries_of_its_own() {
    let supd = Space::new().supd();
    let name = "job-backoff-limit-per-index-example";
    let path = apply(&supd, "backoff-per-index", name);
    let job = wait(&supd, name, "failed");
    assert_eq!(conditions(&job), ["FailureTarget=True FailedIndexes", "Failed=True FailedIndexes"]);
    assert_eq!(last_message(&job), "Job has failed indexes");
    let indexes = json!({"completedIndexes": "1,3,5,7,9", "failedIndexes": "0,2,4,6,8"});
    assert_status(&job, indexes);
    assert_status(&job, json!({"succeeded": 5, "failed": 10, "active": 0}));
    assert_eq!(job["spec"]["backoffLimit"], 2_147_483_647, "BPI-001");
    delete(&supd, &path, name);
}

#[test]
fn bpi_003_too_many_failed_indexes_end_the_job() {
    let supd = Space::new().supd();
    let name = "job-max-failed-indexes";
    let path = apply(&supd, "max-failed-indexes", name);
    let job = wait(&supd, name, "failed");
    let reason = "MaxFailedIndexesExceeded";
    assert_eq!(conditions(&job), [format!("FailureTarget=True {reason}"), format!("Failed=True {reason}")]);
    assert_eq!(last_message(&job), "Job has exceeded the specified maximal number of failed indexes");
    assert_status(&job, json!({"completedIndexes": "", "failedIndexes": "1,2", "succeeded": 0, "failed": 3}));
    let expected = ["MaxFailedIndexesExceeded 1", "SuccessfulCreate 3", "SuccessfulDelete 1"];
    assert_eq!(events(&supd, name), expected);
    delete(&supd, &path, name);
}

#[test]
fn suc_003_the_success_of_the_leader_is_enough() {
    let supd = Space::new().supd();
    let mut gate = Gate::new(&supd);
    let path = apply(&supd, "success-policy", "job-success");
    supd.until("jobs", |job| job["status"]["active"] == 10);
    gate.open(1);
    let job = wait(&supd, "job-success", "complete");
    assert_eq!(conditions(&job), ["SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"]);
    assert_eq!(last_message(&job), "Matched rules at index 0");
    assert_status(&job, json!({"completedIndexes": "0", "succeeded": 1, "failed": 0, "terminating": 0}));
    assert!(job["status"]["completionTime"].is_string());
    let expected = ["Completed 1", "SuccessfulCreate 10", "SuccessfulDelete 9"];
    assert_eq!(events(&supd, "job-success"), expected);
    delete(&supd, &path, "job-success");
}

#[test]
fn job_080_suspended_and_resumed_by_its_manifest() {
    let supd = Space::new().supd();
    let mut gate = Gate::new(&supd);
    let path = apply(&supd, "suspended", "myjob");
    let job = supd.json("get job myjob");
    assert_eq!(conditions(&job), ["Suspended=True JobSuspended"]);
    assert_eq!(last_message(&job), "Job suspended");
    assert_status(&job, json!({"active": 0}));
    assert_eq!(job["status"].get("startTime"), None);
    supd.ctl("get job myjob").ok().stdout_has(" Suspended ");

    let resumed = manifest_with(&supd, "suspended", &[("suspend: true", "suspend: false")]);
    supd.ctl(&format!("apply -f {resumed}")).ok().stdout_is("job.batch/myjob configured\n");
    supd.wait_file("up", "up\n");
    let job = supd.json("get job myjob");
    assert_eq!(conditions(&job), ["Suspended=False JobResumed"]);
    assert!(job["status"]["startTime"].is_string());
    gate.open(2);
    supd.wait_file("up", "up\nup\nup\n");

    manifest_with(&supd, "suspended", &[]);
    supd.ctl(&format!("apply -f {path}")).ok().stdout_is("job.batch/myjob configured\n");
    let job = supd.until("jobs", |job| job["status"]["active"] == 0 && job["status"]["terminating"] == 0);
    assert_eq!(conditions(&job), ["Suspended=True JobSuspended"]);
    assert_status(&job, json!({"succeeded": 2, "failed": 0}));
    assert_eq!(job["status"].get("startTime"), None, "JOB-083");

    supd.ctl("resume job/myjob").ok();
    gate.open(3);
    let job = wait(&supd, "myjob", "complete");
    let mut expected = vec!["Suspended=False JobResumed"];
    expected.extend(COMPLETIONS_REACHED);
    assert_eq!(conditions(&job), expected);
    assert_status(&job, json!({"succeeded": 5, "failed": 0}));
    let expected = ["Completed 1", "Resumed 2", "SuccessfulCreate 6", "SuccessfulDelete 1", "Suspended 2"];
    assert_eq!(events(&supd, "myjob"), expected);
    delete(&supd, &path, "myjob");
}

#[test]
fn job_070_finished_jobs_go_and_come_back_when_applied() {
    let supd = Space::new().supd();
    let path = apply(&supd, "ttl", "pi-with-ttl");
    let first = supd.uid("job/pi-with-ttl");
    let gone = |supd: &Supd| supd.ctl("wait job/pi-with-ttl --for=delete --timeout=20s").ok();
    gone(&supd);
    supd.ctl("get job pi-with-ttl").code(4);
    assert_eq!(supd.json("get pods")["items"], json!([]));
    // It is gone already.
    gone(&supd);
    // Other manifests don't bring it back; its own does, as another.
    apply(&supd, "pi", "pi");
    supd.ctl("get job pi-with-ttl").code(4);
    apply(&supd, "ttl", "pi-with-ttl");
    let job = supd.json("get job pi-with-ttl");
    assert_ne!(job["metadata"]["uid"], first.as_str());
    gone(&supd);
    supd.ctl(&format!("delete -f {path}")).code(5).stderr_has("job.batch \"pi-with-ttl\" not found");
    supd.ctl("get unit pi-with-ttl").code(4);
}

#[test]
fn job_060_a_deadline_for_the_whole_job() {
    let supd = Space::new().supd();
    let path = apply(&supd, "deadline", "pi-with-timeout");
    let job = wait(&supd, "pi-with-timeout", "failed");
    assert_eq!(conditions(&job), ["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
    assert_eq!(last_message(&job), "Job was active longer than specified deadline");
    assert_status(&job, json!({"active": 0, "succeeded": 0, "failed": 1}));
    let expected = ["DeadlineExceeded 1", "SuccessfulCreate 1", "SuccessfulDelete 1"];
    assert_eq!(events(&supd, "pi-with-timeout"), expected);
    delete(&supd, &path, "pi-with-timeout");
}

#[test]
fn cjb_028_the_hello_cronjob_by_hand() {
    let supd = Space::new().supd();
    let path = manifest_with(&supd, "cronjob", &[]);
    supd.ctl(&format!("apply -f {path}")).ok().stdout_is("cronjob.batch/hello created\n");
    let rows = supd.ctl("get cronjob hello").ok().stdout;
    let row: Vec<&str> = rows.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..9], ["hello", "*", "*", "*", "*", "*", "Etc/UTC", "True", "0"], "{rows}");
    assert_eq!(row[9], "<none>");
    let cronjob = supd.json("get cronjob hello");
    assert_eq!(cronjob["status"].get("nextScheduleTime"), None, "it is suspended");
    let spec = &cronjob["spec"];
    assert_eq!((&spec["concurrencyPolicy"], &spec["suspend"]), (&json!("Allow"), &json!(true)));
    assert_eq!(
        (&spec["successfulJobsHistoryLimit"], &spec["failedJobsHistoryLimit"]),
        (&json!(3), &json!(1))
    );

    supd.ctl("create job by-hand --from=cronjob/hello").ok();
    let job = wait(&supd, "by-hand", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_eq!(job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    let owner = &job["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("CronJob"), &json!("hello")));
    assert_eq!(owner["uid"], cronjob["metadata"]["uid"]);
    let said = logs(&supd, "job/by-hand");
    assert!(said.ends_with("Hello from the Kubernetes cluster\n"), "{said}");
    let cronjob = supd.json("get cronjob hello");
    assert_eq!(cronjob["status"].get("lastScheduleTime"), None, "it was not scheduled");
    assert_eq!(cronjob["status"]["active"], json!([]));

    manifest_with(&supd, "cronjob", &[("suspend: true", "suspend: false")]);
    supd.ctl(&format!("apply -f {path}")).ok().stdout_is("cronjob.batch/hello configured\n");
    let next = supd.json("get cronjob hello")["status"]["nextScheduleTime"].clone();
    assert!(next.as_str().is_some_and(|next| next.ends_with(":00Z")), "a full minute: {next}");
    supd.ctl(&format!("delete -f {path}")).ok();
    // Its jobs go with it (CJB-026).
    supd.ctl("get cronjob hello").code(4);
    supd.ctl("get job by-hand").code(4);
}

#[test]
fn sid_003_a_sidecar_keeps_no_job_from_its_end() {
    let supd = Space::new().supd();
    let mut gate = Gate::new(&supd);
    let path = apply(&supd, "sidecar", "myjob");
    let pod = supd.until_pod("myjob-0", |main| main["state"]["running"].is_object());
    let init = |pod: &Value, place: usize| pod["status"]["initContainerStatuses"][place].clone();
    assert_eq!(init(&pod, 0)["state"]["terminated"]["reason"], "Completed");
    assert_eq!((&init(&pod, 1)["name"], &init(&pod, 1)["started"]), (&json!("logshipper"), &json!(true)));
    let row = supd.ctl("get pod myjob-0").ok().stdout;
    assert!(row.contains(" 2/2 "), "the sidecar counts (SID-006): {row}");
    gate.open(1);
    let job = wait(&supd, "myjob", "complete");
    assert_eq!(conditions(&job), COMPLETIONS_REACHED);
    assert_status(&job, json!({"succeeded": 1, "failed": 0}));
    let pod = supd.json("get pod myjob-0");
    assert_eq!(pod["status"]["phase"], "Succeeded");
    assert!(init(&pod, 1)["state"]["terminated"].is_object());
    // All three have the same volume.
    assert_eq!(logs(&supd, "myjob-0 -c myjob"), "prepared\n");
    assert_eq!(logs(&supd, "myjob-0 -c logshipper"), "prepared\nlogging\n");
    delete(&supd, &path, "myjob");
}
