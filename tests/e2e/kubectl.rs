//! Goal: who knows kubectl sees here what they know: the words of STATUS for a real pod of each state, the
//! sections of `describe`, selections, templates, waits.
//! Method: a unit for each state; a FIFO holds what is to stay where it is.

use super::space::{Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

/// Columns of a pod's row, without its age.
fn row(supd: &Supd, pod: &str) -> Vec<String> {
    let text = supd.ctl(&format!("get pods {pod} --no-headers")).ok().stdout.clone();
    text.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// Waits until a pod's word in STATUS is this one.
fn status_becomes(supd: &Supd, pod: &str, word: &str) {
    supd.until_pod(pod, |_| row(supd, pod).get(2).is_some_and(|status| status == word));
}

#[test]
fn out_002_out_003_out_005_a_word_for_each_state() {
    let step = |second: &str| {
        format!("{SLEEPER}[[init]]\nname = 'one'\nexec = ['/bin/true']\n[[init]]\nname = 'two'\n{second}\n")
    };
    let supd = Space::new()
        .fifo("gate")
        .unit("web", SLEEPER)
        .unit("crash", "exec = ['/bin/false']\n")
        .unit("absent", "exec = ['/no/such/program']\n")
        .unit("unready", &format!("{SLEEPER}[readiness]\nexec = ['/bin/false']\n"))
        .unit("steps", &step("shell = 'read line < @/gate'"))
        .unit("stuck", &step("exec = ['/bin/false']"))
        .unit("broken", &format!("restart_policy = 'Never'\n{}", step("exec = ['/bin/false']")))
        .unit("done", "exec = ['/bin/true']\n[job]\n")
        .unit("bad", "exec = ['/bin/false']\n[job]\nbackoff_limit = 0\n")
        .unit(
            "stubborn",
            "shell = 'trap \"\" TERM; : > @/up; while :; do read line < @/gate; done'\n[stop]\ngrace = '1h'\n",
        )
        .supd();
    for (pod, word) in [
        ("web-0", "Running"),
        ("crash-0", "CrashLoopBackOff"),
        ("absent-0", "CrashLoopBackOff"),
        ("unready-0", "Running"),
        ("steps-0", "Init:1/2"),
        ("stuck-0", "Init:CrashLoopBackOff"),
        ("broken-0", "Init:Error"),
        ("done-0", "Completed"),
        ("bad-0", "Error"),
    ] {
        status_becomes(&supd, pod, word);
    }
    assert_eq!(row(&supd, "web-0")[..4], ["web-0", "1/1", "Running", "0"]);
    assert_eq!(row(&supd, "unready-0")[1], "0/1");
    assert!(row(&supd, "crash-0")[3].starts_with("1 ("), "{:?}", row(&supd, "crash-0"));
    supd.until_pod("stubborn-0", |_| supd.path().join("up").exists());
    supd.ctl("delete pod stubborn-0 --no-block").ok();
    status_becomes(&supd, "stubborn-0", "Terminating");
    supd.ctl("kill -s KILL stubborn").ok();
}

#[test]
fn out_014_015_016_descriptions_have_kubectls_sections() {
    let supd = Space::new()
        .unit(
            "web",
            &format!("labels = {{ app = 'web' }}\n{SLEEPER}[env]\nTOKEN = 'secret'\n[readiness]\nexec = ['/bin/true']\n"),
        )
        .unit("pi", "exec = ['/bin/echo', '3.14']\n[job]\ncompletions = 2\ncompletion_mode = 'Indexed'\n")
        .unit("backup", "exec = ['/bin/true']\n[cron]\nschedule = '0 0 1 1 *'\n")
        .unit("crash", "shell = 'kill -9 $$'\n")
        .unit("default", "wants = ['web', 'pi', 'backup', 'crash']\n")
        .supd();
    supd.wait("web", "ready");
    supd.wait("pi", "complete");
    let sections = |words: &str, expected: &[&str]| {
        let output = supd.ctl(words).ok().stdout.clone();
        let mut rest = output.as_str();
        for section in expected {
            let at = rest
                .find(section)
                .unwrap_or_else(|| panic!("{words}: no `{section}` in its place:\n{output}"));
            rest = &rest[at + section.len()..];
        }
        output
    };
    let web = sections(
        "describe pod/web-0",
        &[
            "Name:",
            "Namespace:",
            "Start Time:",
            "Labels:",
            "app=web",
            "Annotations:",
            "Status:",
            "Running",
            "Controlled By:",
            "Deployment/web",
            "Containers:",
            "main:",
            "Command:",
            "State:",
            "Running",
            "Started:",
            "Ready:",
            "True",
            "Restart Count:",
            "0",
            "exec [/bin/true] delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3",
            "Environment:",
            "TOKEN",
            "Conditions:",
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
            "Events:",
        ],
    );
    assert!(!web.contains("secret"), "{web}");
    sections(
        "describe job pi",
        &[
            "Name:",
            "Namespace:",
            "Selector:",
            "Labels:",
            "Annotations:",
            "Parallelism:",
            "Completions:",
            "2",
            "Completion Mode:",
            "Indexed",
            "Suspend:",
            "false",
            "Backoff Limit:",
            "Start Time:",
            "Completed At:",
            "Duration:",
            "Pods Statuses:",
            "0 Active (0 Ready) / 2 Succeeded / 0 Failed",
            "Completed Indexes:",
            "0,1",
            "Pod Template:",
            "Events:",
            "SuccessfulCreate",
            "Completed",
        ],
    );
    // OUT-015.
    sections(
        "describe backup",
        &[
            "Name:",
            "Namespace:",
            "Labels:",
            "Annotations:",
            "Schedule:",
            "0 0 1 1 *",
            "Concurrency Policy:",
            "Allow",
            "Suspend:",
            "False",
            "Time Zone:",
            "<unset>",
            "Successful Job History Limit:",
            "3",
            "Failed Job History Limit:",
            "1",
            "Starting Deadline Seconds:",
            "<unset>",
            "Pod Template:",
            "Last Schedule Time:",
            "<unset>",
            "Active Jobs:",
            "<none>",
            "Events:",
        ],
    );
    sections(
        "describe deployment web",
        &[
            "deployment.kubernetes.io/revision: 1",
            "Replicas:",
            "1 desired",
            "StrategyType:",
            "RollingUpdate",
            "RollingUpdateStrategy:",
            "Pod Template:",
            "Conditions:",
            "Available",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            "Progressing",
            "Events:",
        ],
    );
    sections("describe target default", &["Kind:", "target", "File:", "State:"]);
    status_becomes(&supd, "crash-0", "CrashLoopBackOff");
    sections(
        "describe pod crash",
        &[
            "State:",
            "Waiting",
            "CrashLoopBackOff",
            "Last State:",
            "Terminated",
            "Exit Code:",
            "137",
            "SIGKILL",
            "ended by SIGKILL",
        ],
    );
    supd.ctl("describe pod nope").code(4);
}

#[test]
fn what_kubectls_hands_type_is_understood() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    supd.ctl("scale deployment web --replicas=2").ok();
    supd.ctl("rollout restart deployment web").ok();
    supd.ctl("get pods -n default -o name").ok().stdout_has("pod/web-1");
    for words in ["get rs", "get replicasets", "get deployments,rs", "get rs/web", "describe rs web"] {
        supd.ctl(words).code(2).stderr_has("supctl rollout history");
    }
    supd.ctl("get pods -n kube-system").code(2).stderr_has("there is one namespace here");
    supd.ctl("logs deployment/web --all-containers").ok();
    supd.ctl("logs deployment/web --all-containers -c main").code(2);
}

#[test]
fn a_manifests_pod_is_no_deployment_and_its_pid_is_the_applications() {
    let container = |name: &str, more: &str| {
        format!("  - {{name: {name}, image: x, command: [/bin/sleep, infinity]{more}}}\n")
    };
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: alone}}\nspec:\n  initContainers:\n{}  containers:\n{}",
        container("beside", ", restartPolicy: Always"),
        container("app", ""),
    );
    let supd = Space::new().supd();
    let file = supd.path().join("alone.yaml");
    std::fs::write(&file, manifest).unwrap();
    supd.ctl(&format!("apply -f {}", file.display())).ok();
    supd.wait("alone", "ready");
    supd.ctl("get deployments").ok().stdout_is("").stderr_has("No resources found");
    supd.ctl("get deployment alone").code(4);
    let pod = supd.json("get pod alone");
    assert!(pod["metadata"]["ownerReferences"].is_null(), "{pod}");
    let app = &pod["status"]["containerStatuses"][0];
    assert_eq!(app["name"], "app");
    assert_eq!(app["state"]["running"]["pid"], pod["status"]["pid"]);
}

