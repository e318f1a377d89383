//! Goal: what pods print can be read back, all of it and only it, in the ways that hands know.
//! Method: programs with known output; supctl in a pipe prints it byte for byte.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Space, Supd};

fn printer(script: &str) -> String {
    format!("shell = '''{script}'''\nrestart_policy = 'Never'\n")
}

fn numbers(range: std::ops::RangeInclusive<u32>) -> String {
    range.map(|n| format!("line {n}\n")).collect()
}

/// A supd whose unit `a` has printed ten lines.
fn ten_lines() -> Supd {
    let script = "for n in 1 2 3 4 5 6 7 8 9 10; do echo line $n; done";
    let supd = Space::new().unit("a", &printer(script)).supd();
    supd.wait("a", "complete");
    supd
}

#[test]
fn the_last_lines() {
    let supd = ten_lines();
    supd.ctl("logs a").ok().stdout_is(&numbers(1..=10));
    supd.ctl("logs a-0").ok().stdout_is(&numbers(1..=10));
    supd.ctl("logs -n 3 a").ok().stdout_is(&numbers(8..=10));
    supd.ctl("logs --tail=1 a").ok().stdout_is(&numbers(10..=10));
    supd.ctl("logs --tail=0 a").ok().stdout_is("");
    supd.ctl("logs --tail=-1 a").ok().stdout_is(&numbers(1..=10));
    supd.ctl("status a -n 2").code(3).stdout_has("a-0 out | line 9\n").stdout_has("a-0 out | line 10\n");
}

#[test]
fn times() {
    let supd = ten_lines();
    let output = supd.ctl("logs a --timestamps").ok();
    let first = output.stdout.lines().next().unwrap();
    let (time, text) = first.split_once(' ').unwrap();
    assert_eq!(text, "line 1");
    assert_eq!(time.as_bytes()[10], b'T', "{time}");
    supd.ctl("logs a --since 1h").ok().stdout_is(&numbers(1..=10));
    supd.ctl("logs a --since 2099-01-01T00:00:00Z").ok().stdout_is("");
    supd.ctl("logs a --since 2020-01-01T00:00:00Z").ok().stdout_is(&numbers(1..=10));
    supd.ctl("logs a --since yesterdayish").code(2);
}

#[test]
fn the_run_before() {
    let text = "shell = 'echo this is $SUPD_ATTEMPT; until read line < @/gate; do :; done'\n";
    let supd = Space::new().fifo("gate").unit("a", text).supd();
    supd.wait("a", "ready");
    supd.ctl("logs -p a").code(1).stderr_has("no run before");
    supd.release("gate");
    supd.until_pod("a-0", |main| main["restartCount"] == 1 && main["state"]["running"].is_object());
    supd.stream("logs -f a-0").until("this is 1");
    supd.ctl("logs -p a-0").ok().stdout_is("this is 0\n");
    supd.ctl("logs a-0").ok().stdout_is("this is 1\n");
    supd.ctl("logs a").ok().stdout_is("this is 0\nthis is 1\n");
}

#[test]
fn follow_shows_what_comes_over_restarts() {
    let text = "shell = 'echo start $SUPD_ATTEMPT; until read line < @/gate; do :; done; echo got $line'\n";
    let supd = Space::new().fifo("gate").unit("a", text).supd();
    let mut follow = supd.stream("logs -f a");
    assert_eq!(follow.until("start"), ["start 0"]);
    supd.release("gate");
    assert_eq!(follow.until("start 1"), ["got go", "start 1"]);
    kill(Pid::from_raw(follow.pid()), Signal::SIGINT).unwrap();
    assert_ne!(follow.end(), 0, "it goes on until somebody ends it");
}

