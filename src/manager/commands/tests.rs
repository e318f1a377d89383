//! Commands made of pipes and words.

use std::io::Write;

use super::*;
use crate::engine::event::Usage;
use crate::engine::time::Now;
use crate::manager::probes::commands_pipe;
use crate::runtime::probe::Purpose;
use crate::unit::model::ProbeKind;

const RUN: RunId = RunId { pod: PodUid(7), class: Class::Main, process: 0, attempt: 0 };
const PROBED: Asker = Asker { run: RUN, purpose: Purpose::Probe(ProbeKind::Readiness) };

fn exit(outcome: Outcome) -> Exit {
    Exit { outcome, usage: Usage::default(), at: Now::default() }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// A probe that prints `text` and keeps its pipe open, with what becomes of it.
async fn probe(text: &[u8], act: impl FnOnce(&mut Commands, RunId)) -> Answer {
    let mut commands = Commands::default();
    let run = commands.new_run(RUN.pod, Class::Probe, 1);
    let (reader, writer) = commands_pipe().unwrap();
    let (answer, told) = oneshot::channel();
    commands.add_asked(run, PROBED, &Errand::Exec(Vec::new()), reader, answer);
    let mut writer = std::fs::File::from(writer);
    writer.write_all(text).unwrap();
    act(&mut commands, run);
    let answer = told.await.unwrap();
    drop(writer);
    answer
}

#[test]
fn a_probe_is_judged_by_its_end_and_explained_by_its_first_line() {
    block_on(async {
        let ended = |outcome| move |commands: &mut Commands, run| drop(commands.ended(run, exit(outcome)));
        assert_eq!(probe(b"", ended(Outcome::Exited(0))).await, Answer::Success("exec: exit 0".into()));
        let answer = probe(b"no\x1b answer\nmore", ended(Outcome::Exited(3))).await;
        assert_eq!(answer, Answer::Failure("exec: exit 3: no\\u{1b} answer".into()));
        let exhausted = Outcome::NotStarted { message: "clone".into(), exhausted: true };
        assert_eq!(probe(b"", ended(exhausted)).await, Answer::Unknown("clone".into()));
    });
}

#[test]
fn a_probe_that_prints_without_end_is_not_kept() {
    block_on(async {
        let text = vec![b'x'; PROBE_OUTPUT_BYTES_MAX + 5000];
        let answer = probe(&text, |commands, run| drop(commands.ended(run, exit(Outcome::Exited(1))))).await;
        let Answer::Failure(message) = answer else { panic!("{answer:?}") };
        assert!(message.len() < PROBE_OUTPUT_BYTES_MAX + 50);
    });
}

#[test]
fn an_overdue_probe_is_answered_for_once_and_counts_as_running_until_it_ends() {
    block_on(async {
        let answer = probe(b"", |commands, run| {
            assert_eq!(commands.overdue(PROBED, Duration::from_secs(1)), Some(run));
            assert_eq!(commands.overdue(PROBED, Duration::from_secs(1)), None);
            assert_eq!(commands.command_of(PROBED), Some(run));
            let _ = commands.ended(run, exit(Outcome::Signaled { signal: 9, core: false }));
            assert_eq!((commands.command_of(PROBED), commands.count()), (None, 0));
        });
        assert_eq!(answer.await, Answer::Failure("exec: no answer within 1s".into()));
    });
}

#[test]
fn an_end_that_was_known_counts_before_the_time_is_over() {
    block_on(async {
        let answer = probe(b"", |commands, run| {
            let _ = commands.ended(run, exit(Outcome::Exited(0)));
            assert_eq!(commands.overdue(PROBED, Duration::from_secs(1)), None);
        });
        assert_eq!(answer.await, Answer::Success("exec: exit 0".into()));
    });
}

#[test]
fn the_next_question_waits_for_the_end_of_the_last_command_but_not_for_ever() {
    block_on(async {
        let mut told = Vec::new();
        let mut next = || {
            let (answer, end) = oneshot::channel();
            told.push(end);
            Question { asker: PROBED, command: Errand::Exec(Vec::new()), answer }
        };
        let (first, second) = (next(), next());
        let _ = probe(b"", |commands, run| {
            commands.overdue(PROBED, Duration::from_secs(1));
            commands.queue(first);
            assert_eq!(commands.overdue(PROBED, Duration::from_secs(1)), None, "it was killed already");
            commands.queue(second);
            let waiting = commands.ended(run, exit(Outcome::Signaled { signal: 9, core: false }));
            assert!(waiting.is_some_and(|question| !question.answer.is_closed()));
        })
        .await;
        let Ok(Answer::Failure(message)) = told.remove(0).await else { panic!("no answer") };
        assert!(message.contains("not ended"), "{message}");
    });
}

#[test]
fn exec_passes_on_all_output_before_the_end() {
    block_on(async {
        let mut commands = Commands::default();
        let run = commands.new_run(RUN.pod, Class::Exec, 1);
        let (out, err) = (commands_pipe().unwrap(), commands_pipe().unwrap());
        let (frames, mut stream) = mpsc::channel(4);
        let (notes, _notes) = mpsc::channel(4);
        commands.add_exec(run, [out.0, err.0], frames, notes);
        // Somebody else still holds the pipes: the end is that of the command, not of the pipe.
        let (mut stdout, mut stderr) = (std::fs::File::from(out.1), std::fs::File::from(err.1));
        stdout.write_all(&[b'o'; 40_000]).unwrap();
        stderr.write_all(b"oops").unwrap();
        let _ = commands.ended(run, exit(Outcome::Exited(5)));
        let (mut buffer, mut seen) = (Vec::new(), [0, 0]);
        let end = loop {
            buffer.extend_from_slice(&stream.recv().await.unwrap());
            match ExecFrame::decode(&mut buffer).unwrap() {
                Some(ExecFrame::Stdout(data)) => seen[0] += data.len(),
                Some(ExecFrame::Stderr(data)) => seen[1] += data.len(),
                Some(ExecFrame::End(end)) => break end,
                None => {}
            }
        };
        assert_eq!((seen, end.exit_code), ([40_000, 4], 5));
    });
}

#[test]
fn a_client_that_goes_ends_its_command() {
    block_on(async {
        let mut commands = Commands::default();
        let run = commands.new_run(RUN.pod, Class::Exec, 1);
        let (out, err) = (commands_pipe().unwrap(), commands_pipe().unwrap());
        let (frames, stream) = mpsc::channel(4);
        let (notes, mut told) = mpsc::channel(4);
        commands.add_exec(run, [out.0, err.0], frames, notes);
        drop(stream);
        assert!(matches!(told.recv().await, Some(Note::Abandoned { run: gone }) if gone == run));
    });
}

#[test]
fn what_could_not_be_started_has_dockers_codes() {
    let code = |message: &str| {
        exec_end(&exit(Outcome::NotStarted { message: message.into(), exhausted: false })).exit_code
    };
    assert_eq!(code("exec /x: no such file (ENOENT)"), 127);
    assert_eq!(code("exec x: not in PATH"), 127);
    assert_eq!(code("exec /x: permission denied (EACCES)"), 126);
    assert_eq!(code("clone: no room for another process (EAGAIN)"), 125);
}