/// A manifest of a Pod whose one container runs this in a shell.
fn apply_pod(supd: &Supd, name: &str, script: &str) {
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: 3600\n  containers:\n  - name: c\n    image: x\n    command: [/bin/sh, -c, '{script}']\n"
    );
    let file = supd.path().join(format!("{name}.yaml"));
    std::fs::write(&file, manifest).unwrap();
    supd.ctl(&format!("apply -f {}", file.display())).ok();
}

#[test]
fn a_pod_without_an_owner_is_gone_when_it_is_deleted() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    for (name, script) in [("alone", "exec sleep infinity"), ("crash", "exit 3")] {
        apply_pod(&supd, name, script);
    }
    supd.wait("alone", "ready");
    status_becomes(&supd, "crash", "CrashLoopBackOff");
    supd.ctl("delete pod crash").ok().stdout_is("pod \"crash\" deleted\n");
    supd.ctl("get pod crash").code(4);
    supd.ctl("delete pod/alone").ok().stdout_is("pod \"alone\" deleted\n");
    supd.ctl("get pod/alone unit/alone").code(4);
    // Nothing brings them back, not even who applies what there is.
    supd.ctl("apply").ok();
    supd.ctl("get pod/alone").code(4);
    supd.ctl("get unit/crash").code(4);
    supd.ctl("logs crash").code(4);
    // Whom somebody owns is replaced.
    let uid = supd.uid("pod/web-0");
    supd.ctl("delete pod web-0").ok().stdout_is("pod \"web-0\" deleted\n");
    supd.wait("web", "ready");
    assert_ne!(supd.uid("pod/web-0"), uid);
    supd.ctl("delete deployment web").ok().stdout_is("deployment.apps \"web\" deleted\n");
}

