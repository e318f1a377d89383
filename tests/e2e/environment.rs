//! Goal: a process gets what its unit says, and nothing of supd's own: descriptors, signals, limits, names.
//! Method: `sleep` runs, and the test reads in /proc what it was given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;

use super::space::{Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

/// The environment of a pod's main process.
fn environ(supd: &Supd, pod: &str) -> BTreeMap<String, String> {
    let text = fs::read(format!("/proc/{}/environ", supd.pid(pod))).unwrap();
    let pairs = text.split(|byte| *byte == 0).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let text = String::from_utf8_lossy(pair);
            let (name, value) = text.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// A line of /proc/PID/status of a pod's main process.
fn line(supd: &Supd, pod: &str, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", supd.pid(pod))).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).trim().replace('\t', " ")
}

/// What `status` says of a unit whose start fails.
fn refused(supd: &Supd, name: &str) -> String {
    supd.until_pod(&format!("{name}-0"), |main| {
        main["state"]["terminated"]["reason"] == "StartError"
            || main["lastState"]["terminated"]["reason"] == "StartError"
    });
    supd.ctl(&format!("status {name}-0")).stdout
}

#[test]
fn a_process_starts_clean() {
    // supd itself is started with signals ignored and blocked, and a descriptor too many.
    let space = Space::new().unit("web", SLEEPER).wrap(&[
        "bash",
        "-c",
        "trap '' HUP PIPE USR1; umask 077; exec 7</dev/null; exec \"$0\" \"$@\"",
    ]);
    let supd = space.supd();
    supd.wait("web", "ready");
    let pid = supd.pid("web-0");
    let fds: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(fds.into_iter().collect::<Vec<_>>(), ["0", "1", "2"]);
    let target = |fd: u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    assert_eq!(target(0).to_str(), Some("/dev/null"));
    for fd in [1, 2] {
        assert!(target(fd).to_str().unwrap().starts_with("pipe:"), "{:?}", target(fd));
    }
    for set in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(line(&supd, "web-0", set), "0000000000000000", "{set}");
    }
    assert_eq!(line(&supd, "web-0", "Umask"), "0022");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, pid.to_string(), "a session of its own");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
}

#[test]
fn the_environment_is_what_the_unit_says() {
    let text = format!(
        "{SLEEPER}env_file = ['@/defaults', '?@/missing']\nenv_pass = ['PASSED']\n[service]\nreplicas = 2\n\
         [env]\nCOLOUR = 'blue'\nNAME = '${{unit}}/${{pod}}/${{replica}}/${{attempt}}'\nMONEY = '$$5'\n\
         FROM_SUPD = '${{env:PASSED}}'\nDEFAULT = '${{env:NOT_SET:-else}}'\n"
    );
    let space = Space::new().env("PASSED", "on").env("SECRET", "kept").unit("web", &text);
    let file = "# a comment\nSIZE=large\nexport QUOTED=\"two words\"\nCOLOUR=red\n";
    fs::write(space.path().join("defaults"), file).unwrap();
    let supd = space.supd();
    supd.wait("web", "ready");
    let found = environ(&supd, "web-1");
    let wanted = [
        ("COLOUR", "blue"),
        ("SIZE", "large"),
        ("QUOTED", "two words"),
        ("NAME", "web/web-1/1/0"),
        ("MONEY", "$5"),
        ("FROM_SUPD", "on"),
        ("DEFAULT", "else"),
        ("PASSED", "on"),
        ("SUPD_UNIT", "web"),
        ("SUPD_POD", "web-1"),
        ("SUPD_PROCESS", "main"),
        ("SUPD_ATTEMPT", "0"),
        ("SUPD_REPLICA", "1"),
    ];
    for (name, value) in wanted {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name} in {found:#?}");
    }
    assert!(found.contains_key("SUPD_RUN") && found.contains_key("PATH"), "{found:#?}");
    for name in ["SECRET", "NOTIFY_SOCKET", "JOB_COMPLETION_INDEX", "SUPD_SCHEDULED_TIME"] {
        assert!(!found.contains_key(name), "{name} in {found:#?}");
    }
}

#[test]
fn variables_stand_in_arguments_and_paths() {
    let job = "exec = ['/bin/echo', '${index}', '${pod}', '$$HOME']\n[job]\ncompletion_mode = 'Indexed'\n\
               completions = 2\nparallelism = 1\n";
    let web = format!("{SLEEPER}working_dir = '@/dir-${{replica}}'\n[service]\nreplicas = 2\n");
    let space = Space::new().unit("work", job).unit("web", &web);
    for replica in 0..2 {
        fs::create_dir(space.path().join(format!("dir-{replica}"))).unwrap();
    }
    let supd = space.supd();
    supd.wait("work", "complete");
    supd.ctl("logs work").ok().stdout_is("0 work-0-0 $HOME\n1 work-1-1 $HOME\n");
    supd.wait("web", "ready");
    for replica in 0..2 {
        let cwd = fs::read_link(format!("/proc/{}/cwd", supd.pid(&format!("web-{replica}")))).unwrap();
        assert_eq!(cwd, supd.path().join(format!("dir-{replica}")));
    }
}

