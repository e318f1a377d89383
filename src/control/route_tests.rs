//! The table, line by line, and what is not in it.

use proptest::prelude::*;

use super::*;
use crate::control::health::Check;
use crate::control::objects::{ApplyFile, MachineEnd, SwitchRootOptions, Time, UndoOptions, When};
use crate::control::past::About;

fn ask(method: &str, target: &str, body: &str) -> Result<Asked, Status> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    route(&method.parse().unwrap(), path, query, body.as_bytes())
}

fn asked(method: &str, target: &str, body: &str) -> Request {
    match ask(method, target, body) {
        Ok(Asked::Manager(request)) => request,
        other => panic!("{method} {target} {body}: {other:?}"),
    }
}

fn refused(method: &str, target: &str, body: &str) -> (u16, String) {
    let status = ask(method, target, body).expect_err(target);
    (status.code, status.message)
}

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

const CORE: &str = "/api/v1/namespaces/default";
const BATCH: &str = "/apis/batch/v1/namespaces/default";
const APPS: &str = "/apis/apps/v1/namespaces/default";
const SUPD: &str = "/apis/supd/v1";

#[test]
fn lists_objects_and_watches() {
    for (path, collection) in [
        (format!("{CORE}/pods"), Collection::Pods),
        (format!("{CORE}/events"), Collection::Events),
        (format!("{BATCH}/jobs"), Collection::Jobs),
        (format!("{BATCH}/cronjobs"), Collection::CronJobs),
        (format!("{APPS}/deployments"), Collection::Deployments),
        (format!("{SUPD}/units"), Collection::Units),
        (format!("{SUPD}/runs"), Collection::Runs),
        (format!("{SUPD}/history"), Collection::History),
    ] {
        let filter = Filter::default();
        assert_eq!(asked("GET", &path, ""), Request::List { collection, filter: filter.clone() });
        assert_eq!(asked("GET", &format!("{path}/"), ""), Request::List { collection, filter });
        let name = "web-0".to_owned();
        assert_eq!(asked("GET", &format!("{path}/web-0"), ""), Request::Get { collection, name });

        let named = Filter { name: Some("web-0".to_owned()), ..Filter::default() };
        let watch = Request::Watch { collection, filter: named };
        assert_eq!(asked("GET", &format!("{path}/web-0?watch=true"), ""), watch);
        assert_eq!(asked("GET", &format!("{path}?watch&fieldSelector=metadata.name%3Dweb-0"), ""), watch);
        let labels = Selector::parse("app=web").unwrap();
        let filter = Filter { labels, ..Filter::default() };
        let list = Request::List { collection, filter };
        assert_eq!(asked("GET", &format!("{path}?limit=500&labelSelector=app%3Dweb"), ""), list);
    }
}

#[test]
fn a_part_of_the_history() {
    let query = "about=job%2Fbackup-29301&about=web&sinceTime=1970-01-01T00:01:40Z&after=6&tail=10";
    let past = Past {
        about: vec![About::Job("backup-29301".to_owned()), About::Any("web".to_owned())],
        since: Some(Time(100)),
        until: None,
        after: Some(6),
        tail: Some(10),
    };
    let (collection, filter) = (Collection::History, Filter { past, ..Filter::default() });
    let path = format!("{SUPD}/history?{query}");
    assert_eq!(asked("GET", &path, ""), Request::List { collection, filter: filter.clone() });
    assert_eq!(asked("GET", &format!("{path}&watch=1"), ""), Request::Watch { collection, filter });
    for other in ["runs", "history/17"] {
        let (code, message) = refused("GET", &format!("{SUPD}/{other}?tail=10"), "");
        assert_eq!(code, 400, "{message}");
    }
    assert_eq!(refused("GET", &format!("{SUPD}/history?tail=x"), "").1, "tail: `x` is no number");
}