#[test]
fn trm_004_a_deletion_may_leave_less_time() {
    let deaf = "trap \"\" TERM; : > @/up-NAME; while :; do read line < @/gate; done";
    let supd = Space::new()
        .fifo("gate")
        .unit("web", &format!("shell = '{}'\n[stop]\ngrace = '1h'\n", deaf.replace("NAME", "web")))
        .supd();
    supd.until_pod("web-0", |_| supd.path().join("up-web").exists());
    supd.ctl("delete pod web-0 --grace-period=x").code(2);
    supd.ctl("delete pod web-0 --no-block").ok().stdout_is("web-0: deleting\n");
    // A later wish for less time counts.
    supd.ctl("delete pod web-0 --grace-period=0").ok().stdout_is("pod \"web-0\" deleted\n");
    let here = supd.path().display().to_string();
    apply_pod(&supd, "alone", &deaf.replace("NAME", "alone").replace('@', &here));
    supd.until_pod("alone", |_| supd.path().join("up-alone").exists());
    supd.ctl("delete pod alone --now").ok().stdout_is("pod \"alone\" deleted\n");
    supd.ctl("get pod alone").code(4);
    supd.ctl("delete pod web-0 --now").ok();
}

#[test]
fn a_pod_is_no_deployment_to_any_verb() {
    let supd = Space::new().supd();
    apply_pod(&supd, "alone", "exec sleep infinity");
    supd.ctl("wait alone --for=condition=Ready --timeout=60s").ok().stdout_is("pod/alone condition met\n");
    supd.ctl("scale alone --replicas=2").code(1).stderr_has("cannot scale a Pod");
    supd.ctl("scale pod/alone 2").code(2).stderr_has("cannot scale a Pod");
    supd.ctl("scale deployment alone 2").code(1).stderr_has("cannot scale a Pod");
    for verb in ["status", "history", "undo", "pause"] {
        supd.ctl(&format!("rollout {verb} alone")).code(2).stderr_has("is a Pod");
    }
    supd.ctl("describe alone").ok().stdout_has("Containers:");
    let waits = supd.stream("wait alone --for=delete");
    let mut watch = supd.stream("get pods -w --no-headers");
    watch.until("alone");
    supd.ctl("delete pod alone").ok();
    assert_eq!(waits.end(), 0);
}

