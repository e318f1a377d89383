//! Goal: the history tells every run with its exit and its receipt, and every time of a cronjob at which
//! nothing was started with its reason; over deaths of the manager, and over ends of supd.
//! Method: programs that end on cue; `history -f`, read until what is waited for has come.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::cron::slots_pass;
use super::skipped::skipped;
use super::space::{Space, Supd};
use super::waiting::Stream;

const EACH_SECOND: &str = "[cron]\nschedule = '*/1 * * * * *'\n";

/// The entries of a history, what happened of each.
fn entries(supd: &Supd, words: &str) -> Vec<Value> {
    let list = supd.json(&format!("history {words}"));
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"List".into(), &"v1".into()), "{list:#}");
    let items = list["items"].as_array().unwrap_or_else(|| panic!("{list:#}"));
    items.iter().map(|item| item["status"].clone()).collect()
}

fn numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect()
}

/// Reads a history that is followed (`-o jsonl`) up to an entry that is as wanted.
#[track_caller]
fn until(stream: &mut Stream, test: impl Fn(&Value) -> bool) -> Value {
    while let Some(line) = stream.line() {
        let entry: Value = serde_json::from_str(&line).unwrap();
        if test(&entry["status"]) {
            return entry["status"].clone();
        }
    }
    panic!("no entry came to be so");
}

/// Ends supd in order; see [`Supd::start_again`].
fn end(supd: &mut Supd) {
    kill(Pid::from_raw(supd.keeper), Signal::SIGTERM).unwrap();
    assert_eq!(supd.wait_end(), 0);
}

#[test]
fn every_run_is_listed_with_its_exit() {
    let once = "restart_policy = 'Never'\n[job]\nbackoff_limit = 0\n";
    let supd = Space::new()
        .unit("good", &format!("exec = ['/bin/true']\n{once}"))
        .unit("bad", &format!("shell = 'exit 3'\n{once}"))
        .unit("killed", &format!("shell = 'kill -KILL $$'\n{once}"))
        .unit("absent", &format!("exec = ['/no/such/program']\n{once}"))
        .supd();
    supd.wait("good", "complete");
    for name in ["bad", "killed", "absent"] {
        supd.wait(name, "failed");
    }
    let all = entries(&supd, "");
    assert_eq!(all.len(), 4, "{all:#?}");
    assert!(numbers(&all).is_sorted(), "oldest first");
    let of = |name: &str| {
        let found = entries(&supd, name);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!((&found[0]["unit"], &found[0]["decision"]), (&name.into(), &Value::Null));
        found[0].clone()
    };
    assert_eq!((&of("good")["exitCode"], &of("good")["reason"]), (&0.into(), &"Completed".into()));
    assert_eq!(of("bad")["exitCode"], 3);
    assert_eq!((&of("killed")["exitCode"], &of("killed")["exitSignal"]), (&137.into(), &9.into()));
    let absent = of("absent");
    assert_eq!((&absent["reason"], &absent["startedAt"]), (&"StartError".into(), &Value::Null));
    assert!(absent["message"].as_str().unwrap().contains("/no/such/program"), "{absent:#}");

    let table = supd.ctl("history --utc").ok().stdout;
    assert!(table.starts_with("TIME              NAME       WHAT              DURATION"), "{table}");
    for words in
        ["good-0     exit 0", "bad-0      exit 3", "killed-0   signal 9 (KILL)", "absent-0   not started"]
    {
        assert!(table.contains(words), "no {words:?} in\n{table}");
    }
    supd.ctl("history -o wide").ok().stdout_has("READ   WRITTEN");
    // By unit, by job, by pod; a name that is two of these stands for the unit.
    for words in ["bad", "unit/bad", "job/bad", "bad.job", "bad-0", "pod/bad-0"] {
        assert_eq!(entries(&supd, words), [of("bad")], "{words}");
    }
    assert_eq!(entries(&supd, "bad good").len(), 2);
    assert_eq!(entries(&supd, "*d").len(), 3, "good, bad and killed");
    supd.ctl("history nobody").code(4).stdout_is("").stderr_has("there is no unit, pod or job `nobody`");
    supd.ctl("history god").code(4).stderr_has("did you mean `good`?");
    supd.ctl("history cronjob/bad").code(4).stderr_has("there is no cronjob `bad`");
    supd.ctl("history god bad").code(4).stdout_has("exit 3");

    let (newest, number) = (all.last().unwrap(), numbers(&all)[3]);
    assert_eq!(entries(&supd, "-n 1"), std::slice::from_ref(newest));
    assert_eq!(entries(&supd, "-n 1 --reverse"), std::slice::from_ref(newest));
    assert_eq!(numbers(&entries(&supd, "-r")).first(), Some(&number));
    assert_eq!(entries(&supd, "--since 1h").len(), 4);
    assert_eq!(entries(&supd, "--until 1h").len(), 0);
    supd.ctl("history --until 1h").ok().stdout_is("").stderr_has("No history");
    supd.ctl("history -n 1 -o name").ok().stdout_is(&format!("historyentry/{number}\n"));
    assert_eq!(&supd.json(&format!("get historyentry/{number}"))["status"], newest);
    supd.ctl("history -n 1 -o yaml").ok().stdout_has("kind: HistoryEntry");
    supd.ctl("history -n 2 -o jsonl").ok();

    // What is gone has a history still.
    supd.ctl("delete bad").ok();
    supd.ctl("history pod/bad-0").ok().stdout_has("exit 3");
}