#[test]
fn what_is_no_list() {
    assert_eq!(ask("GET", "/version", ""), Ok(Asked::Version));
    let check = |name, verbose| Check { name, of_units: name == "readyz", verbose };
    assert_eq!(ask("GET", "/healthz", ""), Ok(Asked::Health(check("healthz", false))));
    assert_eq!(ask("GET", "/livez?verbose", ""), Ok(Asked::Health(check("livez", true))));
    assert_eq!(asked("GET", "/readyz", ""), Request::Health(check("readyz", false)));
    assert_eq!(asked("GET", "/readyz?verbose=true", ""), Request::Health(check("readyz", true)));
    assert_eq!(refused("GET", "/readyz?watch", "").1, "unknown parameter `watch`");
    assert_eq!(refused("GET", "/livez", "{}").0, 400);
    assert_eq!(asked("GET", &format!("{SUPD}/info"), ""), Request::Info);
    assert_eq!(asked("GET", &format!("{SUPD}/logs"), ""), Request::Logs);
    assert_eq!(asked("GET", &format!("{CORE}/pods/a-0/log"), ""), Request::Log { pod: "a-0".to_owned() });
    assert_eq!(asked("GET", &format!("{APPS}/deployments/web/scale"), ""), Request::GetScale(unit("web")));
    let scale = Request::Scale { unit: unit("web"), replicas: 3 };
    let path = format!("{APPS}/deployments/web/scale");
    assert_eq!(asked("PATCH", &path, r#"{"spec":{"replicas":3}}"#), scale);
    let full = r#"{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"web"},"spec":{"replicas":3},"status":{"replicas":1}}"#;
    assert_eq!(asked("PUT", &path, full), scale);
    let path = format!("{APPS}/deployments/web");
    let pause = Request::Pause { unit: unit("web"), paused: true };
    assert_eq!(asked("PATCH", &path, r#"{"spec":{"paused":true}}"#), pause);
    let path = format!("{SUPD}/units/web/revisions");
    assert_eq!(asked("GET", &path, ""), Request::Revisions { unit: unit("web"), number: None });
    let one = asked("GET", &format!("{path}/2"), "");
    assert_eq!(one, Request::Revisions { unit: unit("web"), number: Some(2) });
    assert_eq!(refused("GET", &format!("{path}/x"), "").1, "no revision `x`: it is a number");
}

#[test]
fn verbs_of_units() {
    let kill = KillOptions { signal: Some(1), all: true };
    for (verb, body, want) in [
        ("start", "", UnitVerb::Start),
        ("stop", "{}", UnitVerb::Stop),
        ("restart", "", UnitVerb::Restart),
        ("kill", "", UnitVerb::Kill(KillOptions::default())),
        ("kill", r#"{"signal":1,"all":true}"#, UnitVerb::Kill(kill)),
        ("suspend", "", UnitVerb::Suspend),
        ("resume", "", UnitVerb::Resume),
        ("enable", r#"{"now":true}"#, UnitVerb::Enable { now: true }),
        ("disable", "", UnitVerb::Disable { now: false }),
        ("reset-failed", "", UnitVerb::ResetFailed),
        ("pause", "", UnitVerb::Pause),
        ("unpause", "", UnitVerb::Unpause),
        ("undo", "", UnitVerb::Undo(UndoOptions::default())),
        ("undo", r#"{"toRevision":2}"#, UnitVerb::Undo(UndoOptions { to_revision: Some(2) })),
    ] {
        let request = asked("POST", &format!("{SUPD}/units/worker%40eu/{verb}"), body);
        assert_eq!(request, Request::Unit { unit: unit("worker@eu"), verb: want });
    }
}

#[test]
fn verbs_of_pods_and_jobs() {
    let pod = "web-0".to_owned();
    let path = format!("{CORE}/pods/web-0");
    let request = Request::Pod { pod: pod.clone(), verb: PodVerb::Restart };
    assert_eq!(asked("POST", &format!("{path}/restart"), ""), request);
    let request = Request::Pod { pod: pod.clone(), verb: PodVerb::Stop };
    assert_eq!(asked("POST", &format!("{path}/stop"), ""), request);
    let request = Request::Delete { collection: Collection::Pods, name: pod.clone(), grace: None };
    assert_eq!(asked("DELETE", &path, ""), request);
    assert_eq!(
        asked("DELETE", &path, r#"{"kind":"DeleteOptions","propagationPolicy":"Background"}"#),
        request
    );
    let request = Request::Delete { collection: Collection::Pods, name: pod, grace: Some(Duration::ZERO) };
    assert_eq!(asked("DELETE", &path, r#"{"gracePeriodSeconds":0}"#), request);

    let suspend = Request::Suspend { collection: Collection::Jobs, name: "import".to_owned(), suspend: true };
    assert_eq!(asked("PATCH", &format!("{BATCH}/jobs/import"), r#"{"spec":{"suspend":true}}"#), suspend);

    let create = Request::CreateJob { name: "now".to_owned(), from: unit("backup") };
    let short = r#"{"metadata":{"name":"now"},"from":"cronjob/backup"}"#;
    assert_eq!(asked("POST", &format!("{BATCH}/jobs"), short), create);
    let kubectl = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"annotations":{"cronjob.kubernetes.io/instantiate":"manual"},"creationTimestamp":null,"name":"now","ownerReferences":[{"apiVersion":"batch/v1","blockOwnerDeletion":true,"controller":true,"kind":"CronJob","name":"backup","uid":"x"}]},"spec":{"template":{}},"status":{}}"#;
    assert_eq!(asked("POST", &format!("{BATCH}/jobs"), kubectl), create);
}

#[test]
fn requests_to_the_daemon() {
    let post = |verb: &str, body: &str| asked("POST", &format!("{SUPD}/{verb}"), body);
    assert_eq!(post("reload", ""), Request::Reload { apply: false });
    assert_eq!(post("reload", r#"{"apply":true}"#), Request::Reload { apply: true });
    assert_eq!(post("reset-failed", ""), Request::ResetFailed);
    let files = vec![ApplyFile { name: "web.toml".to_owned(), text: "exec = 'x'".to_owned() }];
    let apply = Request::Apply(ApplyFiles { files, ..ApplyFiles::default() });
    assert_eq!(post("apply", r#"{"files":[{"name":"web.toml","text":"exec = 'x'"}]}"#), apply);
    let wish = RunRequest { exec: vec!["true".to_owned()], job: true, ..RunRequest::default() };
    assert_eq!(post("run", r#"{"exec":["true"],"job":true}"#), Request::Run(Box::new(wish)));
    let wish = ExecRequest { name: "worker@eu".to_owned(), container: None, command: vec!["sh".to_owned()] };
    assert_eq!(post("exec", r#"{"name":"worker@eu","command":["sh"]}"#), Request::Exec(wish));
    let wish = ShutdownOptions { timeout_seconds: Some(9), ..ShutdownOptions::default() };
    assert_eq!(post("shutdown", r#"{"timeoutSeconds":9}"#), Request::Shutdown(wish));
    for (word, end) in [
        ("poweroff", MachineEnd::PowerOff),
        ("reboot", MachineEnd::Reboot),
        ("halt", MachineEnd::Halt),
        ("kexec", MachineEnd::Kexec),
        ("soft-reboot", MachineEnd::SoftReboot),
        ("rescue", MachineEnd::Rescue),
    ] {
        let wish = ShutdownOptions { machine: Some(end), ..ShutdownOptions::default() };
        assert_eq!(post("shutdown", &format!(r#"{{"machine":"{word}"}}"#)), Request::Shutdown(wish));
        assert_eq!(end.verb(), word);
    }
    let wish = ShutdownOptions { exit_code: Some(7), ..ShutdownOptions::default() };
    assert_eq!(post("shutdown", r#"{"exitCode":7}"#), Request::Shutdown(wish));
    for (text, when) in [
        (r#"{"afterSeconds":300}"#, When::AfterSeconds(300)),
        (r#"{"at":"1970-01-01T00:01:00Z"}"#, When::At(Time(60))),
        (r#""cancel""#, When::Cancel),
        (r#"{"warn":60}"#, When::Warn(60)),
    ] {
        let wish =
            ShutdownOptions { machine: Some(MachineEnd::Halt), when: Some(when), ..Default::default() };
        let body = format!(r#"{{"machine":"halt","when":{text}}}"#);
        assert_eq!(post("shutdown", &body), Request::Shutdown(wish));
    }
    let wish = SwitchRootOptions { root: "/sysroot".to_owned(), init: None };
    assert_eq!(post("switch-root", r#"{"root":"/sysroot"}"#), Request::SwitchRoot(wish));
}

/// F84: a closed list of verbs, paths, parameters and fields.
#[test]
fn what_is_not_known_is_refused() {
    for (method, target, body, code, words) in [
        ("POST", "/apis/supd/v1/units/web/__class__", "", 404, "no verb `__class__`"),
        ("POST", "/apis/supd/v1/units/web/supervisor.stopAll", "", 404, "no verb"),
        ("POST", "/apis/supd/v1/shutdown", r#"{"machine":"explode"}"#, 400, "unknown variant `explode`"),
        ("POST", "/apis/supd/v1/shutdown", r#"{"when":"noon"}"#, 400, "unknown variant `noon`"),
        ("POST", "/apis/supd/v1/shutdown", r#"{"exitCode":256}"#, 400, "invalid value"),
        ("POST", "/apis/supd/v1/__class__", "", 404, "no path"),
        ("POST", "/apis/supd/v1/switch-root", r#"{"root":"sysroot"}"#, 422, "root: `sysroot` is no absolute"),
        ("POST", "/apis/supd/v1/switch-root", r#"{"root":"//"}"#, 422, "it is the root already"),
        ("POST", "/apis/supd/v1/switch-root", "", 400, "body"),
        ("POST", "/apis/supd/v1/units/web/start", r#"{"force":true}"#, 400, "unknown field `force`"),
        ("POST", "/apis/supd/v1/units/web/kill", r#"{"signal":65}"#, 422, "no signal 65"),
        ("POST", "/apis/supd/v1/units/web/kill", r#"{"signal":0}"#, 422, "no signal 0"),
        ("POST", "/apis/supd/v1/units/web/kill", r#"{"signal":"HUP"}"#, 400, "invalid type"),
        ("POST", "/apis/supd/v1/units/web/start?dryRun=All", "", 400, "unknown parameter `dryRun`"),
        ("POST", "/apis/supd/v1/units/web/start?watch=true", "", 400, "for lists"),
        ("POST", "/apis/supd/v1/units/web/start", "{", 400, "the body cannot be read"),
        ("POST", "/apis/supd/v1/units/web/start", "[1]", 400, "the body cannot be read"),
        ("POST", "/apis/supd/v1/units/Web/start", "", 404, "no unit `Web`: a unit name is lower-case"),
        ("GET", "/apis/supd/v1/units/%2e%2e", "", 404, "no unit `..`"),
        ("GET", "/apis/supd/v1/units/..%2f..%2fetc", "", 404, "no unit `../../etc`"),
        ("GET", "/api/v1/namespaces/default/pods/..%2fx/log", "", 404, "no pod"),
        ("GET", "/api/v1/namespaces/default/pods/-rf", "", 404, "no pod"),
        ("GET", "/api/v1/namespaces/default/pods/%00", "", 404, "no pod `\\0`"),
        ("GET", "/apis/supd/v1/units/a%zz", "", 400, "two hexadecimal digits"),
        ("GET", "/apis/supd/v1/units/a%+1", "", 400, "two hexadecimal digits"),
        ("GET", "/apis/supd/v1/units/%ff", "", 400, "UTF-8"),
        ("GET", "/apis/supd/v1//web", "", 404, "no path"),
        ("GET", "/apis/supd/v1/units/web/../db", "", 404, "no path"),
        ("GET", "/a/b/c/d/e/f/g/h/i", "", 404, "so many steps"),
        ("GET", "/api/v1/namespaces/kube-system/pods", "", 404, "no namespace `kube-system`"),
        ("GET", "/", "", 404, "no path `/`"),
        ("GET", "*", "", 400, "begins with `/`"),
        ("GET", "/apis/supd/v1/units?labelSelector=a within (b)", "", 400, "no part of a selector"),
        ("GET", "/apis/supd/v1/units?fieldSelector=status.phase=x", "", 400, "only by metadata.name"),
        ("GET", "/apis/supd/v1/units?watch=maybe", "", 400, "neither true nor false"),
        ("GET", "/apis/supd/v1/units/web?labelSelector=a", "", 400, "named or selected"),
        ("GET", "/apis/supd/v1/units", "{}", 400, "a GET has no body"),
        ("DELETE", "/apis/supd/v1/units/web", r#"{"propagationPolicy":"Orphan"}"#, 422, "goes with it"),
        ("DELETE", "/apis/supd/v1/units", "", 405, "it knows GET"),
        ("POST", "/apis/supd/v1/info", "", 405, "it knows GET"),
        ("GET", "/apis/supd/v1/reload", "", 405, "it knows POST"),
        ("PUT", "/apis/batch/v1/namespaces/default/jobs", "{}", 405, "it knows GET, POST"),
        ("BREW", "/version", "", 405, "it knows GET"),
        ("POST", "/apis/supd/v1/run", "{}", 422, "a program is needed"),
        ("POST", "/apis/supd/v1/run", r#"{"exec":["x"],"name":"../x"}"#, 400, "only lower-case"),
        ("POST", "/apis/supd/v1/exec", r#"{"name":"../x","command":["x"]}"#, 404, "no pod"),
        ("POST", "/apis/supd/v1/apply", "", 400, "the body cannot be read"),
        ("POST", "/apis/supd/v1/shutdown", r#"{"timeoutSeconds":-1}"#, 400, "invalid value"),
        (
            "PATCH",
            "/apis/batch/v1/namespaces/default/jobs/x",
            r#"{"spec":{"parallelism":2}}"#,
            400,
            "unknown field",
        ),
        (
            "PUT",
            "/apis/apps/v1/namespaces/default/deployments/web/scale",
            r#"{"spec":{"replicas":10001}}"#,
            422,
            "more than 10000",
        ),
        (
            "POST",
            "/apis/batch/v1/namespaces/default/jobs",
            r#"{"metadata":{"name":"a/b"},"from":"cronjob/x"}"#,
            422,
            "no job's name",
        ),
        (
            "POST",
            "/apis/batch/v1/namespaces/default/jobs",
            r#"{"metadata":{"name":"a"},"from":"service/x"}"#,
            422,
            "made from a cronjob",
        ),
    ] {
        let (got, message) = refused(method, target, body);
        assert_eq!(got, code, "{method} {target} {body}: {message}");
        assert!(message.contains(words), "{method} {target} {body}: {message}");
    }
}

/// F78: nesting costs no stack.
#[test]
fn deep_nesting_is_refused() {
    let deep = "[".repeat(60_000);
    for body in [deep.clone(), format!(r#"{{"metadata":{{"name":"a"}},"from":"cronjob/x","spec":{deep}"#)] {
        let (code, _) = refused("POST", "/apis/batch/v1/namespaces/default/jobs", &body);
        assert_eq!(code, 400);
    }
}

#[test]
fn only_apply_may_be_long() {
    assert_eq!(body_bytes_max("/apis/supd/v1/apply"), REQUEST_BYTES_MAX);
    assert_eq!(body_bytes_max("/apis/supd/v1/run"), REQUEST_SMALL_BYTES_MAX);
}

proptest! {
    /// Whatever is asked is answered: a request for something with a legal name, or a refusal.
    #[test]
    fn any_path_is_answered(
        method in "GET|POST|PUT|PATCH|DELETE",
        prefix in "/apis/supd/v1/units/|/api/v1/namespaces/default/pods/|/apis/supd/v1/|/",
        path in "[a-z%0-9./@ -]{0,20}",
        query in "[a-zA-Z=&%+,!]{0,20}",
        body in "[ {}\":a-z0-9,]{0,20}",
    ) {
        let path = format!("{prefix}{path}");
        match route(&method.parse().unwrap(), &path, Some(&query), body.as_bytes()) {
            Ok(Asked::Manager(Request::Get { name, .. } | Request::Delete { name, .. })) => {
                prop_assert!(!name.contains('/') && !name.starts_with('.') && !name.is_empty());
            }
            Ok(_) => {}
            Err(status) => prop_assert!((400..500).contains(&status.code) && !status.message.is_empty()),
        }
    }
}
