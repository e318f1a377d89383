//! From a request line and a body to a [`Request`]: the closed list of what can be asked.
//!
//! Pure. Whatever is not understood in full — path, query, field — is refused, never ignored: a client that
//! asks for `dryRun` must not get the real thing.

use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;

use super::fields::FieldSelector;
use super::health::Check;
use super::objects::{
    ApplyFiles, DeleteOptions, EnableOptions, ExecRequest, JobRequest, KillOptions, NoOptions, PauseRequest,
    ReexecOptions, ReloadOptions, RunRequest, ScaleRequest, Selector, ShutdownOptions, Status, StatusReason,
    SuspendRequest, SwitchRootOptions,
};
use super::past::Past;
use super::request::{Collection, Filter, PodVerb, Request, UnitVerb};
use crate::limits::{REPLICAS_MAX, REQUEST_BYTES_MAX, REQUEST_SMALL_BYTES_MAX};
use crate::unit::name::UnitName;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// `GET /version`
    Version,
    /// `GET /healthz`, `/livez`
    Health(Check),
    /// Something for the manager.
    Manager(Request),
}

/// The deepest path has this many steps (`/apis/apps/v1/namespaces/default/deployments/NAME/scale`).
const STEPS_MAX: usize = 8;
/// The methods that some path knows.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// The highest signal of Linux.
const SIGNAL_MAX: i32 = 64;
/// Parameters of Kubernetes' clients that may be left out of account without changing what is meant.
const PASSED_OVER: [&str; 8] = [
    "allowWatchBookmarks",
    "fieldManager",
    "fieldValidation",
    "limit",
    "pretty",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
];

/// Reads a request, or says what is wrong with it.
pub fn route(method: &Method, path: &str, query: Option<&str>, body: &[u8]) -> Result<Asked, Status> {
    let steps = steps(path)?;
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let Some(route) = find(method.as_str(), &steps) else {
        return Err(not_found(method, path, &steps));
    };
    if let Route::Health(check) = route {
        let check = health(check, query.unwrap_or_default(), body)?;
        return Ok(if check.of_units {
            Asked::Manager(Request::Health(check))
        } else {
            Asked::Health(check)
        });
    }
    let query = Query::parse(query.unwrap_or_default())?;
    let only_reads = matches!(route, Route::List(_) | Route::Get(..));
    if !only_reads && query != Query::default() {
        return Err(bad_request("`watch` and selectors are for lists and objects"));
    }
    if query.past != Past::default() && !matches!(route, Route::List(Collection::History)) {
        return Err(bad_request("`about`, `sinceTime`, `untilTime`, `after` and `tail` are for the history"));
    }
    if method == Method::GET && !body.is_empty() {
        return Err(bad_request("a GET has no body"));
    }
    Ok(Asked::Manager(match route {
        Route::Version => return Ok(Asked::Version),
        Route::Health(check) => return Ok(Asked::Health(check)),
        Route::Info => Request::Info,
        Route::Logs => Request::Logs,
        Route::List(collection) => list(collection, query)?,
        Route::Get(collection, name) => get(collection, name, query)?,
        Route::Log(pod) => Request::Log { pod: object_name("Pod", pod)? },
        Route::GetScale(name) => Request::GetScale(unit_name("Deployment", name)?),
        Route::SetScale(name) => scale(name, parse(body)?)?,
        Route::Revisions(name, number) => revisions(name, number)?,
        Route::Pause(name) => {
            let paused = parse::<PauseRequest>(body)?.spec.paused;
            Request::Pause { unit: unit_name("Deployment", name)?, paused }
        }
        Route::Suspend(collection, name) => suspend(collection, name, parse(body)?)?,
        Route::CreateJob => create_job(parse(body)?)?,
        Route::Delete(collection, name) => delete(collection, name, options(body)?)?,
        Route::UnitVerb(name, verb) => {
            Request::Unit { verb: unit_verb(verb, body)?, unit: unit_name("Unit", name)? }
        }
        Route::PodVerb(name, verb) => {
            Request::Pod { verb: pod_verb(verb, body)?, pod: object_name("Pod", name)? }
        }
        Route::ResetFailed => options(body).map(|NoOptions {}| Request::ResetFailed)?,
        Route::Reload => options(body).map(|ReloadOptions { apply }| Request::Reload { apply })?,
        Route::Apply => Request::Apply(parse::<ApplyFiles>(body)?),
        Route::Run => run(parse(body)?)?,
        Route::Exec => exec(parse(body)?)?,
        Route::Reexec => reexec(options(body)?)?,
        Route::SwitchRoot => {
            Request::SwitchRoot(parse::<SwitchRootOptions>(body)?.checked().map_err(invalid)?)
        }
        Route::Shutdown => Request::Shutdown(options::<ShutdownOptions>(body)?),
    }))
}

