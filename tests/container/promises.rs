//! What is promised of supd in a container.

use std::fs;
use std::time::{Duration, Instant};

use super::podman::Podman;

/// A test, with its name.
pub type Test = (&'static str, fn(&Podman));

/// All of them.
pub const ALL: &[Test] = &[
    ("the_image_serves_and_stops", the_image_serves_and_stops),
    ("each_stop_signal_stops_it", each_stop_signal_stops_it),
    ("what_ignores_the_signal_ends_within_the_time", what_ignores_the_signal_ends_within_the_time),
    ("an_essential_units_code_is_the_containers", an_essential_units_code_is_the_containers),
    ("a_container_of_jobs_ends_with_them", a_container_of_jobs_ends_with_them),
    ("the_init_of_one_command_is_not_noticed", the_init_of_one_command_is_not_noticed),
    ("orphans_are_reaped", orphans_are_reaped),
    ("with_next_to_nothing_it_starts", with_next_to_nothing_it_starts),
    ("with_the_hosts_pid_namespace_it_starts", with_the_hosts_pid_namespace_it_starts),
    ("the_doctor_works_where_there_is_next_to_nothing", the_doctor_works_where_there_is_next_to_nothing),
    ("the_doctor_knows_whose_init_supd_is", the_doctor_knows_whose_init_supd_is),
];

/// An essential unit that ends with a code that nothing else ends with.
const ESSENTIAL: &str = "exec = ['/bin/hello', 'exit', '33']\nessential = true";

fn the_image_serves_and_stops(podman: &Podman) {
    let mut container = podman.start("serve", &[], &[]);
    container.until("hello from /bin/hello");
    assert!(container.exec("/bin/supctl status").contains("hello"));
    // What an orchestrator asks, by HEALTHCHECK or an exec probe.
    container.podman(&["healthcheck", "run"], &[]);
    assert_eq!(container.exec("/bin/supctl get --raw /readyz"), "ok\n");
    assert_eq!(container.stop(), 0);
}

fn each_stop_signal_stops_it(podman: &Podman) {
    for signal in ["SIGTERM", "SIGINT", "SIGQUIT", "37"] {
        let mut container = podman.start("signal", &["--stop-signal", signal], &[]);
        container.until("hello");
        assert_eq!(container.stop(), 0, "{signal}");
    }
}

fn what_ignores_the_signal_ends_within_the_time(podman: &Podman) {
    // The init of one command, which passes no TERM on, is as deaf as can be.
    let deaf = "exec = ['/sbin/supd', '--rewrite', 'TERM:0', '--', '/bin/hello', 'serve']\n\
                stop = { grace = '1h' }\nlogs = { stdout = 'inherit' }";
    let needs = "exec = ['/bin/hello', 'serve']\nrequires = ['deaf']\nlogs = { stdout = 'inherit' }";
    let units = podman.units("deaf", &[("deaf", deaf), ("front", needs)]);
    let mut container = podman.start("deaf", &[&units], &["--shutdown-timeout=2s"]);
    container.until("hello");
    container.until("hello");
    container.ask_to_stop();
    container.until("all is over within 2s");
    container.until("deaf-0: the shutdown's time is over, killed");
    assert_eq!(container.code(), 0, "podman would have had to kill it: 137");
}

fn an_essential_units_code_is_the_containers(podman: &Podman) {
    let ends = [
        ("['/bin/hello', 'exit', '0']", 0),
        ("['/bin/hello', 'exit', '255']", 255),
        ("['/bin/hello', 'abort']", 134),
    ];
    for (exec, code) in ends {
        let main = format!("exec = {exec}\nessential = true");
        let side = "exec = ['/bin/hello', 'serve']";
        let units = podman.units(&format!("essential-{code}"), &[("main", &main), ("side", side)]);
        let out = podman.output(&[&units], &[]);
        assert_eq!(out.status.code(), Some(code), "{exec}: {out:#?}");
    }
}

fn a_container_of_jobs_ends_with_them(podman: &Podman) {
    let job = |code: u8| format!("exec = ['/bin/hello', 'exit', '{code}']\n[job]\nbackoff_limit = 0");
    for (name, second, code) in [("complete", job(0), 0), ("failed", job(1), 1)] {
        let units = podman.units(name, &[("one", &job(0)), ("two", &second)]);
        let out = podman.output(&[&units], &[]);
        assert_eq!(out.status.code(), Some(code), "{name}: {out:#?}");
    }
}

fn the_init_of_one_command_is_not_noticed(podman: &Podman) {
    for (command, code) in [
        (&["/bin/hello", "exit", "0"][..], 0),
        (&["/bin/hello", "exit", "7"], 7),
        (&["/bin/hello", "exit", "255"], 255),
        (&["/bin/hello", "abort"], 134),
        (&["/bin/nothing"], 127),
    ] {
        let out = podman.output(&[], &[&["--"], command].concat());
        assert_eq!(out.status.code(), Some(code), "{command:?}: {out:#?}");
    }
    let mut container = podman.start("solo", &[], &["--", "/bin/hello", "serve"]);
    container.until("hello");
    assert_eq!(container.stop(), 143, "the command had TERM, and nobody had KILL");
}

fn orphans_are_reaped(podman: &Podman) {
    let mut container = podman.start("orphan", &[], &["--", "/bin/hello", "orphan"]);
    container.until("hello");
    let pid = container.podman(&["inspect", "--format={{.State.Pid}}"], &[]);
    // Nothing tells when a process that is not ours is reaped.
    let end = Instant::now() + Duration::from_secs(30);
    while zombies(pid.trim()) > 0 {
        assert!(Instant::now() < end, "the orphan is a zombie still");
        std::thread::yield_now();
    }
    assert_eq!(container.stop(), 143);
}

/// The children of a process that nobody has waited for.
fn zombies(pid: &str) -> usize {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let is_zombie =
        |pid: &&str| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    children.split_whitespace().filter(is_zombie).count()
}

fn with_next_to_nothing_it_starts(podman: &Podman) {
    let units = podman.units("least", &[("main", ESSENTIAL)]);
    let least = ["--cap-drop=all", "--security-opt=no-new-privileges", "--user=4242:4242"];
    for more in [&[][..], &["--read-only"], &["--read-only", "--read-only-tmpfs=false"]] {
        let options = [&[units.as_str()], &least[..], more].concat();
        let out = podman.output(&options, &[]);
        assert_eq!(out.status.code(), Some(33), "{options:?}: {out:#?}");
    }
}

fn with_the_hosts_pid_namespace_it_starts(podman: &Podman) {
    let units = podman.units("shared", &[("main", ESSENTIAL)]);
    let out = podman.output(&[&units, "--pid=host"], &["--exit-when-done"]);
    assert_eq!(out.status.code(), Some(33), "{out:#?}");
}

fn the_doctor_works_where_there_is_next_to_nothing(podman: &Podman) {
    let least = ["--cap-drop=all", "--security-opt=no-new-privileges", "--user=4242:4242", "--read-only"];
    let options = [&least[..], &["--read-only-tmpfs=false", "--entrypoint=/bin/supctl"]].concat();
    let out = podman.output(&options, &["doctor"]);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    assert_eq!(out.status.code(), Some(0), "{out:#?}");
    let row = |name: &str| {
        let found = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        found.unwrap_or_else(|| panic!("no row {name}: {text}")).to_owned()
    };
    assert!(row("init").ends_with("this is a container (podman)"), "{text}");
    assert!(row("KILL").contains("degraded") && row("KILL").contains("`--cap-add KILL`"), "{text}");
    assert!(row("runtime").contains("/dev/shm/supd-4242 is used instead"), "{text}");
    assert!(row("/run").contains("to have it: `--tmpfs /run`"), "{text}");
    assert!(text.contains("(of supctl, user 4242)") && text.contains("supd can work here"), "{text}");
}

fn the_doctor_knows_whose_init_supd_is(podman: &Podman) {
    let mut container = podman.start("doctor", &[], &[]);
    container.until("PID 1 of a container (podman)");
    container.until("hello from /bin/hello");
    let text = container.podman(&["exec"], &["/bin/supctl", "doctor"]);
    assert!(text.contains("PID 1 of a container (podman): its end is the container's"), "{text}");
    assert!(text.contains("(of supd, user 0)") && !text.contains("another place"), "{text}");
    assert_eq!(container.stop(), 0);
}