#[test]
fn every_decision_not_to_run_is_listed_with_its_reason() {
    let forever = "exec = ['/bin/sleep', 'infinity']\n";
    let supd = Space::new()
        .unit("held", &format!("{forever}{EACH_SECOND}concurrency_policy = 'Forbid'\n[stop]\ngrace = '1s'\n"))
        .unit(
            "next",
            &format!("{forever}{EACH_SECOND}concurrency_policy = 'Replace'\n[stop]\ngrace = '1s'\n"),
        )
        .unit("still", &format!("exec = ['/bin/true']\n{EACH_SECOND}suspend = true\n"))
        .supd();
    for (unit, decision, reason) in [
        ("held", "forbidden", "is still active"),
        ("next", "replaced", "was ended for the next one"),
        ("still", "suspended", "suspended"),
    ] {
        let mut stream = supd.stream(&format!("history {unit} -f -n all -o jsonl"));
        let entry = until(&mut stream, |entry| entry["decision"] == decision);
        assert_eq!(entry["unit"], unit);
        assert!(entry["reason"].as_str().unwrap().contains(reason), "{entry:#}");
        assert!(entry["count"].as_u64() >= Some(1) && entry["scheduledTime"].is_string(), "{entry:#}");
        assert_eq!((&entry["exitCode"], &entry["usage"]), (&Value::Null, &Value::Null));
    }
    // The run that was replaced is one, too, and its time of the calendar is told.
    let mut stream = supd.stream("history next -f -n all -o jsonl");
    let run = until(&mut stream, |entry| entry["pod"].is_string());
    assert!(run["exitSignal"] == 15 && run["scheduledTime"].is_string(), "{run:#}");
    assert_eq!(entries(&supd, &format!("job/{}", run["job"].as_str().unwrap()))[0], run);
    supd.ctl("history still").ok().stdout_has("suspended");
}

