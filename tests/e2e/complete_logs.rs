//! Whoever reads the logs of what has ended reads all of them; a logger that is stuck holds nobody up for long.

#![allow(clippy::disallowed_types)] // A test has children of its own.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::Space;

#[test]
fn the_last_line_is_there_as_soon_as_the_end_is_known() {
    let supd = Space::new().supd();
    for number in 0..30 {
        supd.ctl(&format!("run --wait --name job-{number} -- /bin/echo line {number}")).ok();
        supd.ctl(&format!("logs job-{number}")).ok().stdout_is(&format!("line {number}\n"));
    }
    let socket = supd.path().join("run/control.sock");
    let path = "http://x/api/v1/namespaces/default/pods/job-7-0/log";
    let mut curl = std::process::Command::new("curl");
    let output = super::space::output(curl.arg("-s").arg("--unix-socket").arg(socket).arg(path));
    output.ok().stdout_has("LogLocation").stdout_has("main/0.log");
}

#[test]
fn a_stuck_logger_is_waited_for_but_not_for_ever() {
    let supd = Space::new().fifo("gate").unit("job", "shell = 'read l < @/gate; echo done'\n[job]\n").supd();
    // Somebody has said something, so that there is a logger.
    supd.ctl("run --wait --name first -- /bin/echo first").ok();
    let logger = Pid::from_raw(supd.role("logger"));
    kill(logger, Signal::SIGSTOP).unwrap();
    supd.release("gate");
    supd.wait("job", "complete");
    let mut reader = supd.stream("logs job");
    for _ in 0..5 {
        supd.ctl("status").ok();
    }
    assert_eq!(reader.line(), None, "it is answered, with what there is");
    assert_eq!(reader.end(), 0);
    kill(logger, Signal::SIGCONT).unwrap();
    supd.ctl("logs job").ok().stdout_is("done\n");
}
