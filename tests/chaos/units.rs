//! The two hundred units, in groups by what is done to them.

/// What happens to a unit, and so what can be said of it in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Nobody touches them: they live from beginning to end.
    Calm,
    /// Services whose processes are killed.
    Prey,
    /// Services that end by themselves and restart.
    Again,
    /// `OnFailure` and `Never`: they end.
    Bare,
    /// Jobs that nobody touches.
    Steady,
    /// Jobs whose pods are killed, and that are suspended and resumed.
    Hit,
    Cron,
    /// Services and jobs that wait for others.
    Dependent,
    /// Services that operators start, stop, restart and scale.
    Toy,
    /// Jobs that operators start, stop and restart.
    ToyJob,
    /// Cronjobs that operators suspend and resume.
    ToyCron,
}

use Group::{Again, Bare, Calm, Cron, Dependent, Hit, Prey, Steady, Toy, ToyCron, ToyJob};

/// How many of each: two hundred.
const NUMBERS: &[(Group, usize)] = &[
    (Calm, 20),
    (Prey, 20),
    (Again, 30),
    (Bare, 30),
    (Steady, 40),
    (Hit, 10),
    (Cron, 20),
    (Dependent, 15),
    (Toy, 7),
    (ToyJob, 4),
    (ToyCron, 4),
];

pub const CALM_REPLICAS: usize = 2;
const PREY_REPLICAS: usize = 3;

const POLICIES: [&str; 3] = ["Allow", "Forbid", "Replace"];
/// The place of `Forbid` among them.
const FORBID: usize = 1;

pub struct Unit {
    pub name: String,
    pub group: Group,
    pub text: String,
    /// Of a job.
    pub completions: u64,
    pub indexed: bool,
    pub never: bool,
}

/// All units, for a test of that many seconds; `program` is the beginning of each one's `exec`.
pub fn all(seconds: u64, program: &[&str]) -> Vec<Unit> {
    let each = NUMBERS.iter().flat_map(|(group, count)| (0..*count).map(|number| (*group, number)));
    each.map(|(group, number)| unit(group, number, seconds, program)).collect()
}

fn unit(group: Group, number: usize, seconds: u64, program: &[&str]) -> Unit {
    let odd = number % 2 == 1;
    let (habits, below) = match group {
        Calm if number < 5 => {
            ("life=forever alone ready", format!("[readiness]\nnotify = true\n{}", replicas(CALM_REPLICAS)))
        }
        Calm => ("life=forever alone", replicas(CALM_REPLICAS)),
        Prey => ("life=forever alone", format!("{}{}", replicas(PREY_REPLICAS), backoff("100ms", "1s"))),
        Again => ("life=300-1500 fail=50 every=100 alone", backoff("500ms", "2s")),
        Bare if odd => ("life=200-8000 fail=50", String::new()),
        Bare => ("life=200-2000 fails=3", backoff("300ms", "1s")),
        Steady | Hit => {
            let habits = if number.is_multiple_of(3) && !is_never(group, number) {
                "life=500-4000 fails=1"
            } else {
                "life=500-4000 fail=15"
            };
            (habits, job(number, completions(number, seconds), kept(seconds)))
        }
        // Forbidden to overlap, and so to have company.
        Cron if number % 3 == FORBID => ("life=500-4500 alone", cron(number)),
        Cron => (if odd { "life=100-1500" } else { "life=500-4500 fail=20" }, cron(number)),
        Dependent if odd => ("life=forever alone", String::new()),
        Dependent => ("life=200-900", "[job]\ncompletions = 3\nkeep_pods = 10000\n".to_owned()),
        Toy => ("life=forever alone", replicas(2)),
        ToyJob => ("life=300-1500 fail=20", job(number, 8, kept(seconds))),
        ToyCron => ("life=100-900", cron(number)),
    };
    let never = is_never(group, number);
    let policy = match group {
        Bare | Steady | Hit | ToyJob => {
            format!("restart_policy = '{}'\n", if never { "Never" } else { "OnFailure" })
        }
        _ => String::new(),
    };
    let relations = match group {
        Dependent if number < 10 => format!("requires = ['calm-{number:02}', 'calm-00:ready']\n"),
        Dependent => format!("requires = ['dependent-{:02}:started']\nwants = ['calm-01']\n", number - 1),
        _ => String::new(),
    };
    let words: Vec<String> =
        program.iter().copied().chain(habits.split(' ')).map(|word| format!("'{word}'")).collect();
    Unit {
        name: format!("{}-{number:02}", format!("{group:?}").to_lowercase()),
        group,
        text: format!("exec = [{}]\n{policy}{relations}{}", words.join(", "), spread(&below, group, never)),
        completions: if matches!(group, Dependent) { 3 } else { completions(number, seconds) },
        indexed: matches!(group, Steady | Hit) && odd,
        never,
    }
}

/// Whether its policy is `Never`, or the same for what we want to know.
fn is_never(group: Group, number: usize) -> bool {
    match group {
        Bare => number % 2 == 1,
        Steady | Hit | ToyJob => number % 4 < 2,
        _ => true,
    }
}

/// The tables of a unit, with the quick back-off that fits its policy.
fn spread(below: &str, group: Group, never: bool) -> String {
    match group {
        Steady | Hit | ToyJob if never => {
            format!("{below}[job.backoff]\ninitial = '100ms'\nmax = '500ms'\n")
        }
        Steady | Hit | ToyJob => format!("{below}{}", backoff("100ms", "500ms")),
        _ => below.to_owned(),
    }
}

fn replicas(count: usize) -> String {
    format!("[service]\nreplicas = {count}\n")
}

fn backoff(initial: &str, max: &str) -> String {
    format!("[backoff]\ninitial = '{initial}'\nmax = '{max}'\n")
}

fn job(number: usize, completions: u64, kept: u64) -> String {
    let mode = if number % 2 == 1 { "Indexed" } else { "NonIndexed" };
    let parallelism = 1 + number % 2;
    format!(
        "[job]\ncompletions = {completions}\nparallelism = {parallelism}\ncompletion_mode = '{mode}'\n\
         backoff_limit = 100000\nkeep_pods = {kept}\n"
    )
}

/// So many that a job takes about as long as the trouble does.
fn completions(number: usize, seconds: u64) -> u64 {
    let parallelism = 1 + number as u64 % 2;
    // A run and its failures take some three seconds.
    (seconds * parallelism / 4).max(3)
}

/// Finished pods of a job, with their logs: all of them, but in a long test, where nobody could look through
/// the list of pods any more.
fn kept(seconds: u64) -> u64 {
    if seconds <= 120 { 10_000 } else { 100 }
}

fn cron(number: usize) -> String {
    let schedule = ["*/2 * * * * *", "@every 3s", "*/3 * * * * *", "@every 2s"][number % 4];
    let policy = POLICIES[number % 3];
    format!(
        "[cron]\nschedule = '{schedule}'\nconcurrency_policy = '{policy}'\nsuccessful_history = 1000\n\
         failed_history = 1000\n[job]\nbackoff_limit = 0\n"
    )
}
