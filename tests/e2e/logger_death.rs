//! Goal: whoever dies, each line that was printed is in the files once, whole and in its place, and nobody who
//! prints meets a broken pipe.
//! Method: programs that print numbered lines, in halves and longer than any line is kept whole, while the
//! logger is killed again and again, or the keeper once; then what the files have is compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Death, Space, Supd, Watch, children};

/// Lines of each writer: more than its pipe holds many times over.
const LINES: u32 = 15_000;
/// Lines of a writer that waits in the middle of its work, and of a line.
const LINES_ALONE: u32 = 2_800;

/// A unit that runs the program at the end of this file.
fn writers(lines: u32, count: u32) -> String {
    let this = std::env::current_exe().unwrap();
    format!(
        "exec = ['{}', '--exact', 'logger_death::program', '--ignored']\nrestart_policy = 'Never'\n\
         [job]\ncompletions = {count}\nparallelism = {count}\nkeep_pods = {count}\n\
         [env]\nPLACE = '@'\nLINES = '{lines}'\n",
        this.display()
    )
}

/// What a writer prints in one line: most are short; some are longer than a line that is kept whole, so that
/// they are kept in parts, and some just as long.
fn text(number: u32) -> String {
    let length = match number % 500 {
        0 => 40_000,
        1 => 16 * 1024,
        2 => 16 * 1024 + 1,
        other => other as usize % 200,
    };
    let mut text = format!("number {number} ");
    while text.len() < length {
        text.push(char::from(b'a' + (text.len() % 23) as u8));
    }
    text
}

/// The lines of each log file of a unit, rotated ones first, their parts joined; by pod.
fn lines(place: &Path, unit: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for pod in fs::read_dir(place.join("log")).unwrap() {
        let pod = pod.unwrap();
        let name = pod.file_name().into_string().unwrap();
        if !name.starts_with(&format!("{unit}_")) {
            continue;
        }
        let mut bytes = Vec::new();
        for rotated in [".4", ".3", ".2", ".1", ""] {
            let file = pod.path().join(format!("main/0.log{rotated}"));
            bytes.extend(fs::read(file).unwrap_or_default());
        }
        let mut lines = vec![String::new()];
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = str::from_utf8(line).unwrap().strip_suffix('\n').expect("a line ends");
            let mut parts = line.splitn(4, ' ');
            let (_, stream, tag) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            assert_eq!(stream, "stdout", "{line}");
            lines.last_mut().unwrap().push_str(parts.next().unwrap());
            if tag == "F" {
                lines.push(String::new());
            }
        }
        assert_eq!(lines.pop().as_deref(), Some(""), "the last line is whole");
        found.insert(name, lines);
    }
    found
}

/// Each file of a unit has all lines of its writer, in order, once.
#[track_caller]
fn assert_complete(place: &Path, unit: &str, count: u32, lines_each: u32) {
    let found = lines(place, unit);
    assert_eq!(found.len(), count as usize);
    for (pod, lines) in found {
        // The test harness that the writer is says something first.
        let begin = lines.iter().position(|line| line.starts_with("number "));
        let begin = begin.unwrap_or_else(|| panic!("{pod} has printed {lines:#?}"));
        for (number, line) in lines[begin..].iter().enumerate() {
            let want = text(number as u32);
            let shown = |text: &str| text.chars().take(60).collect::<String>();
            assert!(
                *line == want,
                "{pod}: line {number} of {} bytes is {} ({} bytes)",
                want.len(),
                shown(line),
                line.len()
            );
        }
        assert_eq!(lines.len() - begin, lines_each as usize, "{pod}");
    }
}

/// Kills loggers until the pods have ended: some as soon as they have their name, others at some instant after
/// they have written something. Gives how many.
fn kill_loggers(supd: &Supd, unit: &str) -> u32 {
    let mut waiter = supd.stream(&format!("wait {unit} --for=complete --timeout=90s"));
    let over = Death::of(waiter.pid());
    let is_over = || over.within(std::time::Duration::ZERO);
    let (mut kills, mut dice) = (0, 1_u32);
    let mut before = bytes_written(supd.path());
    while !is_over() {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        while kills % 4 != 0 && bytes_written(supd.path()) == before && !is_over() {
            std::thread::yield_now();
        }
        for _ in 0..dice >> 22 {
            std::hint::spin_loop();
        }
        supd.kill_role("logger");
        before = bytes_written(supd.path());
        kills += 1;
    }
    assert_eq!(waiter.line().as_deref().map(|line| line.contains("complete")), Some(true));
    assert_eq!(waiter.end(), 0);
    kills
}

/// Of all log files.
fn bytes_written(place: &Path) -> u64 {
    written(place).sum()
}

fn written(place: &Path) -> impl Iterator<Item = u64> {
    let pods = fs::read_dir(place.join("log")).unwrap();
    let size = |pod: fs::DirEntry| fs::metadata(pod.path().join("main/0.log")).map_or(0, |meta| meta.len());
    pods.map(move |pod| size(pod.unwrap()))
}

#[test]
fn a_logger_that_is_killed_all_the_time_loses_and_repeats_nothing() {
    let supd = Space::new().unit("w", &writers(LINES, 20)).supd();
    let mut follow = supd.stream("logs -f w-7");
    let kills = kill_loggers(&supd, "w");
    eprintln!("{kills} loggers were killed");
    // Who reads the file while it is written is not told a line twice, either.
    let seen = follow.until(&format!("number {} ", LINES - 1));
    let numbers: Vec<&String> = seen.iter().filter(|line| line.starts_with("number ")).collect();
    assert_eq!(numbers.len(), LINES as usize);
    assert!(numbers.iter().enumerate().all(|(number, line)| **line == text(number as u32)));
    let place = supd.path().to_owned();
    supd.ctl("logs w-19").ok();
    assert_complete(&place, "w", 20, LINES);
    assert_eq!(supd.stop(), 0);
}

