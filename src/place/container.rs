//! Which container manager made the place we are in, by the marks that they leave; and our own mark for others.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::init::{Init, Namespace};
use super::mounts;
use crate::limits::CONTAINER_MARK_BYTES_MAX;

/// What may be found of a container manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The variable `container`: the convention that every manager may follow, and systemd's do.
    pub variable: Option<String>,
    /// The text of /run/systemd/container: who is PID 1 here has written it down for all others.
    pub recorded: Option<String>,
    /// The text of /run/host/container-manager: systemd-nspawn's, and LXC's.
    pub from_host: Option<String>,
    /// The text of /run/.containerenv: podman's, and of what is built on it.
    pub podman: Option<String>,
    /// There is /.dockerenv. It lies on the root file system, where it outlives the container.
    pub docker: bool,
    /// Kubernetes tells every process where its API is.
    pub kubernetes: bool,
    /// /etc/hosts or /etc/hostname is mounted by itself: so is it in every container of docker, podman and
    /// Kubernetes, and nowhere else.
    pub furnished: bool,
}

/// The manager where nothing tells its name: a PID namespace that somebody made by hand.
pub const UNKNOWN: &str = "unknown";

/// Where systemd's convention has the name of the manager.
const RECORD: &str = "/run/systemd/container";

/// The manager of the container that this process is in; nothing on a machine.
pub fn manager() -> Option<String> {
    let namespace = Namespace::look();
    name(&Marks::look(), namespace)
}

/// The decision. A container may share the machine's PID namespace, so each mark must speak for itself: one that an
/// image may have left on a machine's disk, or anybody in the environment, needs a second one beside it.
pub fn name(marks: &Marks, namespace: Namespace) -> Option<String> {
    // An OCI runtime's name for itself; its engine is better known.
    let told = [&marks.variable, &marks.from_host, &marks.recorded].into_iter().flatten();
    let told = told.filter_map(|text| word(text)).find(|name| *name != "oci");
    let engine = marks.podman.as_deref().map(|text| engine(text).unwrap_or("podman"));
    if let Some(name) = told.or(engine) {
        return Some(name.to_owned());
    }
    [
        (marks.furnished && marks.docker, "docker"),
        (marks.furnished && marks.kubernetes, "kubernetes"),
        (namespace == Namespace::Other, UNKNOWN),
    ]
    .into_iter()
    .find_map(|(found, name)| found.then(|| name.to_owned()))
}

/// Writes down for other programs that they are in a container, and whose: as PID 1 of one, where it is not written
/// yet and we may. Never for one that nobody named: /run may be the machine's own then.
pub fn record(init: Init) -> io::Result<()> {
    let Some(name) = manager().filter(|name| init == Init::OfContainer && name != UNKNOWN) else {
        return Ok(());
    };
    record_at(Path::new(RECORD), &name)
}

fn record_at(path: &Path, name: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
        Ok(mut file) => file.write_all(format!("{name}\n").as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

impl Marks {
    /// Those of this place.
    fn look() -> Self {
        let variable =
            |name: &str| std::env::var_os(name).and_then(|value| OsString::into_string(value).ok());
        Self {
            variable: variable("container"),
            recorded: text(RECORD),
            from_host: text("/run/host/container-manager"),
            podman: text("/run/.containerenv"),
            docker: Path::new("/.dockerenv").exists(),
            kubernetes: variable("KUBERNETES_SERVICE_HOST").is_some(),
            furnished: is_furnished(),
        }
    }
}

fn is_furnished() -> bool {
    let table = mounts::table().unwrap_or_default();
    let mounts = mounts::visible(&table);
    mounts.iter().any(|mount| mount.at == Path::new("/etc/hosts") || mount.at == Path::new("/etc/hostname"))
}

fn text(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(CONTAINER_MARK_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first line, if it can be a name.
fn word(text: &str) -> Option<&str> {
    let line = text.lines().next()?.trim();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!line.is_empty() && line.len() <= 64 && line.bytes().all(is_allowed)).then_some(line)
}

/// `engine="podman-5.2.1"`: without its version.
fn engine(text: &str) -> Option<&str> {
    let value = text.lines().find_map(|line| line.strip_prefix("engine="))?;
    word(value.trim_matches('"')).map(|engine| engine.split('-').next().unwrap_or(engine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn marks_name_the_manager() {
        let none = Marks { furnished: true, ..Marks::default() };
        let podman = Marks { podman: some("engine=\"podman-5.2.1\"\nname=\"a\"\n"), ..none.clone() };
        for (marks, expected) in [
            (Marks { variable: some("lxc"), ..none.clone() }, "lxc"),
            (
                Marks { variable: some("systemd-nspawn"), from_host: some("x"), ..none.clone() },
                "systemd-nspawn",
            ),
            (Marks { from_host: some("systemd-nspawn\n"), ..none.clone() }, "systemd-nspawn"),
            (Marks { recorded: some("lxc-libvirt\n"), docker: true, ..none.clone() }, "lxc-libvirt"),
            (podman.clone(), "podman"),
            (Marks { variable: some("oci"), ..podman.clone() }, "podman"),
            (Marks { variable: some("oci"), docker: true, ..none.clone() }, "docker"),
            (Marks { podman: some(""), ..none.clone() }, "podman"),
            (Marks { docker: true, kubernetes: true, ..none.clone() }, "docker"),
            (Marks { kubernetes: true, ..none.clone() }, "kubernetes"),
            (Marks { variable: some("two words"), ..none.clone() }, UNKNOWN),
            (Marks { variable: some(""), ..none.clone() }, UNKNOWN),
            (none, UNKNOWN),
        ] {
            assert_eq!(name(&marks, Namespace::Other).as_deref(), Some(expected), "{marks:?}");
        }
    }

    #[test]
    fn on_a_machine_what_an_image_left_on_its_disk_says_nothing() {
        let left = Marks { docker: true, kubernetes: true, ..Marks::default() };
        assert_eq!(name(&left, Namespace::First), None);
        // Somebody plays with namespaces on such a machine.
        assert_eq!(name(&left, Namespace::Other).as_deref(), Some(UNKNOWN));
        assert_eq!(name(&Marks::default(), Namespace::First), None);
        // A container may share the machine's PID namespace.
        let shared = Marks { podman: some(""), ..Marks::default() };
        assert_eq!(name(&shared, Namespace::First).as_deref(), Some("podman"));
        let shared = Marks { furnished: true, ..left };
        assert_eq!(name(&shared, Namespace::First).as_deref(), Some("docker"));
    }

    #[test]
    fn a_record_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("systemd/container");
        record_at(&path, "podman").unwrap();
        record_at(&path, "docker").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "podman\n");
    }

    #[test]
    fn nobody_but_a_containers_pid_one_records() {
        for init in [Init::OfMachine, Init::OfNobody] {
            record(init).unwrap();
        }
    }
}