/// How long the body of a request to this path may be.
pub fn body_bytes_max(path: &str) -> usize {
    if path == "/apis/supd/v1/apply" { REQUEST_BYTES_MAX } else { REQUEST_SMALL_BYTES_MAX }
}

/// The methods that a path knows, for `Allow`.
pub fn allowed(path: &str) -> Vec<&'static str> {
    let steps = steps(path).unwrap_or_default();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    METHODS.into_iter().filter(|method| find(method, &steps).is_some()).collect()
}

/// A line of the table, before names, query and body are looked at.
enum Route<'a> {
    Version,
    Health(Check),
    Info,
    Logs,
    List(Collection),
    Get(Collection, &'a str),
    Log(&'a str),
    GetScale(&'a str),
    SetScale(&'a str),
    Revisions(&'a str, Option<&'a str>),
    Pause(&'a str),
    Suspend(Collection, &'a str),
    CreateJob,
    Delete(Collection, &'a str),
    UnitVerb(&'a str, &'a str),
    PodVerb(&'a str, &'a str),
    ResetFailed,
    Reload,
    Apply,
    Run,
    Exec,
    Reexec,
    SwitchRoot,
    Shutdown,
}

/// The table.
fn find<'a>(method: &str, steps: &[&'a str]) -> Option<Route<'a>> {
    use Collection::{CronJobs, Deployments, Events, History, Jobs, Pods, Runs, Units};
    let (collection, rest) = match steps {
        ["api", "v1", "namespaces", "default", "pods", rest @ ..] => (Pods, rest),
        ["api", "v1", "namespaces", "default", "events", rest @ ..] => (Events, rest),
        ["apis", "batch", "v1", "namespaces", "default", "jobs", rest @ ..] => (Jobs, rest),
        ["apis", "batch", "v1", "namespaces", "default", "cronjobs", rest @ ..] => (CronJobs, rest),
        ["apis", "apps", "v1", "namespaces", "default", "deployments", rest @ ..] => (Deployments, rest),
        ["apis", "supd", "v1", "units", rest @ ..] => (Units, rest),
        ["apis", "supd", "v1", "runs", rest @ ..] => (Runs, rest),
        ["apis", "supd", "v1", "history", rest @ ..] => (History, rest),
        _ => return find_single(method, steps),
    };
    Some(match (method, collection, rest) {
        ("GET", _, []) => Route::List(collection),
        ("GET", _, [name]) => Route::Get(collection, name),
        ("GET", Pods, [name, "log"]) => Route::Log(name),
        ("GET", Deployments, [name, "scale"]) => Route::GetScale(name),
        ("PUT" | "PATCH", Deployments, [name, "scale"]) => Route::SetScale(name),
        ("GET", Units, [name, "revisions"]) => Route::Revisions(name, None),
        ("GET", Units, [name, "revisions", number]) => Route::Revisions(name, Some(number)),
        ("PATCH", Deployments, [name]) => Route::Pause(name),
        ("PATCH", Jobs | CronJobs, [name]) => Route::Suspend(collection, name),
        ("POST", Jobs, []) => Route::CreateJob,
        ("POST", Units, [name, verb]) => Route::UnitVerb(name, verb),
        ("POST", Pods, [name, verb]) => Route::PodVerb(name, verb),
        ("DELETE", Pods | Jobs | CronJobs | Deployments | Units, [name]) => Route::Delete(collection, name),
        _ => return None,
    })
}

/// The part of the table that is about no kind of object.
fn find_single<'a>(method: &str, steps: &[&'a str]) -> Option<Route<'a>> {
    Some(match (method, steps) {
        ("GET", ["version"]) => Route::Version,
        ("GET", [step]) => Route::Health(Check::named(step)?),
        ("GET", ["apis", "supd", "v1", "info"]) => Route::Info,
        ("GET", ["apis", "supd", "v1", "logs"]) => Route::Logs,
        ("POST", ["apis", "supd", "v1", verb]) => match *verb {
            "reset-failed" => Route::ResetFailed,
            "reload" => Route::Reload,
            "apply" => Route::Apply,
            "run" => Route::Run,
            "exec" => Route::Exec,
            "reexec" => Route::Reexec,
            "switch-root" => Route::SwitchRoot,
            "shutdown" => Route::Shutdown,
            _ => return None,
        },
        _ => return None,
    })
}

