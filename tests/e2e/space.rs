//! A place for one supd: its directories, its units, the two programs, and ways to wait.
//!
//! Every wait is for an event (a file that appears, a process that ends, a condition that `supctl wait`
//! watches), bounded by [`PATIENCE`], which is no part of any assertion.
// The rules are for the daemon: a test has children of its own.
#![allow(unsafe_code, clippy::disallowed_types, dead_code)]

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub use super::waiting::{Death, Stream, Watch};

/// Far longer than anything here takes, even on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any `--timeout` that a test gives to supctl.
const COMMAND_PATIENCE: Duration = Duration::from_secs(100);

const SUPD: &str = env!("CARGO_BIN_EXE_supd");
const SUPCTL: &str = env!("CARGO_BIN_EXE_supctl");

/// A place, before supd runs in it.
pub struct Space {
    dir: tempfile::TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    wrap: Vec<String>,
}

/// A supd that runs in its place.
pub struct Supd {
    space: Space,
    child: Option<Child>,
    /// The keeper; where supd runs in a PID namespace, as seen from outside.
    pub keeper: i32,
    /// What supd was wrapped in, where its keeper was killed.
    left: Vec<Child>,
}

/// What a command printed, and its code.
#[derive(Debug)]
pub struct Output {
    pub command: String,
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Space {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("supd-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["units", "run", "state", "log"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        Self { dir, args: Vec::new(), env: Vec::new(), wrap: Vec::new() }
    }

    /// Writes a unit; `@` in the text stands for the place's directory.
    pub fn unit(self, name: &str, text: &str) -> Self {
        self.write_unit(name, text);
        self
    }

    pub fn write_unit(&self, name: &str, text: &str) {
        let text = text.replace('@', self.path().to_str().unwrap());
        fs::write(self.path().join("units").join(format!("{name}.toml")), text).unwrap();
    }

    /// Writes an executable file.
    pub fn script(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        fs::write(&path, text.replace('@', self.path().to_str().unwrap())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command line to put before supd's: `unshare -fp --mount-proc`.
    pub fn wrap(mut self, words: &[&str]) -> Self {
        self.wrap = words.iter().map(ToString::to_string).collect();
        self
    }

    /// The place belongs to an ordinary user, and supd runs as that user.
    pub fn with_user(self, id: u32) -> Self {
        for path in [self.path().to_owned(), self.path().join("home")] {
            let _ = fs::create_dir(&path);
            chown(&path, Some(id), Some(id)).unwrap();
        }
        for entry in fs::read_dir(self.path()).unwrap() {
            chown(entry.unwrap().path(), Some(id), Some(id)).unwrap();
        }
        let (user, group) = (format!("--reuid={id}"), format!("--regid={id}"));
        let home = self.path().join("home").to_str().unwrap().to_owned();
        self.wrap(&["setpriv", &user, &group, "--clear-groups"]).env("HOME", &home)
    }

    /// Makes a FIFO, to hold a process until a test writes to it.
    pub fn fifo(self, name: &str) -> Self {
        nix::unistd::mkfifo(&self.path().join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The command line that runs supd here.
    pub fn command(&self) -> Command {
        let mut words = self.wrap.clone();
        words.push(SUPD.to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg("--units").arg(self.path().join("units"));
        command.arg("--runtime-dir").arg(self.path().join("run"));
        command.arg("--state-dir").arg(self.path().join("state"));
        command.arg("--log-dir").arg(self.path().join("log"));
        command.args(&self.args).envs(self.env.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    /// Runs supd to its end: for starts that fail.
    pub fn supd_output(&self) -> Output {
        output(&mut self.command())
    }

    /// Starts supd, and waits until it answers.
    pub fn supd(self) -> Supd {
        let (child, keeper) = self.start();
        let supd = Supd { space: self, child: Some(child), keeper, left: Vec::new() };
        supd.check_answers();
        supd
    }

    /// Starts supd; its process, and its keeper.
    fn start(&self) -> (Child, i32) {
        let watch = Watch::new(&self.path().join("run"));
        let log =
            fs::OpenOptions::new().append(true).create(true).open(self.path().join("supd.out")).unwrap();
        let err = log.try_clone().unwrap();
        let child = self.command().stdout(log).stderr(err).spawn().unwrap();
        let mut keeper = child.id() as i32;
        let socket = self.path().join("run/control.sock");
        watch.until(|| UnixStream::connect(&socket).is_ok());
        if !is_role(keeper, "keeper") {
            keeper = *children(keeper).first().expect("the wrapper has a child");
        }
        (child, keeper)
    }

    /// Starts a supd whose managers die at their start, and waits until one answers in safe mode.
    pub fn supd_in_safe_mode(self) -> Supd {
        let log = fs::File::create(self.path().join("supd.out")).unwrap();
        let err = log.try_clone().unwrap();
        let watch = Watch::new(self.path());
        let child = self.command().stdout(log).stderr(err).spawn().unwrap();
        let keeper = child.id() as i32;
        let supd = Supd { space: self, child: Some(child), keeper, left: Vec::new() };
        watch.until(|| supd.own_output().contains("safe mode: "));
        supd
    }

    pub fn supctl(&self, args: &[&str]) -> Output {
        output(&mut self.supctl_command(args))
    }

    /// The command line that runs supctl here.
    pub fn supctl_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SUPCTL);
        command.arg("--socket").arg(self.path().join("run/control.sock")).args(args);
        command.env_remove("SUPD_SOCKET").stdin(Stdio::null());
        command
    }
}

impl Supd {
    /// Runs `supctl` with these words.
    pub fn ctl(&self, words: &str) -> Output {
        self.space.supctl(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub fn ctl_args(&self, args: &[&str]) -> Output {
        self.space.supctl(args)
    }

    /// An object as `get -o json` shows it.
    pub fn json(&self, words: &str) -> Value {
        let output = self.ctl(&format!("{words} -o json"));
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{words}: {error}: {output:?}"))
    }

    /// Waits, as a user would.
    #[track_caller]
    pub fn wait(&self, name: &str, condition: &str) {
        let output = self.ctl(&format!("wait {name} --for={condition} --timeout={}s", PATIENCE.as_secs()));
        assert_eq!(output.code, 0, "{name} is not {condition}: {output:?}\n{}", self.own_output());
    }

    /// Runs `supctl` with these words while the test goes on, and reads what it prints.
    pub fn stream(&self, words: &str) -> Stream {
        let words: Vec<&str> = words.split_whitespace().collect();
        Stream::new(self.space.supctl_command(&words).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Watches the objects of a noun until one is as wanted, and returns it.
    #[track_caller]
    pub fn until(&self, noun: &str, mut test: impl FnMut(&Value) -> bool) -> Value {
        let mut stream = self.stream(&format!("get {noun} -w -o jsonl"));
        let mut last = Value::Null;
        while let Some(line) = stream.line() {
            last = serde_json::from_str(&line).unwrap();
            if test(&last) {
                return last;
            }
        }
        panic!("no {noun} came to be so; seen last: {last:#}\n{}", self.own_output());
    }

    /// Watches a pod until its main process is as wanted, and returns the pod.
    #[track_caller]
    pub fn until_pod(&self, name: &str, mut test: impl FnMut(&Value) -> bool) -> Value {
        self.until("pods", |pod| {
            pod["metadata"]["name"] == name && test(&pod["status"]["containerStatuses"][0])
        })
    }

    /// How the main process of a pod ended.
    #[track_caller]
    pub fn ended(&self, pod: &str) -> Value {
        let pod = self.until_pod(pod, |main| main["state"]["terminated"].is_object());
        pod["status"]["containerStatuses"][0]["state"]["terminated"].clone()
    }

    /// The uid of an object: another one for each object ever made.
    #[track_caller]
    pub fn uid(&self, object: &str) -> String {
        let value = self.json(&format!("get {object}"));
        value["metadata"]["uid"].as_str().unwrap_or_else(|| panic!("{object} has no uid")).to_owned()
    }

    /// Lets a process go on that reads from a FIFO; the opening waits until it does.
    pub fn release(&self, fifo: &str) {
        fs::write(self.path().join(fifo), "go\n").unwrap();
    }

    /// Gives words to a process that reads them from a FIFO.
    pub fn release_words(&self, fifo: &str, words: &str) {
        fs::write(self.path().join(fifo), words).unwrap();
    }

    /// The pid of the main process of a pod.
    pub fn pid(&self, pod: &str) -> i32 {
        let value = self.json(&format!("get pod {pod}"));
        let pid = value["status"]["pid"].as_i64();
        pid.unwrap_or_else(|| panic!("{pod} has no pid: {value:#}")) as i32
    }

    /// The pid of a role: `manager`, `spawner`, `logger`.
    pub fn role(&self, role: &str) -> i32 {
        // A role that has just died is started again at once; nothing tells when it has its name.
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(pid) = children(self.keeper).into_iter().find(|pid| is_role(*pid, role)) {
                return pid;
            }
            assert!(Instant::now() < end, "there is no {role}");
            std::thread::yield_now();
        }
    }

    /// Kills a role, and waits until it is dead.
    pub fn kill_role(&self, role: &str) -> i32 {
        let pid = self.role(role);
        let death = Death::of(pid);
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        death.wait();
        pid
    }

    /// Kills the keeper, and waits until it is dead. What runs runs on; see [`Self::start_again`].
    pub fn kill_keeper(&mut self) {
        let mut child = self.child.take().unwrap();
        // The manager ends with the keeper, a moment later: until then it holds the control socket.
        let deaths = [self.keeper, self.role("manager"), self.role("spawner")].map(Death::of);
        kill(Pid::from_raw(self.keeper), Signal::SIGKILL).unwrap();
        for death in &deaths {
            death.wait();
        }
        if child.id() as i32 == self.keeper {
            child.wait().unwrap();
        } else {
            self.left.push(child);
        }
    }

    /// Starts supd in its place again, and waits until it answers.
    pub fn start_again(&mut self) {
        let (child, keeper) = self.space.start();
        (self.child, self.keeper) = (Some(child), keeper);
        self.check_answers();
    }

    fn check_answers(&self) {
        let up = self.ctl("status");
        assert_eq!(up.code, 0, "supd does not answer: {up:?}\n{}", self.own_output());
    }

    /// What supd itself printed so far.
    pub fn own_output(&self) -> String {
        fs::read_to_string(self.space.path().join("supd.out")).unwrap_or_default()
    }

    pub fn path(&self) -> &Path {
        self.space.path()
    }

    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Waits until a file is there and has this content somewhere.
    #[track_caller]
    pub fn wait_file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        let watch = Watch::new(path.parent().unwrap());
        let mut text = String::new();
        watch.until(|| {
            text = fs::read_to_string(&path).unwrap_or_default();
            path.exists() && text.contains(content)
        });
        text
    }

    /// Waits until nothing is left in a directory.
    #[track_caller]
    pub fn until_gone(&self, directory: &Path) {
        let watch = Watch::new(directory);
        watch.until(|| fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none()));
    }

    /// Asks supd to end as `docker stop` does, and returns its code.
    pub fn stop(mut self) -> i32 {
        kill(Pid::from_raw(self.keeper), Signal::SIGTERM).unwrap();
        self.wait_end()
    }

    /// Waits for supd's own end, and returns its code.
    pub fn wait_end(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        let death = Death::of(child.id() as i32);
        death.wait();
        let status = child.wait().unwrap();
        use std::os::unix::process::ExitStatusExt;
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

impl Drop for Supd {
    fn drop(&mut self) {
        for mut child in self.left.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let Some(mut child) = self.child.take() else { return };
        if std::thread::panicking() {
            eprintln!("--- supd printed:\n{}---", self.own_output());
        }
        let death = Death::of(child.id() as i32);
        let _ = kill(Pid::from_raw(self.keeper), Signal::SIGTERM);
        if !death.within(Duration::from_secs(15)) {
            for pid in children(self.keeper) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = kill(Pid::from_raw(self.keeper), Signal::SIGKILL);
        }
        let _ = child.wait();
    }
}

impl Output {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    #[track_caller]
    pub fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self:#?}");
        self
    }

    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

/// Runs a command to its end. One that hangs is killed, and fails its test.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let words = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id() as i32;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(out) = receiver.recv_timeout(COMMAND_PATIENCE) else {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        panic!("it does not end: {words}");
    };
    let out = out.unwrap();
    use std::os::unix::process::ExitStatusExt;
    Output {
        command: words,
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        code: out.status.code().unwrap_or_else(|| 128 + out.status.signal().unwrap()),
    }
}

/// The children of a process, of all its threads.
pub fn children(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|word| word.parse::<i32>().ok()));
    }
    found
}

/// The parent of a process.
pub fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn is_role(pid: i32, role: &str) -> bool {
    let mut line = Vec::new();
    let opened = fs::File::open(format!("/proc/{pid}/cmdline"));
    let read = opened.and_then(|mut file| file.read_to_end(&mut line));
    read.is_ok() && line.split(|byte| *byte == 0).nth(1) == Some(role.as_bytes())
}

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
