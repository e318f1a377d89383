//! Each thing of a unit that Kubernetes cannot say is told, and nothing else is.

use std::path::Path;

use serde_json::{Value, json};
use supd::kubernetes::export::{Exported, export};
use supd::unit::load::parse_one;

/// A unit of this text, exported.
fn exported(name: &str, text: &str) -> Exported {
    let loaded = parse_one(text.as_bytes(), Path::new(&format!("{name}.toml")), &|_| None, false);
    let faults: Vec<String> = loaded.faults.iter().map(|fault| fault.render(false)).collect();
    assert!(!loaded.has_errors(), "{}", faults.join("\n"));
    export(&loaded.units[0], "debian:12", None)
}

/// The keys that were lost.
fn keys(exported: &Exported) -> Vec<&str> {
    exported.losses.iter().map(|loss| loss.key.as_str()).collect()
}

fn main_container(object: &Value) -> &Value {
    let spec = &object["spec"];
    let template = [&spec["jobTemplate"]["spec"]["template"]["spec"], &spec["template"]["spec"], spec];
    let pod = template.into_iter().find(|pod| pod["containers"].is_array()).unwrap();
    &pod["containers"][0]
}

#[test]
fn a_plain_unit_of_each_kind_loses_nothing() {
    for (text, kind) in [
        ("exec = ['/bin/web']", "Deployment"),
        ("exec = ['/bin/web']\nrestart_policy = 'Never'", "Pod"),
        ("exec = ['/bin/x']\n[job]\ncompletions = 3", "Job"),
        ("exec = ['/bin/x']\n[cron]\nschedule = '30 2 * * *'\ntime_zone = 'UTC'", "CronJob"),
    ] {
        let one = exported("web", text);
        assert_eq!((one.objects[0]["kind"].as_str(), keys(&one)), (Some(kind), vec![]), "{text}");
    }
}

#[test]
fn what_has_no_field_is_told() {
    let text = "
        exec = ['/bin/web']
        user = 'www-data'
        umask = '022'
        env_pass = ['TZ']
        success_exit = [0, 3]
        requires = ['db']
        before = ['late']
        active_deadline = '1h'
        [backoff]
        initial = '1s'
        [resources]
        rlimits = { nofile = 10 }
        [startup]
        deadline = '9s'
        [readiness]
        notify = true
        [stop]
        grace = '1500ms'
        [logs]
        stdout = 'null'
    ";
    let expected = "requires before user env_pass umask resources.rlimits success_exit startup.deadline \
                    readiness.notify stop.grace active_deadline backoff logs.stdout";
    let exported = exported("web", text);
    let (mut found, mut wanted): (Vec<&str>, Vec<&str>) = (keys(&exported), expected.split(' ').collect());
    wanted.retain(|key| !key.is_empty());
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    let spec = &exported.objects[0]["spec"]["template"]["spec"];
    assert_eq!(spec["terminationGracePeriodSeconds"], 2, "rounded up");
}

#[test]
fn variables_become_names_of_the_environment() {
    let job = exported(
        "load",
        "exec = ['/bin/x', '${unit}-${index}', '$$(date) $$', '${pod}']\n\
         env = { SHARD = 'shard-${index}', ME = '${pod}', N = '${index}' }\n\
         [job]\ncompletions = 2\ncompletion_mode = 'Indexed'",
    );
    assert_eq!(keys(&job), [""; 0]);
    let main = main_container(&job.objects[0]);
    assert_eq!(
        main["command"],
        json!(["/bin/x", "load-$(JOB_COMPLETION_INDEX)", "$$(date) $", "$(POD_NAME)"])
    );
    let index = json!({ "fieldRef": { "fieldPath":
        "metadata.labels['batch.kubernetes.io/job-completion-index']" } });
    let pod = json!({ "fieldRef": { "fieldPath": "metadata.name" } });
    assert_eq!(
        main["env"],
        json!([
            { "name": "POD_NAME", "valueFrom": pod },
            { "name": "JOB_COMPLETION_INDEX", "valueFrom": index },
            { "name": "ME", "valueFrom": pod },
            { "name": "N", "valueFrom": index },
            { "name": "SHARD", "value": "shard-$(JOB_COMPLETION_INDEX)" },
        ]),
        "what is referred to stands before"
    );
}

#[test]
fn bare_pods_know_their_names_and_numbers() {
    let text =
        "exec = ['/bin/x', '${pod}', '808${replica}']\nrestart_policy = 'OnFailure'\n[service]\nreplicas = 2";
    let two = exported("web", text);
    assert_eq!(keys(&two), [""; 0]);
    let names: Vec<&Value> = two.objects.iter().map(|object| &object["metadata"]["name"]).collect();
    assert_eq!(names, ["web-0", "web-1"]);
    assert_eq!(main_container(&two.objects[1])["command"], json!(["/bin/x", "web-1", "8081"]));
}

#[test]
fn a_deployments_pods_are_alike() {
    let text =
        "exec = ['/bin/x', '808${replica}']\n[service]\nreplicas = 2\n[readiness]\ntcp = '808${replica}'";
    let web = exported("web", text);
    assert_eq!(keys(&web), ["exec", "readiness.tcp"]);
    let main = main_container(&web.objects[0]);
    assert_eq!(
        (&main["command"][1], &main["readinessProbe"]["tcpSocket"]["port"]),
        (&json!("8080"), &json!(8080))
    );
}

#[test]
fn a_schedule_is_said_in_five_fields() {
    let cron = |schedule: &str, rest: &str| {
        let one = exported("c", &format!("exec = ['/bin/x']\n[cron]\nschedule = '{schedule}'\n{rest}"));
        let written = one.objects[0]["spec"]["schedule"].as_str().unwrap().to_owned();
        (written, keys(&one).join(" "))
    };
    let said = |schedule: &str, losses: &str| (schedule.to_owned(), losses.to_owned());
    assert_eq!(cron("0 30 2 * * 7", "time_zone = 'UTC'"), said("30 2 * * 0", ""));
    assert_eq!(cron("*/5 * * * * *", ""), said("* * * * *", "cron.schedule"));
    assert_eq!(cron("30 2 * * *", "time_zone = 'Europe/Berlin'"), said("30 2 * * *", "cron.dst"));
    assert_eq!(cron("30 2 * * *", "time_zone = 'Europe/Berlin'\ndst = 'literal'"), said("30 2 * * *", ""));
    assert_eq!(cron("@hourly", "catch_up = 'none'"), said("@hourly", "cron.catch_up"));
}

#[test]
fn a_file_of_variables_becomes_a_secret_to_make() {
    let web = exported("web", "exec = ['/bin/x']\nenv_file = ['/etc/default/web', '?/etc/more']");
    assert_eq!(keys(&web), ["env_file", "env_file"]);
    let why = &web.losses[0].why;
    assert!(
        why.contains("kubectl create secret generic web-main-env-0 --from-env-file='/etc/default/web'"),
        "{why}"
    );
    let from = &main_container(&web.objects[0])["envFrom"];
    let second = json!({ "secretRef": { "name": "web-main-env-1", "optional": true } });
    assert_eq!(*from, json!([{ "secretRef": { "name": "web-main-env-0" } }, second]));
}