/// Kubernetes' own probes ask for `?verbose` alone.
fn health(check: Check, query: &str, body: &[u8]) -> Result<Check, Status> {
    if !body.is_empty() {
        return Err(bad_request("a GET has no body"));
    }
    let verbose = match query.split_once('=').unwrap_or((query, "")) {
        ("", _) => false,
        ("verbose", value) => truth("verbose", value)?,
        (other, _) => return Err(bad_request(format!("unknown parameter `{}`", other.escape_debug()))),
    };
    Ok(Check { verbose, ..check })
}

fn list(collection: Collection, query: Query) -> Result<Request, Status> {
    let fields = FieldSelector::parse(collection, &query.fields).map_err(bad_request)?;
    let (name, fields) = match fields.lone_name() {
        Some(name) => (Some(name.to_owned()), FieldSelector::default()),
        None => (None, fields),
    };
    let filter = Filter { name, labels: query.labels, fields, past: query.past };
    Ok(if query.watch { Request::Watch { collection, filter } } else { Request::List { collection, filter } })
}

fn get(collection: Collection, name: &str, query: Query) -> Result<Request, Status> {
    let name = checked_name(collection, name)?;
    if !query.fields.is_empty() || !query.labels.is_empty() {
        return Err(bad_request("an object is named or selected, not both"));
    }
    if query.watch {
        let filter = Filter { name: Some(name), ..Filter::default() };
        return Ok(Request::Watch { collection, filter });
    }
    Ok(Request::Get { collection, name })
}

fn scale(name: &str, wish: ScaleRequest) -> Result<Request, Status> {
    let (unit, replicas) = (unit_name("Deployment", name)?, wish.spec.replicas);
    if replicas > REPLICAS_MAX {
        return Err(invalid(format!("spec.replicas: {replicas} is more than {REPLICAS_MAX}")));
    }
    Ok(Request::Scale { unit, replicas })
}

fn revisions(name: &str, number: Option<&str>) -> Result<Request, Status> {
    let unit = unit_name("Unit", name)?;
    let number = match number.map(str::parse) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return Err(no_such("Revision", number.unwrap_or_default(), "it is a number")),
    };
    Ok(Request::Revisions { unit, number })
}

fn suspend(collection: Collection, name: &str, wish: SuspendRequest) -> Result<Request, Status> {
    let name = checked_name(collection, name)?;
    Ok(Request::Suspend { collection, name, suspend: wish.spec.suspend })
}

