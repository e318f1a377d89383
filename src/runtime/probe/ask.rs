//! The life of one probe: question after question, until there is nothing more to be found out.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::threshold::Verdict;
use super::{Answer, Asker, Errand, Note, Purpose, Question, Subject, connect, grpc, http};
use crate::engine::event::Event;
use crate::engine::id::RunId;
use crate::engine::time::Mono;
use crate::limits::EARLY_LOOK_MS;
use crate::runtime::clock;
use crate::unit::model::ProbeKind;

/// Ends when the loop is gone, by its handle being dropped, or with a verdict that is the last one.
pub(super) async fn ask_until_known(subject: Subject, notes: mpsc::Sender<Note>) {
    let Subject { run, kind, was_ready, probe, .. } = &subject;
    let mut verdict = Verdict::new(probe, *kind, *was_ready);
    let mut last_message = String::new();
    let mut ticks = ticks(&subject);
    let mut looks = EarlyLooks::of(&subject);
    loop {
        let counts = tokio::select! {
            biased;
            _ = ticks.tick() => true,
            () = looks.next() => false,
        };
        let answer = ask(*run, *kind, &subject.question, probe.timeout, &notes).await;
        let is_bad = matches!(answer, Answer::Failure(_));
        if is_bad && !counts {
            continue;
        }
        // Hardly anything is ready in the instant of its start.
        let tell = !(is_bad && looks.are_left() && *kind == ProbeKind::Readiness);
        let Some((success, message)) = tell_answer(*run, *kind, answer, tell, &notes).await else { continue };
        if success {
            looks.end();
        }
        let changed = verdict.observe(success).is_some();
        // People are told in `status` why a process is as ready as it is.
        let new_words = *kind == ProbeKind::Readiness && message != last_message;
        if changed || (new_words && Some(success) == verdict.good()) {
            last_message.clone_from(&message);
            let event = Event::Probed { run: *run, probe: *kind, good: success, message };
            if notes.send(Note::Told(event)).await.is_err() {
                return;
            }
        }
        let done = match kind {
            ProbeKind::Startup => changed,
            ProbeKind::Liveness => changed && !success,
            // What happens once is not asked for again.
            ProbeKind::Readiness => success && matches!(subject.question, Question::Await(_)),
        };
        if done {
            return;
        }
    }
}

/// Whether it counts, and as what; bad and odd ones are told at once (PRB-013, PRB-017) if they are to be.
async fn tell_answer(
    run: RunId,
    probe: ProbeKind,
    answer: Answer,
    tell: bool,
    notes: &mpsc::Sender<Note>,
) -> Option<(bool, String)> {
    let (success, message, note) = match answer {
        Answer::Success(message) => (true, message, None),
        Answer::Warning(message) => {
            let note = Note::Warned { run, probe, message: message.clone() };
            (true, message, Some(note))
        }
        Answer::Failure(message) => {
            let event = Event::ProbeFailed { run, probe, message: message.clone() };
            (false, message, Some(Note::Told(event)))
        }
        Answer::Unknown(message) => {
            tracing::warn!(%run, "a probe could not be made: {message}; ignoring");
            return None;
        }
    };
    if let Some(note) = note.filter(|_| tell) {
        // The loop is gone if this fails, and this task with it.
        let _ = notes.send(note).await;
    }
    Some((success, message))
}

