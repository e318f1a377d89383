//! What an orchestrator asks of a container: does supd live, and is what should be up ready?

use std::os::unix::net::UnixDatagram;

use super::space::{PATIENCE, Space};

const UNSHARE: &[&str] = &["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];

/// A service that is ready once somebody has opened its gate.
const GATED: &str = "shell = 'read line < @/gate; echo up; exec sleep infinity'\n[readiness]\nlog = '^up$'\n";

#[test]
fn it_is_ready_once_what_should_be_up_is_ready() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .fifo("gate")
        .unit("web", GATED)
        .unit("front", "exec = ['sleep', 'infinity']\nrequires = ['web']\n")
        .supd();
    supd.until_pod("web-0", |main| main["state"]["running"].is_object());
    supd.ctl("get --raw /livez").ok().stdout_is("ok\n");
    supd.ctl("get --raw /healthz?verbose").ok().stdout_is("[+]supd ok\nhealthz check passed\n");
    supd.ctl("get --raw /readyz").code(1).stdout_is("").stderr_has("[-]web failed: Starting, 0 of 1 ready");
    supd.ctl("get --raw /readyz").stderr_has("[-]front failed: Waiting, 0 of 1 ready");
    supd.ctl("is-system-running").code(1).stdout_is("starting\n");
    supd.release("gate");
    supd.wait("front", "ready");
    supd.ctl("get --raw /readyz").ok().stdout_is("ok\n");
    supd.ctl("get --raw /readyz?verbose")
        .ok()
        .stdout_is("[+]supd ok\n[+]front ok\n[+]web ok\nreadyz check passed\n");
    supd.ctl("is-system-running").ok().stdout_is("running\n");
    supd.ctl("-q is-system-running").ok().stdout_is("");
}

#[test]
fn a_job_that_failed_is_told_and_takes_nobody_out_of_service() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .unit("web", "exec = ['sleep', 'infinity']\n")
        .unit("import", "exec = ['false']\n[job]\nbackoff_limit = 0\n")
        .supd();
    supd.wait("import", "failed");
    supd.wait("web", "ready");
    supd.ctl("get --raw /readyz").ok().stdout_is("ok\n");
    supd.ctl("is-system-running").code(1).stdout_is("degraded\n");
}

#[test]
fn a_service_that_has_failed_is_named() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .unit("web", "exec = ['sleep', 'infinity']\n")
        .unit("once", "exec = ['false']\nrestart_policy = 'Never'\n")
        .supd();
    supd.wait("once", "failed");
    supd.ctl("get --raw /readyz").code(1).stderr_has("[-]once failed: Failed");
    supd.ctl("is-system-running").code(1).stdout_is("degraded\n");
}

#[test]
fn what_could_not_be_loaded_is_not_ready() {
    let bundle = "[unit.web]\nexec = ['sleep', 'infinity']\n[unit.app]\nexecc = ['sleep', 'infinity']\n";
    let supd = Space::new().wrap(UNSHARE).unit("supd", bundle).unit("torn", "exec = ['sleep'").supd();
    supd.wait("web", "ready");
    supd.ctl("get --raw /readyz")
        .code(1)
        .stderr_has("[-]app failed: not loaded: ")
        .stderr_has("unknown key `execc` [E0107]")
        .stderr_has("[-]torn failed: not loaded: ")
        .stderr_has("[+]web ok");
    supd.ctl("is-system-running").code(1).stdout_is("degraded\n");
    supd.ctl("status").ok().stdout_has("web").stderr_has("warning: ").stderr_has("unknown key `execc`");
    // Another manager knows of it, too.
    supd.kill_role("manager");
    supd.until("units", |unit| unit["metadata"]["name"] == "web");
    supd.ctl("get --raw /readyz").code(1).stderr_has("[-]torn failed: not loaded: ");

    // What was good once goes on, and is ready, whatever becomes of its file.
    supd.space().write_unit("supd", &bundle.replace("execc", "exec"));
    supd.space().write_unit("torn", "exec = ['sleep', 'infinity']");
    supd.ctl("apply").ok();
    supd.wait("app", "ready");
    supd.space().write_unit("torn", "exec = ['sleep'");
    supd.ctl("apply").code(78);
    supd.ctl("get --raw /readyz").ok();
    supd.ctl("is-system-running").code(1).stdout_is("degraded\n");
}

#[test]
fn a_container_in_which_nothing_can_be_loaded_ends_at_once() {
    let out = Space::new().wrap(UNSHARE).unit("supd", "[unit.web]\nexecc = ['sleep']\n").supd_output();
    assert_eq!(out.code, 78, "{}", out.stderr);
    assert!(out.stderr.contains("unknown key `execc`"), "{}", out.stderr);
    assert!(out.stderr.contains("there is nothing to run: all units have faults"), "{}", out.stderr);
}

/// As a service manager or podman (`--sdnotify`) wants it.
#[test]
fn whoever_has_started_it_hears_that_it_is_ready_and_that_it_ends() {
    let space = Space::new().unit("web", "exec = ['sleep', 'infinity']\n");
    let above = Above::listening_in(&space);
    let supd = space.env("NOTIFY_SOCKET", &above.path).supd();
    assert_eq!(above.next(), "READY=1\nSTATUS=");
    supd.wait("web", "ready");
    assert_eq!(supd.stop(), 0);
    assert_eq!(above.next(), "STOPPING=1");
}

/// Who waits for a supd in safe mode to be ready would end it, with all that it holds.
#[test]
fn whoever_has_started_it_hears_of_safe_mode_and_of_its_end() {
    let space = Space::new().unit("web", "exec = ['sleep', 'infinity']\n");
    let above = Above::listening_in(&space);
    let space = space.env("NOTIFY_SOCKET", &above.path).env("SUPD_FAULT", "panic:begin@6");
    let supd = space.supd_in_safe_mode();
    let told = above.next();
    assert!(told.starts_with("READY=1\nSTATUS=safe mode: "), "{told}");
    supd.ctl("daemon-reload");
    assert_eq!(above.next(), "READY=1\nSTATUS=");
    supd.wait("web", "ready");
    assert_eq!(supd.stop(), 0);
    assert_eq!(above.next(), "STOPPING=1");
}

/// Whoever has started supd, as far as it listens.
struct Above {
    path: String,
    socket: UnixDatagram,
}

impl Above {
    fn listening_in(space: &Space) -> Self {
        let path = space.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { path: path.to_str().unwrap().to_owned(), socket }
    }

    /// What it hears next.
    fn next(&self) -> String {
        let mut bytes = [0; 200];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let supd = Space::new().wrap(UNSHARE).unit("web", "exec = ['sleep', 'infinity']\n").supd();
    supd.ctl("get --raw /readyz?exclude=web").code(2).stderr_has("unknown parameter `exclude`");
    supd.ctl("get --raw /readyz?verbose=maybe").code(2).stderr_has("verbose: `maybe`");
    supd.ctl("get --raw /ready").code(4).stderr_has("no path `/ready`");
    supd.ctl("get --raw /readyz pods").code(2);
    supd.ctl("get --raw /version").ok().stdout_has("gitVersion");
}
