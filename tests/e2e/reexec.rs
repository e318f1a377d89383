//! F14: supd goes on as another program. What runs does not notice: same pids, no line lost, counts exact; and a
//! program that cannot take over is refused, with nothing changed.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Death, Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

/// How often supd says that it was replaced.
fn replaced(supd: &Supd) -> u64 {
    let mut stream = UnixStream::connect(supd.path().join("run/control.sock")).unwrap();
    let request = "GET /apis/supd/v1/info HTTP/1.1\r\nHost: supd\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, rest) = answer.split_once("\"replaced\":").unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn program(pid: i32) -> std::path::PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Another file with the same program.
fn copy(supd: &Supd, name: &str) -> String {
    let path = supd.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_supd"), &path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn f14_supd_is_replaced_and_nothing_that_runs_notices() {
    let counting = "shell = 'n=0; while read -r line; do n=$((n+1)); echo line $n; done < @/fifo'\n\
                    [job]\ncompletions = 1\n";
    let supd = Space::new()
        .fifo("fifo")
        .fifo("gate")
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 3"))
        .unit("count", counting)
        .unit("late", "shell = 'read l < @/gate; exit 7'\nrestart_policy = 'Never'\n")
        .supd();
    supd.wait("web", "ready");
    supd.wait("late", "ready");
    let mut fifo = OpenOptions::new().read(true).write(true).open(supd.path().join("fifo")).unwrap();
    fifo.write_all(b"x\n").unwrap();
    supd.stream("logs -f count").until("line 1");
    let pods = ["web-0", "web-1", "web-2", "count-0", "late-0"];
    let before = pods.map(|pod| (supd.pid(pod), supd.uid(&format!("pod {pod}"))));
    let (manager, logger) = (supd.role("manager"), supd.role("logger"));
    let waiting = supd.stream("wait count --for=complete --timeout=60s");
    let mut lines = 1;
    for name in ["one", "two"] {
        let other = copy(&supd, name);
        let output = supd.ctl(&format!("reexec --binary {other}")).ok();
        let version = env!("CARGO_PKG_VERSION");
        let pid = supd.keeper;
        let said = format!("supd {version} → {version}: replaced in place (pid {pid})\n");
        assert_eq!(output.stdout, said);
        assert_eq!(program(supd.keeper), std::path::Path::new(&other));
        assert_eq!(program(supd.role("manager")), std::path::Path::new(&other));
        for _ in 0..20 {
            fifo.write_all(b"x\n").unwrap();
            lines += 1;
        }
        assert_eq!(pods.map(|pod| (supd.pid(pod), supd.uid(&format!("pod {pod}")))), before);
    }
    assert_eq!(replaced(&supd), 2);
    assert_ne!((manager, logger), (supd.role("manager"), supd.role("logger")));
    // They are our children as before: how they end is learned as ever.
    supd.release("gate");
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
    drop(fifo);
    assert_eq!(waiting.end(), 0, "who waits, waits on");
    assert_eq!(supd.json("get job count")["status"]["succeeded"], 1);
    let output = supd.ctl("logs count").ok();
    let wanted: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), wanted);
    supd.space().supd_output().code(69);
    let pods = before[..3].iter().map(|(pid, _)| Death::of(*pid)).collect::<Vec<_>>();
    assert_eq!(supd.stop(), 0);
    for pod in &pods {
        pod.wait();
    }
}

#[test]
fn f14_what_cannot_take_over_is_refused() {
    let supd = Space::new()
        .unit("web", SLEEPER)
        .script("broken", "#!/bin/sh\necho it is broken >&2\nexit 1\n")
        .script("silent", "#!/bin/sh\nexit 0\n")
        .script("crash", "#!/bin/sh\nkill -SEGV $$\n")
        .script("plain", "no program\n")
        .supd();
    supd.wait("web", "ready");
    fs::write(supd.path().join("data"), "text").unwrap();
    let roles = ["manager", "spawner"].map(|role| supd.role(role));
    let pid = supd.pid("web-0");
    let fds = descriptors(supd.keeper);
    for (name, words) in [
        ("broken", "it is broken"),
        ("silent", "did not say that it can take over"),
        ("crash", "signal 11"),
        ("plain", "Exec format error"),
        ("data", "Permission denied"),
        ("missing", "No such file or directory"),
        ("units", "is no file"),
    ] {
        let path = supd.path().join(name);
        supd.ctl(&format!("reexec --binary {}", path.display())).code(1).stderr_has(words);
    }
    supd.ctl("reexec --binary /bin/true").code(1).stderr_has("did not say");
    assert_eq!(["manager", "spawner"].map(|role| supd.role(role)), roles, "nothing was ended for that");
    assert_eq!((supd.pid("web-0"), replaced(&supd)), (pid, 0));
    assert_eq!(descriptors(supd.keeper), fds);
    supd.ctl("scale web --replicas=2").ok();
    supd.wait("web", "ready");
}

