//! Goal: each verb does to each kind what the table "Verbs by kind" of the manual says, and ends with the code
//! that scripts rely on.
//! Method: small units that sleep, or that a FIFO holds; a pod is another one when its uid is.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::space::{Death, Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";
const THREE: &str = "exec = ['/bin/sleep', 'infinity']\n[service]\nreplicas = 3\n";
/// A pod succeeds when the FIFO `gate` is written to.
const HELD_JOB: &str = "shell = 'read line < @/gate'\n[job]\n";
const YEARLY: &str = "exec = ['/bin/true']\n[cron]\nschedule = '0 0 1 1 *'\n";

fn is_dead(death: &Death) -> bool {
    death.within(Duration::ZERO)
}

fn uids(supd: &Supd, pods: &[&str]) -> Vec<String> {
    pods.iter().map(|pod| supd.uid(&format!("pod {pod}"))).collect()
}

fn status(supd: &Supd, object: &str) -> Value {
    supd.json(&format!("get {object}"))["status"].clone()
}

/// Waits until `apply` has replaced what was made from an older file.
fn replaced(supd: &Supd, name: &str) {
    supd.until("units", |unit| {
        let status = &unit["status"];
        unit["metadata"]["name"] == name && status["inProgress"] == false && status["state"] == "Running"
    });
}

fn is_active(supd: &Supd, name: &str, word: &str) {
    let code = if word == "active" { 0 } else { 3 };
    supd.ctl(&format!("is-active {name}")).code(code).stdout_is(&format!("{word}\n"));
}

#[test]
fn a_service_stops_stays_so_and_starts() {
    let supd = Space::new().unit("web", THREE).supd();
    supd.wait("web", "ready");
    let before = uids(&supd, &["web-0", "web-1", "web-2"]);
    let deaths = ["web-0", "web-1", "web-2"].map(|pod| Death::of(supd.pid(pod)));
    supd.ctl("stop web").ok().stdout_is("web: stopped\n");
    assert!(deaths.iter().all(is_dead), "`stop` waits until they are gone");
    is_active(&supd, "web", "inactive");
    supd.ctl("status web").code(3).stdout_has("Stopped");
    supd.ctl("apply").ok();
    is_active(&supd, "web", "inactive");
    supd.ctl("kill web").code(7).stderr_has("not running");
    supd.ctl("exec web -- true").code(7).stderr_has("not running");
    supd.ctl("start web").ok().stdout_is("web: running\n");
    is_active(&supd, "web", "active");
    let after = uids(&supd, &["web-0", "web-1", "web-2"]);
    assert!(before.iter().all(|uid| !after.contains(uid)), "{before:?} {after:?}");
    supd.ctl("start web").ok();
    assert_eq!(uids(&supd, &["web-0", "web-1", "web-2"]), after, "it was running already");
}

#[test]
fn a_service_is_restarted_and_scaled() {
    let supd = Space::new().unit("web", THREE).supd();
    supd.wait("web", "ready");
    let before = uids(&supd, &["web-0", "web-1", "web-2"]);
    supd.ctl("restart web").ok().stdout_is("web: running\n");
    let after = uids(&supd, &["web-0", "web-1", "web-2"]);
    assert!(before.iter().all(|uid| !after.contains(uid)));

    supd.ctl("scale web --replicas=4").ok().stdout_is("web: scaled to 4\nweb: running\n");
    assert_eq!(uids(&supd, &["web-0", "web-1", "web-2"]), after, "only the difference is touched");
    let highest = ["web-1", "web-2", "web-3"].map(|pod| Death::of(supd.pid(pod)));
    supd.ctl("scale web 1").ok();
    highest.iter().for_each(Death::wait);
    assert_eq!(uids(&supd, &["web-0"]), after[..1]);
    supd.ctl("scale web +1").ok();
    assert_eq!(status(&supd, "service web")["readyReplicas"], 2);
    supd.ctl("scale web --replicas=0").ok();
    assert_eq!(status(&supd, "unit web")["podCount"], 0);
    supd.ctl("scale web --replicas=x").code(2);
}