#[test]
fn objects_are_selected_sorted_and_printed_as_asked() {
    let supd = Space::new()
        .unit("web", "labels = { app = 'web', tier = 'front' }\nexec = ['/bin/sleep', 'infinity']\n[service]\nreplicas = 2\n")
        .unit("db", "labels = { app = 'db' }\nexec = ['/bin/sleep', 'infinity']\n")
        .unit("done", "exec = ['/bin/true']\n[job]\n")
        .supd();
    supd.wait("web", "ready");
    supd.wait("db", "ready");
    supd.wait("done", "complete");
    let names = |words: &str| {
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.extend(["-o", "jsonpath={range .items[*]}{.metadata.name} {end}"]);
        supd.ctl_args(&arguments).ok().stdout.clone()
    };
    assert_eq!(names("get pods -l app=web"), "web-0 web-1 ");
    assert_eq!(
        supd.ctl_args(&["get", "pods", "-l", "app in (db,x)", "-o", "name"]).ok().stdout,
        "pod/db-0\n"
    );
    assert_eq!(names("get pods --field-selector status.phase=Running,metadata.name!=web-0"), "db-0 web-1 ");
    assert_eq!(names("get pods --field-selector status.phase==Succeeded"), "done-0 ");
    assert_eq!(names("get pods -A --sort-by=.status.phase").split(' ').nth(3), Some("done-0"));
    supd.ctl("get pods --field-selector spec.nodeName=x").code(2).stderr_has("only by metadata.name");
    supd.ctl("get pods --sort-by=.no.such").code(2);
    let columns = "custom-columns=NAME:.metadata.name,POLICY:.spec.restartPolicy,NONE:.no";
    supd.ctl_args(&["get", "pod", "db-0", "-o", columns])
        .ok()
        .stdout_is("NAME   POLICY   NONE\ndb-0   Always   <none>\n");
    supd.ctl("get pods db-0 -L app,tier --no-headers --show-labels").ok().stdout_has("app=db");
    supd.ctl("get pods -o go-template={{.x}}").code(2).stderr_has("jsonpath");
    supd.ctl("get pods nope --ignore-not-found").ok().stdout_is("");
}