#[test]
fn f14_a_program_that_hangs_is_ended_and_supd_goes_on_meanwhile() {
    let supd = Space::new()
        .unit("web", SLEEPER)
        .script("hangs", "#!/bin/sh\necho > @/began\nsleep infinity\n")
        .supd();
    supd.wait("web", "ready");
    let reexec = supd.stream(&format!("reexec --binary {}/hangs", supd.path().display()));
    supd.wait_file("began", "\n");
    supd.ctl("scale web --replicas=3").ok();
    supd.wait("web", "ready");
    supd.ctl("reexec").code(1).stderr_has("already");
    assert_eq!(reexec.end(), 1);
    assert_eq!(replaced(&supd), 0);
    supd.ctl("reexec").ok();
    assert_eq!(replaced(&supd), 1);
}

#[test]
fn f14_a_request_to_end_during_a_trial_is_honoured() {
    let mut supd = Space::new()
        .unit("web", SLEEPER)
        .script("hangs", "#!/bin/sh\necho > @/began\nsleep infinity\n")
        .supd();
    supd.wait("web", "ready");
    let _reexec = supd.stream(&format!("reexec --binary {}/hangs", supd.path().display()));
    supd.wait_file("began", "\n");
    kill(Pid::from_raw(supd.keeper), Signal::SIGTERM).unwrap();
    assert_eq!(supd.wait_end(), 0);
}

#[test]
fn f14_pid_1_is_replaced_too() {
    let supd = Space::new()
        .wrap(&["unshare", "-fp", "--mount-proc"])
        .arg("--shutdown-timeout=3s")
        .fifo("gate")
        .unit("web", SLEEPER)
        .unit("late", "shell = 'read l < @/gate; exit 7'\nrestart_policy = 'Never'\n")
        .supd();
    supd.wait("web", "ready");
    supd.wait("late", "ready");
    let pid = supd.pid("web-0");
    let other = copy(&supd, "other");
    supd.ctl(&format!("reexec --binary {other}")).ok().stdout_has("(pid 1)");
    assert_eq!(supd.pid("web-0"), pid);
    supd.release("gate");
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
    assert_eq!(supd.stop(), 0);
}

#[test]
fn f14_many_replacements_under_load_lose_nothing() {
    let supd = Space::new()
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 5"))
        .unit(
            "quick",
            "exec = ['/bin/sh', '-c', 'echo x >> @/ran']\n[job]\ncompletions = 200\nparallelism = 4\n",
        )
        .unit("loud", "shell = 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.001; done'\n")
        .supd();
    supd.wait("web", "ready");
    supd.wait("loud", "ready");
    let loud = supd.pid("loud-0");
    supd.ctl("reexec").ok();
    let fds = descriptors(supd.keeper);
    for _ in 0..20 {
        supd.ctl("reexec").ok();
    }
    supd.wait("web", "ready");
    assert_eq!(supd.pid("loud-0"), loud);
    supd.wait("quick", "complete");
    assert_eq!(supd.json("get job quick")["status"]["succeeded"], 200);
    let ran = fs::read_to_string(supd.path().join("ran")).unwrap();
    assert_eq!(ran.lines().count(), 200, "each was started once");
    supd.ctl("kill loud -s STOP").ok();
    let output = supd.ctl("logs loud").ok();
    for (index, line) in output.stdout.lines().enumerate() {
        assert_eq!(line, format!("line {}", index + 1));
    }
    // Runs of the job come and go; what is left of them is less than this.
    assert!(descriptors(supd.keeper) <= fds, "{fds} before, {} now", descriptors(supd.keeper));
    supd.ctl("kill loud -s CONT").ok();
}