#[test]
fn a_start_clears_back_off() {
    let text = "shell = 'test -e @/well && exec sleep infinity'\n[backoff]\ninitial = '1h'\nmax = '1h'\n";
    let supd = Space::new().unit("web", text).supd();
    supd.until_pod("web-0", |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    is_failed(&supd, "web", 0);
    fs::write(supd.path().join("well"), "").unwrap();
    supd.ctl("start web").ok().stdout_is("web: running\n");
    is_failed(&supd, "web", 1);
}

#[test]
fn reset_failed_forgets_back_off() {
    let text = "shell = 'test -e @/well && exec sleep infinity'\n[backoff]\ninitial = '1h'\nmax = '1h'\n";
    let supd = Space::new().unit("web", text).supd();
    supd.until_pod("web-0", |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    fs::write(supd.path().join("well"), "").unwrap();
    supd.ctl("reset-failed web").ok();
    supd.wait("web", "ready");
}

fn is_failed(supd: &Supd, name: &str, code: i32) {
    supd.ctl(&format!("is-failed {name}")).code(code);
}

#[test]
fn a_signal_reaches_the_processes() {
    let text =
        "shell = 'trap \"echo got it >> @/told\" USR1; : > @/up; while :; do read line < @/gate; done'\n";
    let supd = Space::new().fifo("gate").unit("web", text).supd();
    supd.wait_file("up", "");
    let pid = supd.pid("web-0");
    supd.ctl("kill -s USR1 web").ok();
    supd.wait_file("told", "got it\n");
    supd.ctl("kill -s SIGUSR1 web-0").ok();
    supd.wait_file("told", "got it\ngot it\n");
    assert_eq!(supd.pid("web-0"), pid);
    supd.ctl("kill -s NONSENSE web").code(2);
    supd.ctl("kill -s KILL web").ok();
    supd.until_pod("web-0", |main| main["restartCount"] == 1 && main["state"]["running"].is_object());
}

#[test]
fn a_stopped_pod_of_a_service_is_replaced() {
    let supd = Space::new().unit("web", THREE).supd();
    supd.wait("web", "ready");
    let before = uids(&supd, &["web-0", "web-1", "web-2"]);
    for (verb, pod) in [("stop", "web-0"), ("restart", "web-1"), ("delete", "pod/web-2")] {
        let old = Death::of(supd.pid(pod.trim_start_matches("pod/")));
        supd.ctl(&format!("{verb} {pod}")).ok();
        assert!(is_dead(&old), "`{verb}` waits until it is gone");
    }
    supd.wait("web", "ready");
    let after = uids(&supd, &["web-0", "web-1", "web-2"]);
    assert!(before.iter().all(|uid| !after.contains(uid)));
}

#[test]
fn a_stopped_pod_of_a_job_is_one_failure() {
    let supd =
        Space::new().fifo("gate").unit("work", &format!("{HELD_JOB}backoff_limit = 3\n{QUICK}")).supd();
    supd.until_pod("work-0", |main| main["state"]["running"].is_object());
    supd.ctl("stop work-0").ok();
    supd.until_pod("work-1", |main| main["state"]["running"].is_object());
    assert_eq!(status(&supd, "job work")["failed"], 1);
    supd.release("gate");
    supd.wait("work", "complete");
}

const QUICK: &str = "[job.backoff]\ninitial = '100ms'\nmax = '100ms'\n";

#[test]
fn a_job_is_started_stopped_and_restarted() {
    let supd = Space::new().fifo("gate").unit("work", HELD_JOB).supd();
    supd.until_pod("work-0", |main| main["state"]["running"].is_object());
    let first = supd.uid("job work");

    // An unfinished one goes on.
    let pid = supd.pid("work-0");
    supd.ctl("start work --no-block").ok();
    assert_eq!((supd.pid("work-0"), supd.uid("job work")), (pid, first.clone()));

    // Stopped: its pod is not counted, and it stays so.
    let death = Death::of(pid);
    supd.ctl("stop work").ok().stdout_is("work: stopped\n");
    assert!(is_dead(&death));
    let stopped = status(&supd, "job work");
    assert_eq!((&stopped["failed"], &stopped["active"]), (&0.into(), &0.into()), "{stopped:#}");
    supd.ctl("wait work --for=inactive --timeout=60s").ok();

    // A stopped one is begun anew.
    supd.ctl("start work --no-block").ok();
    supd.until("pods", |pod| pod["status"]["unit"] == "work" && pod["status"]["phase"] == "Running");
    let second = supd.uid("job work");
    assert_ne!(first, second);
    supd.release("gate");
    supd.wait("work", "complete");

    // A finished one, too; and a restart is a new one from the start.
    supd.ctl("restart work --no-block").ok();
    supd.until("jobs", |job| job["metadata"]["name"] == "work" && job["status"]["active"] == 1);
    let third = supd.uid("job work");
    assert_ne!(second, third);
    assert_eq!(status(&supd, "job work")["succeeded"], 0);
    supd.ctl("restart work --no-block").ok();
    supd.until("jobs", |job| {
        job["metadata"]["uid"] != third && job["metadata"]["name"] == "work" && job["status"]["active"] == 1
    });
    supd.release("gate");
    supd.wait("work", "complete");
}

#[test]
fn a_job_is_suspended_and_resumed() {
    let supd = Space::new().fifo("gate").unit("work", HELD_JOB).supd();
    supd.until_pod("work-0", |main| main["state"]["running"].is_object());
    let (uid, death) = (supd.uid("job work"), Death::of(supd.pid("work-0")));
    supd.ctl("suspend work").ok();
    death.wait();
    let suspended = supd.until("jobs", |job| job["status"]["terminating"] == 0);
    assert_eq!(suspended["spec"]["suspend"], true);
    assert_eq!(suspended["status"]["conditions"][0]["type"], "Suspended");
    assert_eq!(suspended["status"]["failed"], 0);
    supd.ctl("status work").code(3).stdout_has("Suspended");
    supd.ctl("resume job/work").ok();
    supd.until("jobs", |job| job["status"]["active"] == 1);
    assert_eq!(supd.uid("job work"), uid);
    supd.release("gate");
    supd.wait("work", "complete");
    supd.ctl("suspend work").code(1).stderr_has("finished");
}

#[test]
fn a_cronjob_is_armed_and_disarmed_and_its_jobs_go_on() {
    let text = "shell = 'read line < @/gate'\n[cron]\nschedule = '0 0 1 1 *'\n";
    let supd = Space::new().fifo("gate").unit("year", text).supd();
    is_active(&supd, "year", "active");
    supd.ctl("create job now --from=cronjob/year").ok().stdout_is("now: started\n");
    supd.until("jobs", |job| job["metadata"]["name"] == "now" && job["status"]["active"] == 1);
    supd.ctl("stop year").ok().stdout_is("year: stopped\n");
    is_active(&supd, "year", "inactive");
    assert_eq!(status(&supd, "cronjob year")["nextScheduleTime"], Value::Null);
    assert_eq!(status(&supd, "job now")["active"], 1, "its jobs go on");
    supd.release("gate");
    supd.wait("job/now", "complete");
    supd.ctl("start year").ok().stdout_is("year: armed\n");
    assert!(status(&supd, "cronjob year")["nextScheduleTime"].is_string());
    supd.ctl("suspend year").ok();
    is_active(&supd, "year", "inactive");
    supd.ctl("resume year").ok();
    is_active(&supd, "year", "active");
    supd.ctl("delete year").ok().stdout_is("year: deleted\n");
    supd.ctl("get job now").code(4);
}

#[test]
fn a_deleted_unit_is_forgotten_until_apply() {
    let supd = Space::new().unit("web", SLEEPER).unit("done", "exec = ['/bin/true']\n[job]\n").supd();
    supd.wait("web", "ready");
    supd.wait("done", "complete");
    let death = Death::of(supd.pid("web-0"));
    supd.ctl("delete web done").ok().stdout_has("web: deleted\n").stdout_has("done: deleted\n");
    assert!(is_dead(&death));
    supd.ctl("get unit web").code(4);
    supd.ctl("get job done").code(4);
    supd.ctl("get pods").ok().stdout_is("");
    assert!(supd.path().join("units/web.toml").exists());
    supd.ctl("apply").ok();
    supd.wait("web", "ready");
    supd.wait("done", "complete");
}

#[test]
fn verbs_that_do_not_fit_a_kind_are_refused_in_words() {
    let supd = Space::new().unit("web", SLEEPER).unit("year", YEARLY).supd();
    supd.wait("web", "ready");
    supd.ctl("suspend web").code(1).stderr_has("only jobs and cronjobs");
    supd.ctl("scale year 2").code(2).stderr_has("services");
    supd.ctl("start web-0").code(2).stderr_has("supctl start web");
    supd.ctl("create job x --from=cronjob/web").code(5);
    supd.ctl("kill year").code(7);
}

#[test]
fn enable_and_disable_with_now() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let enabled = || supd.json("get unit web")["spec"]["enabled"].clone();
    supd.ctl("disable web").ok().stdout_is("web: disabled\n");
    assert_eq!(enabled(), false);
    is_active(&supd, "web", "active");
    let death = Death::of(supd.pid("web-0"));
    supd.ctl("disable --now web").ok();
    assert!(is_dead(&death));
    is_active(&supd, "web", "inactive");
    supd.ctl("enable web").ok().stdout_is("web: enabled\n");
    is_active(&supd, "web", "inactive");
    supd.ctl("enable --now web").ok();
    is_active(&supd, "web", "active");
    assert_eq!(enabled(), true);
}

#[test]
fn run_ends_with_the_programs_code() {
    let supd = Space::new().supd();
    let run = |words: &[&str]| supd.ctl_args(&[&["run", "--job", "--wait", "--"], words].concat()).code;
    assert_eq!(run(&["true"]), 0);
    assert_eq!(run(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]), 137);
    assert_eq!(run(&["/no/such/program"]), 127);
    assert_eq!(run(&["no-such-program"]), 127);
    assert_eq!(run(&["/etc/passwd"]), 126);
    supd.ctl("run --name hold -- sleep infinity").ok();
    is_active(&supd, "hold", "active");
    supd.ctl("run --name hold -- true").code(1).stderr_has("hold");
    supd.ctl("delete hold").ok();
    supd.ctl("is-active hold").code(4);
}

