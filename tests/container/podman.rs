//! podman with runc, with a storage of its own that goes when the tests are over.

use std::process::{Command, Output, Stdio};

use super::image::{make_context, packaging};
use super::waiting::Stream;

/// What every container gets: no network, and limits that this machine's own allow.
const RUN: &[&str] =
    &["run", "--runtime=runc", "--network=none", "--ulimit=nofile=1024:20000", "--ulimit=nproc=1000:1000"];

/// The image's name.
const IMAGE: &str = "localhost/supd-test";

/// podman, and the image in its storage.
pub struct Podman {
    place: tempfile::TempDir,
}

impl Podman {
    /// Builds the image and tries it. The error says why podman is of no use here.
    pub fn new() -> Result<Self, String> {
        for program in ["podman", "runc"] {
            if Command::new(program).arg("--version").output().is_err() {
                return Err(format!("{program} is not installed; tests/run does it"));
            }
        }
        let podman = Self { place: tempfile::Builder::new().prefix("supd-podman-").tempdir().unwrap() };
        let context = podman.place.path().join("context");
        make_context(&context);
        let recipe = packaging("Containerfile");
        let mut build = podman.command();
        build
            .args(["build", "--runtime=runc", "--network=none", "--tag", IMAGE, "--file"])
            .arg(recipe)
            .arg(&context);
        said(&build.output().unwrap())?;
        // A container without supd: if it does not run, no other will.
        let mut trial = podman.run(&["--rm", "--entrypoint=/bin/hello"], &["exit", "0"]);
        said(&trial.output().unwrap())?;
        Ok(podman)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.arg("--root").arg(self.place.path().join("root"));
        command.arg("--runroot").arg(self.place.path().join("runroot"));
        command.args(["--cgroup-manager=cgroupfs", "--events-backend=file"]).stdin(Stdio::null());
        command
    }

    /// `podman run` with options of its own, and arguments for what the image executes.
    pub fn run(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(RUN).args(options).arg(IMAGE).args(arguments);
        command
    }

    /// Runs a container to its end.
    pub fn output(&self, options: &[&str], arguments: &[&str]) -> Output {
        let options: Vec<&str> = ["--rm"].iter().chain(options).copied().collect();
        self.run(&options, arguments).output().unwrap()
    }

    /// Starts a container with a name.
    pub fn start(&self, name: &'static str, options: &[&str], arguments: &[&str]) -> Container<'_> {
        let options: Vec<&str> = ["--rm", "--name", name].iter().chain(options).copied().collect();
        let out = Stream::new(self.run(&options, arguments).stdout(Stdio::piped()).spawn().unwrap());
        Container { podman: self, name, out }
    }

    /// A directory of units to mount into containers.
    pub fn units(&self, name: &str, units: &[(&str, &str)]) -> String {
        let directory = self.place.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        for (unit, text) in units {
            std::fs::write(directory.join(format!("{unit}.toml")), text).unwrap();
        }
        format!("--volume={}:/etc/supd/units:ro", directory.display())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Containers of a test that failed; mounts would keep the directory.
        let _ = self.command().args(["rm", "--all", "--force", "--time=0"]).output();
        let _ = self.command().args(["rmi", "--all", "--force"]).output();
    }
}

/// A container that runs.
pub struct Container<'a> {
    podman: &'a Podman,
    name: &'static str,
    out: Stream,
}

impl Container<'_> {
    /// Reads its standard output up to a line that has this text.
    pub fn until(&mut self, text: &str) {
        self.out.until(text);
    }

    /// Does something with it by podman; what that printed.
    pub fn podman(&self, verb: &[&str], arguments: &[&str]) -> String {
        let out = self.podman.command().args(verb).arg(self.name).args(arguments).output().unwrap();
        said(&out).unwrap()
    }

    /// `podman stop`; its code, 137 if podman had to kill it.
    pub fn stop(self) -> i32 {
        self.podman(&["stop", "--time=30"], &[]);
        self.out.end()
    }
}

/// What a command printed, if it succeeded.
fn said(out: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if out.status.success() {
        Ok(text(&out.stdout))
    } else {
        Err(format!("podman cannot: {}", text(&out.stderr)))
    }
}