#[test]
fn labels_stand_for_their_pods() {
    let unit = |name: &str, label: &str| {
        let lines = (1..=12).map(|n| format!("{name} {n}")).collect::<Vec<_>>().join("; echo ");
        format!(
            "labels = {{ app = '{label}' }}\nshell = 'echo {lines}; until read line < @/gate-{name}; do :; done; exit 1'\n"
        )
    };
    let supd = Space::new()
        .fifo("gate-a")
        .fifo("gate-b")
        .unit("a", &unit("a", "x"))
        .unit("b", &unit("b", "x"))
        .unit("c", "labels = { app = 'y' }\nexec = ['/bin/echo', 'c']\nrestart_policy = 'Never'\n")
        .supd();
    for name in ["a", "b"] {
        supd.stream(&format!("logs -f {name}")).until(&format!("{name} 12"));
    }
    supd.wait("c", "complete");
    let sorted = |words: &str| {
        let output = supd.ctl(words).ok();
        let mut lines: Vec<String> = output.stdout.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    // Of each the last ten lines, as kubectl has it, and never those of other labels.
    assert_eq!(sorted("logs -l app=x").len(), 20);
    assert_eq!(sorted("logs --selector=app=x --tail=-1").len(), 24);
    assert_eq!(
        sorted("logs -l app=x --tail 1 --prefix --max-log-requests=9"),
        ["[pod/a-0/main] a 12", "[pod/b-0/main] b 12"]
    );
    supd.ctl_args(&["logs", "-l", "app in (y,z)"]).ok().stdout_is("c\n");
    let mut follow = supd.stream("logs -f -l app=x --tail=1 --prefix");
    follow.until("[pod/b-0/main] b 12");
    supd.release("gate-a");
    assert!(!follow.until("[pod/a-0/main] a 11").iter().any(|line| line.ends_with("b 11")));
    follow.until("[pod/a-0/main] a 12");
    assert_eq!(sorted("logs -p -l app=x --tail=2"), ["a 11", "a 12"]);
    supd.ctl("logs -l app=none").code(4).stderr_has("No resources found");
    supd.ctl("logs -l app=x a").code(2);
    supd.ctl_args(&["logs", "-l", "app in ("]).code(2);
    supd.ctl("logs").code(2);
}

#[test]
fn several_names_with_a_prefix() {
    let supd = Space::new().unit("a", &printer("echo one")).unit("b", &printer("echo two")).supd();
    supd.wait("a", "complete");
    supd.wait("b", "complete");
    let output = supd.ctl("logs a b --prefix").ok();
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[pod/a-0/main] one", "[pod/b-0/main] two"]);
    supd.ctl("logs a c").code(4).stdout_is("one\n");
}

#[test]
fn streams_are_told_apart_in_the_cri_format() {
    let supd = Space::new().unit("a", &printer("echo out; echo err >&2")).supd();
    supd.wait("a", "complete");
    let uid = supd.uid("pod a-0");
    let path = supd.path().join(format!("log/a_a-0_{}/main/0.log", &uid[..8]));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines: Vec<String> =
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    lines.sort();
    assert_eq!(lines, ["stderr F err", "stdout F out"]);
}

#[test]
fn who_prints_nothing_leaves_nothing() {
    let supd = Space::new()
        .unit("mute", "exec = ['/bin/true']\n[job]\ncompletions = 5\n")
        .unit("null", &format!("{}[logs]\nstdout = 'null'\n", printer("echo unheard; echo heard >&2")))
        .unit("none", &format!("{}[logs]\nstdout = 'null'\nstderr = 'null'\n", printer("echo unheard")))
        .supd();
    for unit in ["mute", "null", "none"] {
        supd.wait(unit, "complete");
    }
    supd.ctl("logs mute").ok().stdout_is("");
    supd.ctl("logs null").ok().stdout_is("heard\n");
    supd.ctl("logs none").ok().stdout_is("");
    let names: Vec<String> = fs::read_dir(supd.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains('_'))
        .collect();
    assert!(names.len() == 1 && names[0].starts_with("null_null-0_"), "{names:?}");
}

#[test]
fn a_long_line_comes_back_whole() {
    let supd =
        Space::new().unit("a", &printer("head -c 102400 /dev/zero | tr '\\0' x; echo; echo end")).supd();
    supd.wait("a", "complete");
    let output = supd.ctl("logs a").ok();
    let mut lines = output.stdout.lines();
    let long = lines.next().unwrap();
    assert_eq!((long.len(), long.trim_matches('x')), (102_400, ""));
    assert_eq!((lines.next(), lines.next()), (Some("end"), None));
}

#[test]
fn the_last_line_needs_no_newline() {
    let supd = Space::new().unit("a", &printer("printf no-newline")).supd();
    supd.wait("a", "complete");
    supd.ctl("logs a").ok().stdout_is("no-newline\n");
}

#[test]
fn control_characters_are_shown_not_sent() {
    let supd = Space::new().unit("a", &printer("printf '\\033[31mred\\007\\n'")).supd();
    supd.wait("a", "complete");
    supd.ctl("logs a").ok().stdout_is("\u{1b}[31mred\u{7}\n");
    // `status` shows it to people, wherever it goes.
    let status = supd.ctl("status a").code(3);
    assert!(!status.stdout.contains('\u{1b}'), "{status:?}");
    status.stdout_has("a-0 out | \\x1b[31mred\\x07");
    // So does `logs` on a terminal.
    let mut script = std::process::Command::new("script");
    let supctl = format!(
        "{} --socket {}/run/control.sock logs a",
        env!("CARGO_BIN_EXE_supctl"),
        supd.path().display()
    );
    let terminal = super::space::output(script.args(["-qec", &supctl, "/dev/null"]).env("NO_COLOR", "1"));
    assert!(!terminal.stdout.contains('\u{1b}'), "{terminal:?}");
    terminal.stdout_has("red");
}

#[test]
fn logs_go_with_their_pods() {
    let text = "shell = 'echo this is $SUPD_POD'\n[job]\ncompletions = 6\nkeep_pods = 2\n";
    let supd = Space::new().unit("a", text).supd();
    supd.wait("a", "complete");
    supd.ctl("logs a").ok().stdout_is("this is a-4\nthis is a-5\n");
}