#[test]
fn exec_is_in_the_units_context() {
    let text = format!("{SLEEPER}user = 'nobody'\nworking_dir = '@'\n[env]\nCOLOUR = 'blue'\n");
    let supd = Space::new().unit("web", &text).supd();
    supd.wait("web", "ready");
    let exec = |script: &str| supd.ctl_args(&["exec", "web", "--", "/bin/sh", "-c", script]);
    exec("echo $COLOUR $SUPD_POD; id -un; pwd")
        .ok()
        .stdout_is(&format!("blue web-0\nnobody\n{}\n", supd.path().display()));
    let both = exec("echo out; echo err >&2; exit 9").code(9);
    assert_eq!((both.stdout.as_str(), both.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(exec("kill -TERM $$").code, 143);
    supd.ctl("exec web -- /no/such/program").code(127);
    supd.ctl("exec wbe -- true").code(5);
    assert_eq!(exec("exit 0").code, 0);
    let long = exec("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done").ok();
    assert_eq!(long.stdout.len(), 220_000);
}

#[test]
fn wait_tells_what_came_of_it() {
    let supd = Space::new()
        .fifo("gate")
        .unit("work", HELD_JOB)
        .unit("bad", "exec = ['/bin/false']\n[job]\nbackoff_limit = 0\n")
        .unit("web", SLEEPER)
        .supd();
    supd.ctl("wait web --for=ready --timeout=60s").ok().stdout_is("web: ready\n");
    supd.ctl("wait work --for=complete --timeout=50ms").code(124).stderr_has("the time is up");
    supd.ctl("wait bad --for=complete --timeout=60s").code(1).stderr_has("exit 1");
    supd.ctl("wait bad --for=failed").ok();
    supd.ctl("wait wrok --for=ready").code(4).stderr_has("did you mean `work`?");
    supd.ctl("wait wrok --for=deleted").ok();
    supd.ctl("wait web --for=happiness").code(2);
    supd.ctl("wait work web --any --timeout=60s").ok();
    supd.ctl("wait --for=condition=Failed job/bad").ok();
    let waits = supd.stream("wait work --for=condition=complete");
    supd.release("gate");
    assert_eq!(waits.end(), 0);
    supd.ctl("wait work --for=failed").code(1).stderr_has("is complete");
}

#[test]
fn codes_of_what_is_not_there() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    for question in ["status wbe", "is-active wbe", "is-failed wbe", "get wbe", "logs wbe", "get pod wbe-0"] {
        supd.ctl(question).code(4);
    }
    for action in
        ["start wbe", "stop wbe", "restart wbe", "kill wbe", "scale wbe 2", "delete wbe", "enable wbe"]
    {
        supd.ctl(action).code(5).stderr_has("did you mean `web`?");
    }
    for wrong in ["--nonsense", "start", "get nonsense/web", "logs", "stop --timeout=x web", "frobnicate"] {
        supd.ctl(wrong).code(2);
    }
    supd.ctl("mask web").code(2).stderr_has("not");
    supd.ctl("start web wbe").code(5).stdout_is("web: running\n");
    supd.ctl("is-active web wbe").ok();
}

#[test]
fn a_start_that_takes_too_long_goes_on() {
    let slow = format!("{SLEEPER}[readiness]\nexec = ['/usr/bin/test', '-e', '@/well']\nperiod = '100ms'\n");
    let supd = Space::new().unit("web", &slow).supd();
    supd.ctl("start web --timeout=50ms").code(124).stderr_has("it goes on");
    fs::write(supd.path().join("well"), "").unwrap();
    supd.wait("web", "ready");
    let stubborn =
        "shell = 'trap \"\" TERM; : > @/up; while :; do read line < @/gate; done'\n[stop]\ngrace = '30s'\n";
    fs::write(supd.path().join("stubborn.toml"), stubborn.replace('@', supd.path().to_str().unwrap()))
        .unwrap();
    nix::unistd::mkfifo(&supd.path().join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    supd.ctl(&format!("apply -f {}/stubborn.toml", supd.path().display())).ok();
    supd.wait_file("up", "");
    supd.ctl("stop stubborn --timeout=50ms").code(124);
    supd.ctl("kill -s KILL stubborn").ok();
    supd.ctl("wait stubborn --for=inactive --timeout=60s").ok();
}

#[test]
fn apply_with_a_file_keeps_it() {
    let supd = Space::new().supd();
    let file = |name: &str, text: &str| {
        let path = supd.path().join(name);
        fs::write(&path, text).unwrap();
        format!("apply -f {}", path.display())
    };
    supd.ctl(&file("web.toml", SLEEPER)).ok();
    supd.wait("web", "ready");
    assert!(supd.path().join("state/units/web.toml").exists());
    let bad = supd.ctl(&file("bad.toml", "exce = ['/bin/true']\n")).code(78);
    bad.stderr_has("E0107").stderr_has("did you mean `exec`?");
    supd.ctl("get unit bad").code(4);
    supd.ctl("apply -f /no/such/file.toml").code(78);
    let uid = supd.uid("pod web-0");
    supd.ctl(&file("web.toml", &format!("{SLEEPER}[env]\nA = 'b'\n"))).ok();
    replaced(&supd, "web");
    assert_ne!(supd.uid("pod web-0"), uid);
}

#[test]
fn a_changed_file_is_marked_and_apply_replaces() {
    let supd = Space::new().unit("web", THREE).unit("other", SLEEPER).supd();
    supd.wait("web", "ready");
    supd.wait("other", "ready");
    let pods = ["web-0", "web-1", "web-2"];
    let (before, other) = (uids(&supd, &pods), supd.uid("pod other-0"));

    supd.space().write_unit("web", &format!("{THREE}[env]\nCOLOUR = 'blue'\n"));
    supd.space().write_unit("new", SLEEPER);
    supd.ctl("daemon-reload").ok();
    assert_eq!(uids(&supd, &pods), before, "daemon-reload touches nothing that runs");
    supd.ctl("status web").ok().stdout_has("changed on disk");
    assert_eq!(status(&supd, "unit web")["stale"], "Changed");
    is_active(&supd, "new", "inactive");

    supd.ctl("apply").ok();
    replaced(&supd, "web");
    supd.wait("new", "ready");
    let after = uids(&supd, &pods);
    assert!(before.iter().all(|uid| !after.contains(uid)), "{before:?} {after:?}");
    assert_eq!(supd.uid("pod other-0"), other, "what did not change is left alone");
    assert_eq!(status(&supd, "unit web")["stale"], Value::Null);
    supd.ctl("exec web -- printenv COLOUR").ok().stdout_is("blue\n");

    fs::remove_file(supd.path().join("units/new.toml")).unwrap();
    supd.ctl("daemon-reload").ok();
    supd.ctl("status new").ok().stdout_has("removed from disk: supctl delete new");
}

#[test]
fn a_bad_change_leaves_the_last_good_version_in_force() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let uid = supd.uid("pod web-0");
    supd.space().write_unit("web", "exce = ['/bin/true']\n");
    supd.ctl("apply").code(78).stderr_has("did you mean `exec`?");
    is_active(&supd, "web", "active");
    assert_eq!(supd.uid("pod web-0"), uid);
}

#[test]
fn a_running_jobs_parallelism_changes_at_apply() {
    let text = |parallelism: u32| format!("{HELD_JOB}completions = 4\nparallelism = {parallelism}\n");
    let supd = Space::new().fifo("gate").unit("work", &text(1)).supd();
    supd.until("jobs", |job| job["status"]["active"] == 1);
    let uid = supd.uid("job work");
    supd.space().write_unit("work", &text(3));
    supd.ctl("apply").ok();
    supd.until("jobs", |job| job["status"]["active"] == 3);
    assert_eq!(supd.uid("job work"), uid);
}

#[test]
fn version_and_shutdown() {
    let mut supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let version = env!("CARGO_PKG_VERSION");
    supd.ctl("version").ok().stdout_is(&format!("supctl {version}\nsupd {version}\n"));
    let json: Value = serde_json::from_str(&supd.ctl("version -o json").ok().stdout).unwrap();
    assert_eq!((&json["clientVersion"], &json["serverVersion"]), (&version.into(), &version.into()));
    let pod = Death::of(supd.pid("web-0"));
    supd.ctl("shutdown").ok().stdout_is("supd has ended\n");
    assert_eq!(supd.wait_end(), 0);
    assert!(is_dead(&pod));
    supd.ctl("version").ok().stdout_is(&format!("supctl {version}\n")).stderr_has("cannot be reached");
    supd.ctl("status").code(69);
}

#[test]
fn others_may_not_ask() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let ask = |verb: &str| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_supctl")]);
        super::space::output(
            command.arg("--socket").arg(supd.path().join("run/control.sock")).args([verb, "web"]),
        )
    };
    ask("stop").code(4).stderr_has("no permission");
    ask("status").code(69);
    is_active(&supd, "web", "active");
}