/// Time passes where another supd's clock says so.
#[test]
fn what_was_missed_while_supd_was_away_is_listed_and_so_is_what_was_before() {
    let clock = || Space::new().unit("clock", &format!("exec = ['/bin/true']\n{EACH_SECOND}"));
    let mut supd = clock()
        .unit("late", &format!("exec = ['/bin/true']\n{EACH_SECOND}catch_up = 'none'\n"))
        .unit("work", "shell = 'exit 3'\n[job]\nbackoff_limit = 0\n")
        .supd();
    supd.wait("work", "failed");
    slots_pass(&supd, 1);
    let before = entries(&supd, "");
    end(&mut supd);
    slots_pass(&clock().supd(), 4);
    supd.start_again();
    for unit in ["clock", "late"] {
        let mut stream = supd.stream(&format!("history {unit} -f -n all -o jsonl"));
        let missed = until(&mut stream, |entry| entry["decision"] == "missed");
        assert!(missed["count"].as_u64() >= Some(2), "{missed:#}");
        assert!(missed["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{missed:#}");
    }
    let after = entries(&supd, "");
    assert_eq!(after[..before.len()], before);
    assert!(numbers(&after).is_sorted());
    assert_eq!(entries(&supd, "work").len(), 1, "a job that has failed is not run again");
}

#[test]
fn a_history_that_is_followed_goes_on_over_the_managers_death() {
    let supd = Space::new()
        .unit("nightly", "shell = 'exit 7'\n[cron]\nschedule = '0 0 1 1 *'\n[job]\nbackoff_limit = 0\n")
        .unit("other", "exec = ['/bin/true']\n[job]\n")
        .supd();
    supd.ctl("create job first --from=cronjob/nightly --wait").code(7);
    supd.wait("other", "complete");
    let before = entries(&supd, "");
    let mut stream = supd.stream("history nightly -w -o jsonl");
    until(&mut stream, |entry| entry["job"] == "first");
    for round in ["second", "third"] {
        supd.kill_role("manager");
        supd.ctl(&format!("create job {round} --from=cronjob/nightly --wait")).code(7);
        // The very next line: none is told twice, none of others.
        let line: Value = serde_json::from_str(&stream.line().unwrap()).unwrap();
        assert_eq!((&line["kind"], &line["status"]["job"]), (&"HistoryEntry".into(), &round.into()));
    }
    let after = entries(&supd, "");
    assert_eq!((after.len(), &after[..before.len()]), (before.len() + 2, &before[..]));
    // Who wants none of the old ones is told the new ones alone; a table goes on in its columns.
    let mut table = supd.stream("history -f -n 0 --utc");
    assert!(table.line().unwrap().starts_with("TIME"));
    supd.ctl("create job fourth --from=cronjob/nightly --wait").code(7);
    assert!(table.line().unwrap().contains("fourth-0"));
}

/// What the kernel counts of this thread's own writing: nothing on a file system in memory.
fn counts_writing(supd: &Supd) -> bool {
    let written = || getrusage(UsageWho::RUSAGE_THREAD).unwrap().block_writes();
    let before = written();
    let file = std::fs::File::create(supd.path().join("probe")).unwrap();
    std::io::Write::write_all(&mut &file, &[7; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    written() > before
}

#[test]
fn receipts_are_plausible() {
    let burn = "shell = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'\n[job]\n";
    let write = "exec = ['/bin/dd', 'if=/dev/zero', 'of=@/big', 'bs=1M', 'count=10', 'conv=fsync']\n[job]\n";
    let supd = Space::new().unit("burn", burn).unit("write", write).supd();
    supd.wait("burn", "complete");
    supd.wait("write", "complete");
    let usage = |name: &str| entries(&supd, name)[0]["usage"].clone();
    let (burnt, wrote) = (usage("burn"), usage("write"));
    let cpu = |usage: &Value| {
        usage["userCpuSeconds"].as_f64().unwrap() + usage["systemCpuSeconds"].as_f64().unwrap()
    };
    assert!(cpu(&burnt) > 0.01, "{burnt:#}");
    assert!(cpu(&burnt) <= entries(&supd, "burn")[0]["durationSeconds"].as_f64().unwrap() + 0.01);
    assert!(burnt["maxRssBytes"].as_u64() > Some(100_000), "{burnt:#}");
    // dd has a buffer of 1 MiB.
    assert!(wrote["maxRssBytes"].as_u64() > Some(1 << 20), "{wrote:#}");
    if counts_writing(&supd) {
        assert!(wrote["writtenBytes"].as_u64() >= Some(10 << 20), "{wrote:#}");
        supd.ctl("history write -o wide").ok().stdout_has("10Mi");
    } else {
        skipped("bytes written in the history", "this file system does not count them");
    }
    let run = &supd.json("get runs")["items"][0]["status"];
    assert!(run["usage"]["writtenBytes"].is_u64() && run["usage"]["readBytes"].is_u64(), "{run:#}");
}

#[test]
fn state_that_is_not_saved_is_told_until_it_is() {
    let space = Space::new().unit("web", "exec = ['/bin/sleep', 'infinity']\n");
    // What stands in the way of a directory stops root, too.
    let state = space.path().join("state");
    std::fs::remove_dir(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    let supd = space.supd();
    supd.wait("web", "ready");
    let info = supd.json("status")["info"]["status"].clone();
    let told = &info["stateNotSaved"];
    assert_eq!((&told["lostWith"], &info["stateDirectory"]), (&"supd".into(), &Value::Null), "{info:#}");
    assert!(told["since"].is_string() && told["reason"].is_string(), "{info:#}");
    let warnings = info["warnings"].as_array().unwrap();
    let words: Vec<&str> = warnings.iter().map(|warning| warning.as_str().unwrap()).collect();
    assert!(words.iter().any(|words| words.ends_with("no files can be applied")), "{info:#}");
    assert!(!words.iter().any(|words| words.contains("survive")), "{info:#}");
    let status = supd.ctl("status").ok().stderr_has("warning: state not saved since ");
    let told: Vec<&str> = status.stderr.lines().collect();
    assert!(told[0].ends_with("; kept in memory until supd ends"), "{status:?}");
    assert!(told.len() == 2 && told[1].ends_with("no files can be applied"), "{status:?}");
    assert!(!status.stdout.contains("state"), "{status:?}");

    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    // Drawn anew where something has changed.
    supd.stream("status -w -o json").until("\"stateDirectory\"");
    assert_eq!(supd.ctl("status").ok().stderr, "");
    assert_eq!(supd.json("status")["info"]["status"]["stateNotSaved"], Value::Null);
}