#[test]
fn waits_are_answered_as_kubectl_answers() {
    let supd = Space::new()
        .fifo("gate")
        .unit("web", SLEEPER)
        .unit("held", "shell = 'read line < @/gate'\n[job]\n")
        .unit("bad", "exec = ['/bin/false']\n[job]\nbackoff_limit = 0\n")
        .supd();
    supd.wait("web", "ready");
    supd.ctl("wait pod/web-0 --for=condition=Ready --timeout=60s")
        .ok()
        .stdout_is("pod/web-0 condition met\n");
    supd.ctl("wait web --for=condition=available").ok().stdout_is("deployment.apps/web condition met\n");
    supd.ctl("wait pods --all --for=jsonpath={.status.phase} --timeout=0")
        .ok()
        .stdout_has("pod/web-0 condition met");
    supd.ctl("wait job/bad --for=condition=Complete --timeout=60s")
        .code(1)
        .stderr_has("BackoffLimitExceeded");
    supd.ctl("wait job/held --for=condition=Complete --timeout=50ms")
        .code(124)
        .stderr_has("timed out waiting for the condition on jobs/held");
    let waits = supd.stream("wait job.batch/held --for=condition=complete");
    let value = supd.stream("wait job/held --for=jsonpath='{.status.succeeded}'=1");
    supd.release("gate");
    assert_eq!((waits.end(), value.end()), (0, 0));
    let comes = supd.stream("wait pod/web-1 --for=create");
    supd.ctl("scale web 2").ok();
    assert_eq!(comes.end(), 0);
    supd.ctl("wait pod/nope --for=condition=Ready").code(4);
    supd.ctl("wait pod/nope --for=delete").ok();
}

#[test]
fn events_are_those_that_were_asked_for() {
    let supd = Space::new()
        .unit("pi", "exec = ['/bin/true']\n[job]\n")
        .unit("bad", "exec = ['/bin/false']\n[job]\nbackoff_limit = 0\n")
        .supd();
    supd.wait("pi", "complete");
    supd.wait("bad", "failed");
    let output = supd.ctl("events --for job/pi --no-headers").ok().stdout.clone();
    assert!(output.contains("SuccessfulCreate") && output.contains("Completed"), "{output}");
    assert!(output.lines().all(|line| line.contains("job/pi")), "{output}");
    let warnings = supd.ctl("events --types=Warning --no-headers").ok().stdout.clone();
    assert!(warnings.contains("BackoffLimitExceeded"), "{warnings}");
    assert!(warnings.lines().all(|line| line.contains("Warning")), "{warnings}");
}

#[test]
fn events_are_in_the_kubelets_words() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    apply_pod(&supd, "crash", "exit 3");
    supd.wait("web", "ready");
    status_becomes(&supd, "crash", "CrashLoopBackOff");
    let uid = supd.uid("pod/crash");
    let words = format!(
        "Back-off restarting failed container c in pod crash_default({uid}): exited 3, restarting in "
    );
    let of_crash =
        supd.ctl("events --for pod/crash --no-headers").ok().stdout_has("BackOff").stdout_has(&words);
    assert!(of_crash.stdout.lines().all(|line| line.contains("pod/crash")), "{}", of_crash.stdout);
    supd.ctl("get events --field-selector involvedObject.name=crash,reason=BackOff").ok().stdout_has(&words);
    supd.ctl("describe pod crash").ok().stdout_has(&words);
    supd.ctl("delete pod web-0").ok();
    supd.ctl("events --for pod/web-0").ok().stdout_has("Stopping container main: stopped by an operator");
    assert!(!supd.own_output().contains("Back-off"), "{}", supd.own_output());
}

#[test]
fn what_needs_no_words_of_its_own_is_said_plainly() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    supd.ctl("logs -c nope web").code(4).stderr_has("processes: main");
    supd.ctl("apply").ok().stdout_has("0 units applied, 1 unchanged");
    let ps = supd.ctl("ps").ok().stdout.clone();
    assert!(!ps.contains("healthy"), "{ps}");
    supd.ctl("__complete get pods w").ok().stdout_is("web-0\n");
    supd.ctl("__complete stop w").ok().stdout_has("web\n");
    supd.ctl("explain job.backoffLimit").ok().stdout_has("backoff_limit <integer>");
    supd.ctl("explain E0107").ok().stdout_has("does not know this key");
    supd.ctl("explain nonsense").code(2);
    supd.ctl("api-resources").ok().stdout_has("batch/v1");
}