/// The times of the questions. The period is the distance of ticks, not the gap after an answer (PRB-011);
/// those that passed while an answer was awaited are left out.
pub(super) fn ticks(subject: &Subject) -> Interval {
    let first = Instant::now() + first_after(subject, clock::mono());
    let mut ticks = interval_at(first, subject.probe.period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// How long from now until the first question: until the initial delay is over. A run that was there before
/// this manager is asked somewhat later, so that a thousand of them are not asked in one instant.
pub(super) fn first_after(subject: &Subject, now: Mono) -> Duration {
    let due = subject.started + subject.probe.initial_delay;
    let part = subject.run.pod.0.wrapping_mul(7).wrapping_add(u64::from(subject.run.process)) % 16;
    let spread = match subject.adopted {
        true => subject.probe.period.mul_f64(part as f64 / 16.0),
        false => Duration::ZERO,
    };
    due.since(now) + spread
}

/// Looks between the first question and the second, at growing distances: most programs are ready long before a usual
/// period of 10 seconds is over, and nobody should have to wait for its end. What such a look does not find is no
/// failure, and counts for nothing.
struct EarlyLooks {
    next: Instant,
    /// From the next one to the one after it.
    gap: Duration,
    end: Instant,
}

impl EarlyLooks {
    /// None of what was there before this manager, of what must be good several times in a row, and of what lives until
    /// the opposite is known.
    fn of(subject: &Subject) -> Self {
        let probe = &subject.probe;
        let wanted = subject.kind != ProbeKind::Liveness
            && !subject.adopted
            && probe.success_threshold <= 1
            && !matches!(subject.question, Question::Await(_) | Question::Impossible(_));
        let first = Instant::now() + first_after(subject, clock::mono());
        let gap = Duration::from_millis(EARLY_LOOK_MS);
        let end = if wanted { first + probe.period } else { first };
        Self { next: first + gap, gap: gap * 2, end }
    }

    /// Waits for the next one; for ever after the last.
    async fn next(&mut self) {
        if !self.are_left() {
            return std::future::pending().await;
        }
        sleep_until(self.next).await;
        self.next += self.gap;
        self.gap *= 2;
    }

    fn are_left(&self) -> bool {
        self.next < self.end
    }

    fn end(&mut self) {
        self.end = self.next;
    }
}

/// One question, one answer, within its time.
async fn ask(
    run: RunId,
    kind: ProbeKind,
    question: &Question,
    limit: Duration,
    notes: &mpsc::Sender<Note>,
) -> Answer {
    let asker = Asker { run, purpose: Purpose::Probe(kind) };
    match question {
        Question::Tcp { host, port } => {
            let connect = async {
                match connect(host, *port).await {
                    Ok(_) => Answer::Success(format!("tcp {host}:{port}: connected")),
                    Err(answer) => answer,
                }
            };
            in_time(limit, &format!("tcp {host}:{port}"), connect).await
        }
        Question::Http(get) => in_time(limit, &format!("GET {}", get.path), http::ask(get)).await,
        Question::Grpc { host, port, service } => {
            in_time(limit, &format!("grpc {host}:{port}"), grpc::ask(host, *port, service)).await
        }
        Question::Command(command) => run_command(asker, command, Some(limit), notes).await,
        // That it has ended otherwise than well is no word about the process.
        Question::Await(command) => match run_command(asker, command, None, notes).await {
            Answer::Failure(message) => Answer::Unknown(message),
            answer => answer,
        },
        Question::Impossible(why) => Answer::Failure(why.clone()),
    }
}

/// What is not answered in time is a failure.
pub(in crate::runtime) async fn in_time(
    limit: Duration,
    what: &str,
    answer: impl Future<Output = Answer>,
) -> Answer {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Answer::Failure(format!("{what}: no answer within {limit:?}")),
    }
}

/// Asks the loop to run the command, and waits for its word: the end, or that the time is over.
pub(in crate::runtime) async fn run_command(
    asker: Asker,
    command: &Errand,
    limit: Option<Duration>,
    notes: &mpsc::Sender<Note>,
) -> Answer {
    let gone = || Answer::Unknown("the manager is ending".into());
    let (answer, mut told) = oneshot::channel();
    if notes.send(Note::Ask { asker, command: command.clone(), answer }).await.is_err() {
        return gone();
    }
    let Some(limit) = limit else { return told.await.unwrap_or_else(|_| gone()) };
    if let Ok(answer) = timeout(limit, &mut told).await {
        return answer.unwrap_or_else(|_| gone());
    }
    if notes.send(Note::Overdue { asker, after: limit }).await.is_err() {
        return gone();
    }
    told.await.unwrap_or_else(|_| gone())
}