fn create_job(wish: JobRequest) -> Result<Request, Status> {
    let name = &wish.metadata.name;
    if !is_label(name) {
        return Err(invalid(format!(
            "metadata.name: `{}` is no job's name: lower-case letters, digits and `-`, at most 63",
            name.escape_debug()
        )));
    }
    let Some(from) = wish.cronjob() else {
        return Err(invalid("from: a job is made from a cronjob; write `\"from\": \"cronjob/NAME\"`"));
    };
    Ok(Request::CreateJob { name: name.clone(), from: unit_name("CronJob", from)? })
}

fn delete(collection: Collection, name: &str, options: DeleteOptions) -> Result<Request, Status> {
    if options.propagation_policy.as_deref() == Some("Orphan") {
        return Err(invalid("propagationPolicy: what belongs to an object goes with it"));
    }
    let grace = options.grace_period_seconds.map(Duration::from_secs);
    Ok(Request::Delete { collection, name: checked_name(collection, name)?, grace })
}

fn unit_verb(verb: &str, body: &[u8]) -> Result<UnitVerb, Status> {
    let plain = |verb| options(body).map(|NoOptions {}| verb);
    match verb {
        "start" => plain(UnitVerb::Start),
        "stop" => plain(UnitVerb::Stop),
        "restart" => plain(UnitVerb::Restart),
        "kill" => kill_options(body).map(UnitVerb::Kill),
        "suspend" => plain(UnitVerb::Suspend),
        "resume" => plain(UnitVerb::Resume),
        "enable" => options(body).map(|EnableOptions { now }| UnitVerb::Enable { now }),
        "disable" => options(body).map(|EnableOptions { now }| UnitVerb::Disable { now }),
        "reset-failed" => plain(UnitVerb::ResetFailed),
        "pause" => plain(UnitVerb::Pause),
        "unpause" => plain(UnitVerb::Unpause),
        "undo" => options(body).map(UnitVerb::Undo),
        _ => Err(unknown_verb("unit", verb)),
    }
}

fn pod_verb(verb: &str, body: &[u8]) -> Result<PodVerb, Status> {
    let plain = |verb| options(body).map(|NoOptions {}| verb);
    match verb {
        "stop" => plain(PodVerb::Stop),
        "restart" => plain(PodVerb::Restart),
        "kill" => kill_options(body).map(PodVerb::Kill),
        _ => Err(unknown_verb("pod", verb)),
    }
}

fn kill_options(body: &[u8]) -> Result<KillOptions, Status> {
    let options: KillOptions = options(body)?;
    match options.signal {
        Some(signal) if !(1..=SIGNAL_MAX).contains(&signal) => {
            Err(invalid(format!("signal: there is no signal {signal}")))
        }
        _ => Ok(options),
    }
}

fn reexec(wish: ReexecOptions) -> Result<Request, Status> {
    match &wish.binary {
        Some(path) if !path.starts_with('/') || path.contains('\0') => {
            Err(invalid(format!("binary: `{}` is no absolute path", path.escape_debug())))
        }
        _ => Ok(Request::Reexec(wish)),
    }
}

fn run(wish: RunRequest) -> Result<Request, Status> {
    if wish.exec.is_empty() {
        return Err(invalid("exec: a program is needed"));
    }
    Ok(Request::Run(Box::new(wish)))
}

fn exec(wish: ExecRequest) -> Result<Request, Status> {
    if wish.command.is_empty() {
        return Err(invalid("command: a program is needed"));
    }
    let name_is_unit = UnitName::parse(&wish.name).is_ok();
    if !name_is_unit {
        object_name("Pod", &wish.name)?;
    }
    Ok(Request::Exec(wish))
}

/// What follows the `?`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    watch: bool,
    /// Read once the collection is known.
    fields: String,
    labels: Selector,
    past: Past,
}

impl Query {
    fn parse(text: &str) -> Result<Self, Status> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(&value.replace('+', " "))?;
            match key {
                "watch" => query.watch = truth(key, &value)?,
                "labelSelector" => query.labels = Selector::parse(&value).map_err(bad_request)?,
                "fieldSelector" => query.fields = value,
                _ if PASSED_OVER.contains(&key) => {}
                _ if query.past.take(key, &value).map_err(bad_request)? => {}
                _ => return Err(bad_request(format!("unknown parameter `{}`", key.escape_debug()))),
            }
        }
        Ok(query)
    }
}

