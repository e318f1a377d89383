//! podman with runc, with a storage of its own that goes when the tests are over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::image::{make_context, packaging};
use super::waiting::Stream;

/// What every container gets: no network, and nobody but a test who asks for its health (podman has systemd do it).
const RUN: &[&str] = &["run", "--runtime=runc", "--network=none", "--health-interval=disable"];

/// What a container may have, and a step of a build: nothing beyond what this machine's own limits allow.
const LIMITS: &[&str] = &["--ulimit=nofile=1024:20000", "--ulimit=nproc=1000:1000"];

/// The image's name.
const IMAGE: &str = "localhost/supd-test";

/// What the examples are built on.
const BASE: &str = "localhost/supd-base";

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
        let context = podman.path("context");
        make_context(&context);
        fs::copy(packaging("Containerfile"), context.join("Containerfile")).unwrap();
        podman.build(IMAGE, &context, &["--format=docker"])?;
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

    /// A path for a file or directory of a test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Builds an image of the Containerfile in a directory, and what is there.
    pub fn build(&self, image: &str, context: &Path, options: &[&str]) -> Result<(), String> {
        let mut build = self.command();
        build.arg("build").args(["--runtime=runc", "--network=none"]).args(LIMITS).args(options);
        build.args(["--tag", image, "--file"]).arg(context.join("Containerfile")).arg(context);
        said(&build.output().unwrap()).map(|_| ())
    }

    /// Takes in the base of the examples.
    pub fn import_base(&self, archive: &Path) -> Result<(), String> {
        said(&self.command().args(["import", "--quiet"]).arg(archive).arg(BASE).output().unwrap()).map(|_| ())
    }

    /// Has a recipe begin with it.
    pub fn base_argument(&self) -> String {
        format!("--build-arg=BASE={BASE}")
    }

    /// `podman run` with options of its own, and arguments for what the image executes.
    pub fn run(&self, options: &[&str], arguments: &[&str]) -> Command {
        self.run_image(IMAGE, options, arguments)
    }

    fn run_image(&self, image: &str, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(RUN).args(LIMITS).args(options).arg(image).args(arguments);
        command
    }

    /// Runs a container to its end.
    pub fn output(&self, options: &[&str], arguments: &[&str]) -> Output {
        let options: Vec<&str> = ["--rm"].iter().chain(options).copied().collect();
        self.run(&options, arguments).output().unwrap()
    }

    /// Starts a container with a name.
    pub fn start(&self, name: &'static str, options: &[&str], arguments: &[&str]) -> Container<'_> {
        self.start_image(IMAGE, name, options, arguments)
    }

    /// Starts a container of another image.
    pub fn start_image(
        &self,
        image: &str,
        name: &'static str,
        options: &[&str],
        arguments: &[&str],
    ) -> Container<'_> {
        let options: Vec<&str> = ["--rm", "--name", name].iter().chain(options).copied().collect();
        let podman = self.run_image(image, &options, arguments);
        // Both outputs in one, in the order in which they were written.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(podman.get_program()).args(podman.get_args());
        let out = Stream::new(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
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
    /// Reads its output up to a line that has this text.
    pub fn until(&mut self, text: &str) {
        self.out.until(text);
    }

    /// Does something with it by podman; what that printed.
    #[track_caller]
    pub fn podman(&self, verb: &[&str], arguments: &[&str]) -> String {
        let out = self.podman.command().args(verb).arg(self.name).args(arguments).output().unwrap();
        said(&out).unwrap()
    }

    /// Runs a command of words in it, which must succeed; what that printed.
    #[track_caller]
    pub fn exec(&self, command: &str) -> String {
        self.podman(&["exec"], &command.split_whitespace().collect::<Vec<_>>())
    }

    /// `podman stop`; its code, 137 if podman had to kill it.
    pub fn stop(self) -> i32 {
        self.ask_to_stop();
        self.code()
    }

    /// `podman stop`: comes back when it has ended. What it printed can be read still.
    pub fn ask_to_stop(&self) {
        self.podman(&["stop", "--time=30"], &[]);
    }

    /// Waits for its end; its code.
    pub fn code(self) -> i32 {
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
