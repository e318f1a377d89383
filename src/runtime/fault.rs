//! Why a run could not be started, in words: `exec /usr/bin/web: no such file (ENOENT)`.

use nix::errno::Errno;

use crate::engine::event::Outcome;
use crate::wire::run::{Fault, Step};

/// The outcome of a run that never was.
pub fn outcome(fault: &Fault<'_>) -> Outcome {
    Outcome::NotStarted { message: words(fault), exhausted: exhausted(fault) }
}

/// Whether supd or the machine had run out of something: no fault of the unit, and worth a try soon.
fn exhausted(fault: &Fault<'_>) -> bool {
    matches!(fault.step, Step::Pipe | Step::Clone)
        && matches!(fault.errno, libc::EAGAIN | libc::EMFILE | libc::ENFILE | libc::ENOMEM)
}

fn words(fault: &Fault<'_>) -> String {
    let detail = String::from_utf8_lossy(fault.detail);
    let act = match fault.step {
        Step::Plan => "plan",
        Step::User | Step::SetUser => "user",
        Step::Group | Step::SetGroup => "group",
        Step::SetGroups => "supplementary_groups",
        Step::EnvFile => "env_file",
        Step::Pipe => "pipe",
        Step::Clone => "clone",
        Step::Session => "setsid",
        Step::Signals => "signals",
        Step::Stdio => "standard input and output",
        Step::Terminal => "terminal",
        Step::Rlimit => "rlimit",
        Step::Chdir => "working_dir",
        Step::Path | Step::Exec => "exec",
        Step::Interpreter => "interpreter",
        Step::Volume => "volume at",
        Step::Mount => "mount at",
        Step::Cgroup => "cgroup",
        Step::SpawnerDied => return "the spawner ended before the process was there".to_owned(),
    };
    let about = if detail.is_empty() { act.to_owned() } else { format!("{act} {}", detail.escape_debug()) };
    match (fault.step, fault.errno) {
        (Step::Path, _) => format!("{about}: not in PATH"),
        (Step::User, 0) => format!("{about}: no such user"),
        (Step::Mount, libc::EPERM) => format!("{about}: only root may mount volumes (EPERM)"),
        (Step::Cgroup, libc::ERANGE | libc::EINVAL) => {
            format!("{about}: the kernel does not take this value")
        }
        (Step::Group, 0) => format!("{about}: no such group"),
        (_, 0) => format!("{about}: not usable"),
        (_, errno) => format!("{about}: {}", errno_words(errno)),
    }
}

/// `no such file (ENOENT)`.
fn errno_words(errno: i32) -> String {
    let errno = Errno::from_raw(errno);
    let words = match errno {
        Errno::ENOENT => "no such file".to_owned(),
        Errno::ENOEXEC => "not a program".to_owned(),
        Errno::EAGAIN => "no room for another process".to_owned(),
        Errno::UnknownErrno => return "unknown error".to_owned(),
        other => {
            let text = other.desc();
            let mut letters = text.chars();
            letters
                .next()
                .map(|first| first.to_ascii_lowercase().to_string() + letters.as_str())
                .unwrap_or_default()
        }
    };
    format!("{words} ({errno:?})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_tried_and_what_the_kernel_said() {
        let say = |step, errno, detail: &str| words(&Fault { step, errno, detail: detail.as_bytes() });
        assert_eq!(say(Step::Exec, libc::ENOENT, "/usr/bin/web"), "exec /usr/bin/web: no such file (ENOENT)");
        assert_eq!(say(Step::Chdir, libc::EACCES, "/srv"), "working_dir /srv: permission denied (EACCES)");
        assert_eq!(say(Step::Path, 0, "wbe"), "exec wbe: not in PATH");
        assert_eq!(say(Step::User, 0, "nobdy"), "user nobdy: no such user");
        assert_eq!(say(Step::EnvFile, libc::ENOENT, "/etc/a\n"), "env_file /etc/a\\n: no such file (ENOENT)");
    }

    #[test]
    fn only_a_machine_that_has_run_out_excuses_a_unit() {
        let fault = |step, errno| Fault { step, errno, detail: b"" };
        assert!(exhausted(&fault(Step::Clone, libc::EAGAIN)) && exhausted(&fault(Step::Pipe, libc::EMFILE)));
        assert!(!exhausted(&fault(Step::Exec, libc::ENOMEM)) && !exhausted(&fault(Step::Clone, libc::EPERM)));
        assert!(!exhausted(&fault(Step::SpawnerDied, 0)));
    }
}