/// `watch=true`, or `watch` alone; as Go reads a flag.
fn truth(key: &str, value: &str) -> Result<bool, Status> {
    match value {
        "" | "1" | "t" | "true" | "True" => Ok(true),
        "0" | "f" | "false" | "False" => Ok(false),
        other => Err(bad_request(format!("{key}: `{}` is neither true nor false", other.escape_debug()))),
    }
}

/// A path in its steps, each decoded.
fn steps(path: &str) -> Result<Vec<String>, Status> {
    let path = path.strip_prefix('/').ok_or_else(|| bad_request("a path begins with `/`"))?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.split('/').count() > STEPS_MAX {
        return Err(Status::failure(StatusReason::NotFound, "there is no path of so many steps"));
    }
    path.split('/').map(decode).collect()
}

/// `%40` → `@`. What is no text after that is refused.
fn decode(text: &str) -> Result<String, Status> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let bad = || bad_request("a `%` is followed by two hexadecimal digits, and all of it is UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(bad)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

fn checked_name(collection: Collection, name: &str) -> Result<String, Status> {
    if collection.has_unit_names() {
        return unit_name(collection.kind(), name).map(String::from);
    }
    object_name(collection.kind(), name)
}

/// A name that no unit can have is a name that no unit has.
fn unit_name(kind: &str, name: &str) -> Result<UnitName, Status> {
    UnitName::parse(name).map_err(|error| no_such(kind, name, &error.to_string()))
}

/// A name as Kubernetes allows it for pods, jobs and events; so it is safe as part of a path. Runs' names
/// are made of such.
fn object_name(kind: &str, name: &str) -> Result<String, Status> {
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '@');
    let edges = [name.chars().next(), name.chars().next_back()];
    if !edges.into_iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
        || name.len() > 253
        || !name.chars().all(legal)
    {
        return Err(no_such(kind, name, "a name has only lower-case letters, digits, `-` and `.`"));
    }
    Ok(name.to_owned())
}

/// A DNS label: what the name of a job must be.
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// A body that may be left out.
fn options<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Status> {
    if body.trim_ascii().is_empty() { Ok(T::default()) } else { parse(body) }
}

/// A body that must be there.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(body).map_err(|error| bad_request(format!("the body cannot be read: {error}")))
}

fn bad_request(message: impl Into<String>) -> Status {
    Status::failure(StatusReason::BadRequest, message)
}

fn invalid(message: impl Into<String>) -> Status {
    Status::failure(StatusReason::Invalid, message)
}

fn no_such(kind: &str, name: &str, why: &str) -> Status {
    let message = format!("no {} `{}`: {why}", kind.to_lowercase(), name.escape_debug());
    Status::failure(StatusReason::NotFound, message)
}

fn unknown_verb(kind: &str, verb: &str) -> Status {
    Status::failure(StatusReason::NotFound, format!("no verb `{}` for a {kind}", verb.escape_debug()))
}

/// 405 where the path knows another method, else 404.
fn not_found(method: &Method, path: &str, steps: &[&str]) -> Status {
    if METHODS.into_iter().any(|method| find(method, steps).is_some()) {
        let message =
            format!("`{}` is not for {method}; it knows {}", path.escape_debug(), allowed(path).join(", "));
        return Status::failure(StatusReason::MethodNotAllowed, message);
    }
    let message = match steps {
        ["api", "v1", "namespaces", other, ..] | ["apis", _, "v1", "namespaces", other, ..]
            if *other != "default" =>
        {
            format!("no namespace `{}`: there is one, `default`", other.escape_debug())
        }
        _ => format!("no path `{}`", path.escape_debug()),
    };
    Status::failure(StatusReason::NotFound, message)
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
