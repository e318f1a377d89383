//! Goal: what failures and successes of real processes mean to their job, as Kubernetes' own examples of the
//! pod failure policy, the success policy and the limit for each index have it.
//! Method: programs that end by their index; what is told of them by the API, in Kubernetes' shape.

use serde_json::{Value, json};

use super::space::{Space, Supd};

const QUICK: &str = "[job.backoff]\ninitial = '50ms'\nmax = '50ms'\n";

fn object(supd: &Supd, job: &str) -> Value {
    supd.json(&format!("get job {job}"))
}

fn last_condition(job: &Value) -> (&str, &str, &str) {
    let last = job["status"]["conditions"].as_array().unwrap().last().unwrap();
    let word = |key: &str| last[key].as_str().unwrap();
    (word("type"), word("reason"), word("message"))
}

#[test]
fn bpi_each_index_has_its_own_limit() {
    let text = format!(
        "shell = 'exit $((JOB_COMPLETION_INDEX % 2))'\n[job]\ncompletions = 5\nparallelism = 5\n\
         completion_mode = 'Indexed'\nbackoff_limit_per_index = 1\n{QUICK}"
    );
    let supd = Space::new().unit("work", &text).supd();
    supd.wait("work", "failed");
    let job = object(&supd, "work");
    let status = &job["status"];
    assert_eq!((&status["completedIndexes"], &status["failedIndexes"]), (&json!("0,2,4"), &json!("1,3")));
    assert_eq!((&status["succeeded"], &status["failed"]), (&json!(3), &json!(4)));
    assert_eq!(last_condition(&job), ("Failed", "FailedIndexes", "Job has failed indexes"));
    assert_eq!(job["spec"]["backoffLimitPerIndex"], 1);
}

#[test]
fn pfp_a_bug_of_the_program_ends_the_job_at_once() {
    let text = "shell = 'if [ $JOB_COMPLETION_INDEX = 1 ]; then exit 42; else exec sleep 1000; fi'\n\
                [job]\ncompletions = 3\nparallelism = 3\ncompletion_mode = 'Indexed'\n\
                [[job.failure_policy]]\nexit_codes = { operator = 'In', values = [42], process = 'main' }\n\
                action = 'FailJob'\n";
    let supd = Space::new().unit("work", text).supd();
    supd.wait("work", "failed");
    let job = object(&supd, "work");
    let (kind, reason, message) = last_condition(&job);
    assert_eq!((kind, reason), ("Failed", "PodFailurePolicy"));
    let expected =
        "Container main for pod default/work-1-1 failed with exit code 42 matching FailJob rule at index 0";
    assert_eq!(message, expected);
    assert_eq!(job["status"]["failed"], 3);
    let rule = json!({
        "action": "FailJob",
        "onExitCodes": { "containerName": "main", "operator": "In", "values": [42] },
    });
    assert_eq!(job["spec"]["podFailurePolicy"]["rules"], json!([rule]));
    assert_eq!(job["spec"]["podReplacementPolicy"], "Failed");
}

#[test]
fn suc_the_leader_is_enough() {
    let text = "shell = '[ $JOB_COMPLETION_INDEX = 0 ] || exec sleep 1000'\n[job]\ncompletions = 3\n\
                parallelism = 3\ncompletion_mode = 'Indexed'\nsuccess_policy = [{ succeeded_indexes = '0' }]\n";
    let supd = Space::new().unit("work", text).supd();
    supd.wait("work", "complete");
    let job = object(&supd, "work");
    assert_eq!(last_condition(&job), ("Complete", "SuccessPolicy", "Matched rules at index 0"));
    assert_eq!((&job["status"]["succeeded"], &job["status"]["failed"]), (&json!(1), &json!(0)));
    assert_eq!(job["status"]["completedIndexes"], "0");
}