#[test]
fn last_words_are_kept_though_loggers_are_killed_until_the_end() {
    // On TERM they say what they have to say: far more than their pipes hold.
    let text = "shell = \"trap 'seq -f \\\"number %.0f\\\" 0 19999; exit 0' TERM; \
                sleep infinity & wait $!\"\n[service]\nreplicas = 4\n";
    let supd = Space::new().unit("w", text).supd();
    supd.wait("w", "ready");
    let (place, keeper) = (supd.path().to_owned(), supd.keeper);
    let over = Death::of(keeper);
    let stop = std::thread::spawn(move || {
        // Kept until the files are compared.
        let mut supd = supd;
        kill(Pid::from_raw(supd.keeper), Signal::SIGTERM).unwrap();
        assert_eq!(supd.wait_end(), 0);
        supd
    });
    let (mut kills, mut before) = (0, 0);
    while !over.within(std::time::Duration::ZERO) {
        // Each does something; one that does nothing is waited for no longer than a stage takes.
        let now = bytes_written(&place);
        if now == before {
            std::thread::yield_now();
            continue;
        }
        before = now;
        let loggers = children(keeper).into_iter().filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"logger")
        });
        for logger in loggers {
            kills += u32::from(kill(Pid::from_raw(logger), Signal::SIGKILL).is_ok());
        }
    }
    let _supd = stop.join().unwrap();
    eprintln!("{kills} loggers were killed");
    let found = lines(&place, "w");
    assert_eq!(found.len(), 4);
    for (pod, lines) in found {
        assert_eq!(lines.len(), 20_000, "{pod}");
        assert!(lines.iter().enumerate().all(|(number, line)| *line == format!("number {number}")));
    }
}

#[test]
fn a_logger_that_is_stuck_holds_up_the_end_for_a_while_only() {
    let text = "shell = 'echo one; sleep infinity & wait $!'\n";
    let supd = Space::new().unit("w", text).supd();
    supd.stream("logs -f w").until("one");
    kill(Pid::from_raw(supd.role("logger")), Signal::SIGSTOP).unwrap();
    assert_eq!(supd.stop(), 0);
}

#[test]
fn without_a_keeper_who_prints_is_heard_to_the_end() {
    let gates = (0..5).map(|pod| format!("gate-w-{pod}"));
    let space = gates.clone().fold(Space::new(), |space, gate| space.fifo(&gate));
    let supd = space.unit("w", &writers(LINES_ALONE, 5)).supd();
    let mut follow: Vec<_> = (0..5).map(|pod| supd.stream(&format!("logs -f w-{pod}"))).collect();
    for follow in &mut follow {
        // The next one is begun.
        follow.until(&format!("number {} ", LINES_ALONE / 2 - 1));
    }
    let logger = supd.role("logger");
    let ended = Death::of(logger);
    let keeper = Death::of(supd.keeper);
    kill(Pid::from_raw(supd.keeper), Signal::SIGKILL).unwrap();
    keeper.wait();
    // Each has half of its lines to say, one of them half a line first.
    for gate in gates {
        supd.release(&gate);
    }
    let watch = Watch::new(supd.path());
    watch.until(|| (0..5).all(|pod| supd.path().join(format!("done-w-{pod}")).exists()));
    ended.wait();
    assert_complete(supd.path(), "w", 5, LINES_ALONE);
}

#[test]
fn keepers_that_die_leave_every_line_to_the_next() {
    let mut supd = Space::new().unit("w", &writers(LINES, 20)).supd();
    // A run that is being started at this very moment would be without a reader, fail, and be tried again.
    while written(supd.path()).filter(|bytes| *bytes > 0).count() < 20 {
        std::thread::yield_now();
    }
    for _ in 0..4 {
        supd.kill_keeper();
        supd.start_again();
    }
    supd.wait("w", "complete");
    let list = supd.json("get pods");
    assert_eq!(list["items"].as_array().unwrap().len(), 20, "no second copy");
    supd.ctl("logs w-0").ok();
    assert_complete(supd.path(), "w", 20, LINES);
    assert_eq!(supd.stop(), 0);
}

/// The program: prints its lines, every seventh in two halves.
#[test]
#[ignore = "a program that other tests run"]
fn program() {
    let Ok(place) = std::env::var("PLACE") else { return };
    let lines: u32 = std::env::var("LINES").unwrap().parse().unwrap();
    let stdout = std::io::stdout();
    let say = |mut bytes: &[u8]| {
        while !bytes.is_empty() {
            let count = nix::unistd::write(&stdout, bytes).unwrap();
            bytes = &bytes[count..];
        }
    };
    let pod = std::env::var("SUPD_POD").unwrap();
    for number in 0..lines {
        let line = text(number) + "\n";
        let (head, tail) = line.as_bytes().split_at(if number % 7 == 0 { line.len() / 2 } else { 0 });
        say(head);
        if number == lines / 2 && lines == LINES_ALONE {
            fs::read(format!("{place}/gate-{pod}")).unwrap();
        }
        say(tail);
    }
    fs::write(format!("{place}/done-{pod}"), "").unwrap();
    std::process::exit(0);
}