#[test]
fn users_groups_masks_and_limits() {
    let supd = Space::new()
        .unit("named", &format!("{SLEEPER}user = 'daemon'\numask = '0027'\n[resources]\nrlimits = {{ nofile = 1234, core = 0 }}\n"))
        .unit("numbers", &format!("{SLEEPER}user = 4711\ngroup = 4712\nsupplementary_groups = ['daemon', 4713]\n"))
        .unit("grouped", &format!("{SLEEPER}user = 'nobody'\ngroup = 'daemon'\n"))
        .supd();
    for unit in ["named", "numbers", "grouped"] {
        supd.wait(unit, "ready");
    }
    assert_eq!(line(&supd, "named-0", "Uid"), "1 1 1 1");
    assert_eq!(line(&supd, "named-0", "Gid"), "1 1 1 1");
    assert_eq!(line(&supd, "named-0", "Groups"), "1");
    assert_eq!(line(&supd, "named-0", "Umask"), "0027");
    assert_eq!(line(&supd, "named-0", "CapEff"), "0000000000000000");
    let home = environ(&supd, "named-0");
    assert_eq!((home["USER"].as_str(), home["HOME"].as_str()), ("daemon", "/usr/sbin"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", supd.pid("named-0"))).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["1234", "1234"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(line(&supd, "numbers-0", "Uid"), "4711 4711 4711 4711");
    assert_eq!(line(&supd, "numbers-0", "Gid"), "4712 4712 4712 4712");
    assert_eq!(line(&supd, "numbers-0", "Groups"), "1 4713");
    assert_eq!(line(&supd, "grouped-0", "Gid"), "1 1 1 1");
}

#[test]
fn a_broken_env_file_fails_the_start_and_says_where() {
    let space = Space::new()
        .unit("missing", &format!("{SLEEPER}env_file = ['@/none']\n"))
        .unit("broken", &format!("{SLEEPER}env_file = ['@/broken']\n"))
        .unit("fine", &format!("{SLEEPER}env_file = ['?@/none']\n"));
    fs::write(space.path().join("broken"), "A=1\nthis is no assignment\n").unwrap();
    let supd = space.supd();
    supd.wait("fine", "ready");
    let dir = supd.path().display();
    let missing = refused(&supd, "missing");
    assert!(missing.contains(&format!("env_file {dir}/none: no such file (ENOENT)")), "{missing}");
    let broken = refused(&supd, "broken");
    assert!(broken.contains(&format!("env_file {dir}/broken:2")), "{broken}");
}

#[test]
fn ready_by_a_line_on_a_descriptor() {
    let text =
        "shell = 'read line < @/gate; echo >&3; exec 3>&-; exec sleep infinity'\n[readiness]\nfd = 3\n";
    let supd = Space::new().fifo("gate").unit("web", text).supd();
    supd.until_pod("web-0", |main| main["state"]["running"].is_object());
    supd.ctl("is-ready web").code(3);
    supd.release("gate");
    supd.wait("web", "ready");
    supd.ctl("is-ready web").ok();
}

#[test]
fn ready_by_an_open_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let text = format!("{SLEEPER}[readiness]\ntcp = {port}\nperiod = '100ms'\nfailure_threshold = 1\n");
    let supd = Space::new().unit("web", &text).supd();
    supd.until_pod("web-0", |main| main["state"]["running"].is_object());
    supd.ctl("is-ready web").code(3);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    supd.wait("web", "ready");
    drop(listener);
    supd.until_pod("web-0", |main| main["ready"] == false);
}

#[test]
fn ready_by_a_command_and_not_ready_when_it_fails() {
    let text = format!(
        "{SLEEPER}user = 'nobody'\n[env]\nWHERE = '@'\n[readiness]\n\
         exec = ['/bin/sh', '-c', 'test -e $$WHERE/$$SUPD_POD && test $$(id -un) = nobody']\n\
         period = '100ms'\nfailure_threshold = 1\n"
    );
    let supd =
        Space::new().unit("web", &text).unit("after", &format!("{SLEEPER}requires = ['web']\n")).supd();
    supd.until("units", |unit| {
        unit["metadata"]["name"] == "after" && unit["status"]["waitingFor"][0]["unit"] == "web"
    });
    supd.ctl("status after").code(3).stdout_has("Waits for: web (ready)");
    fs::write(supd.path().join("web-0"), "").unwrap();
    supd.wait("web", "ready");
    supd.wait("after", "ready");
    fs::remove_file(supd.path().join("web-0")).unwrap();
    supd.until_pod("web-0", |main| main["ready"] == false);
    supd.ctl("is-active after").ok();
    assert_eq!(supd.json("get pod web-0")["status"]["containerStatuses"][0]["restartCount"], 0);
}

#[test]
fn not_ready_in_time_is_a_failed_start() {
    let text = format!(
        "{SLEEPER}[readiness]\nexec = ['/bin/false']\nperiod = '100ms'\n[startup]\ndeadline = '300ms'\n\
         [backoff]\ninitial = '1h'\nmax = '1h'\n"
    );
    let supd = Space::new().unit("web", &text).supd();
    let pod = supd.until_pod("web-0", |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    let end = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert!(end["message"].as_str().is_some_and(|message| message.contains("ready")), "{end:#}");
    supd.ctl("start web --timeout=60s").code(1);
}

#[test]
fn steps_before_run_in_order_and_once() {
    let text = "shell = 'echo main >> @/order; exec sleep infinity'\n\
                [[init]]\nname = 'first'\nshell = 'sleep 0.1; echo first >> @/order'\n\
                [[init]]\nname = 'second'\nshell = 'echo second >> @/order; [ $SUPD_ATTEMPT -ge 1 ]'\n";
    let supd = Space::new().unit("web", text).supd();
    supd.wait_file("order", "main");
    let order = fs::read_to_string(supd.path().join("order")).unwrap();
    assert_eq!(order, "first\nsecond\nsecond\nmain\n");
    supd.ctl("kill -s KILL web").ok();
    supd.wait_file("order", "main\nmain\n");
}
