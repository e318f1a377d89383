//! What the command finds is what it would find without supd: descriptors, signals, variables.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::process::Command;

use super::space::output;

const SUPD: &str = env!("CARGO_BIN_EXE_supd");

/// What a shell script prints that begins with `"$@"` for what is looked at.
fn printed(script: &str, words: &[&str]) -> String {
    output(Command::new("bash").args(["-c", script, "bash"]).args(words)).ok().stdout
}

#[test]
fn it_finds_the_descriptors_that_we_were_given_and_no_other() {
    // What other tests have open at the same time may have come along: it goes first.
    let script = r#"for fd in /proc/$$/fd/*; do fd=${fd##*/}; ((fd > 2 && fd < 200)) && eval "exec $fd>&-"; done
                    exec 5</dev/null 9>/dev/null; "$@" bash -c 'echo /proc/$$/fd/*'"#;
    let count = |words: &[&str]| {
        let line = printed(script, words);
        line.split_whitespace().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let direct = count(&["env"]);
    assert!(direct.contains(&"5".to_owned()) && direct.contains(&"9".to_owned()), "{direct:?}");
    assert_eq!(count(&[SUPD, "--"]), direct);
}

#[test]
fn it_finds_closed_what_was_closed() {
    let script = r#"exec 9>&1; "$@" bash -c 'for n in 0 1 2; do [ -e /proc/$$/fd/$n ] || echo "$n is closed"; done >&9' \
                    <&- 2>&-"#;
    assert_eq!(printed(script, &["env"]), "0 is closed\n2 is closed\n");
    assert_eq!(printed(script, &[SUPD, "--"]), "0 is closed\n2 is closed\n");
}

#[test]
fn what_we_were_given_is_closed_when_the_command_closes_it() {
    // The reader sees the end of file while the command runs on: nobody else holds the pipe.
    let script = r#"exec 3>&1; { "$@" bash -c 'exec 7>&-; read -t 20 <&8; echo "command $?" >&3' 8<&0; } \
                    7>&1 >/dev/null < <(sleep 0; cat /dev/null) | { cat >/dev/null; echo 'end of file'; }"#;
    assert!(printed(script, &[SUPD, "--"]).contains("end of file"));
}

#[test]
fn it_finds_no_signal_held_or_ignored() {
    let mut command = Command::new("env");
    command.args(["--block-signal=TERM,USR1,CHLD", "--ignore-signal=HUP,PIPE,TTOU"]);
    let out = output(command.args([SUPD, "--", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])).ok();
    for line in out.stdout.lines() {
        assert!(line.ends_with("0000000000000000"), "{line}");
    }
    assert_eq!(out.stdout.lines().count(), 2);
}

#[test]
fn variables_that_name_our_pid_name_its_own() {
    let script = r#"export LISTEN_FDS=1 LISTEN_PIDFDID=7 WATCHDOG_PID=1; LISTEN_PID=$$ \
                    exec "$@" bash -c '[ $LISTEN_PID = $$ ] && echo "$LISTEN_FDS ${LISTEN_PIDFDID-none} $WATCHDOG_PID"'"#;
    assert_eq!(printed(script, &[SUPD, "--"]), "1 none 1\n");
    // Somebody else's stay as they are.
    let script = r#"LISTEN_PID=1 LISTEN_PIDFDID=7 exec "$@" bash -c 'echo $LISTEN_PID $LISTEN_PIDFDID'"#;
    assert_eq!(printed(script, &[SUPD, "--"]), "1 7\n");
}

#[test]
fn arguments_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;
    let word = std::ffi::OsStr::from_bytes(b"a\xffb");
    let out = Command::new(SUPD).args(["--", "printf", "%s"]).arg(word).output().unwrap();
    assert_eq!(out.stdout, b"a\xffb");
}
