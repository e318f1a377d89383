//! The play: calm units first, then all of them, trouble, calm again, audit.

use std::collections::BTreeMap;
use std::env::{var, var_os};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, SystemTime};

use super::audit::{self, Account};
use super::calm_down;
use super::processes;
use super::promised::Part;
use super::space::{Space, Supd};
use super::trouble::Trouble;
use super::units::{self, Group, Unit};

pub fn play() -> ExitCode {
    let seconds = var("SUPD_CHAOS_SECONDS").map_or(60, |text| text.parse().unwrap());
    let seed = var("SUPD_CHAOS_SEED").map_or_else(|_| new_seed(), |text| text.parse().unwrap());
    println!("chaos: {seconds} s, SUPD_CHAOS_SEED={seed}");

    let space = Space::new();
    let place = space.path().to_owned();
    for name in ["own", "own/places"] {
        fs::create_dir(place.join(name)).unwrap();
    }
    let this = std::env::current_exe().unwrap();
    let own = place.join("own");
    let program = [this.to_str().unwrap(), "program", own.to_str().unwrap()];
    let units = units::all(seconds, &program);

    let (calm, others): (Vec<_>, Vec<_>) = units.iter().partition(|unit| unit.group == Group::Calm);
    write(&place, &calm);
    let supd = space.supd();
    for unit in &calm {
        supd.wait(&unit.name, "ready");
    }
    let before = levels(&supd);
    write(&place, &others);
    supd.ctl("apply").ok();
    let followers = Followers::begin(&supd);

    let mut trouble = Trouble::new(&supd, &units, seed);
    trouble.make(Duration::from_secs(seconds));
    let Trouble { clients, stuck, done, killed, .. } = trouble;
    println!("chaos: {done:?}");

    let open = calm_down::settle(&supd, &units, Duration::from_secs(seconds));
    let mut account = Account::new(&supd, &units, &killed);
    account.fault(Part::Counts, open);
    account.fault(Part::Clients, clients.faults);
    // What they had asked for is forgotten, and they wait for it.
    account.fault(Part::Intents, stuck);
    account.take(&clients.intents, &clients.suspends);
    calm_down::stop_others(&supd, &units);
    account.compare_levels(before, levels(&supd));
    account.follower(followers.end());
    let faults = account.end();
    keep(&place);

    supd.ctl("shutdown").ok();
    let mut supd = supd;
    let code = supd.wait_end();
    let left = audit::left_behind();
    println!("clients: {}", ends(&clients.ends));
    let failed = audit::tell(faults, code, &left);
    println!("SUPD_CHAOS_SEED={seed}: {}", if failed { "FAILED" } else { "all is well" });
    let (word, passed) = if failed { ("FAILED", 0) } else { ("ok", 1) };
    println!("\ntest result: {word}. {passed} passed; {} failed; 0 skipped\n", 1 - passed);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// As they are: an `@` belongs to a schedule.
fn write(place: &Path, units: &[&Unit]) {
    for unit in units {
        fs::write(place.join("units").join(format!("{}.toml", unit.name)), &unit.text).unwrap();
    }
}

fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_micros() as u64 % 1_000_000_000
}

/// Open descriptors of keeper and manager.
fn levels(supd: &Supd) -> [usize; 2] {
    // Answered once the logs of all that has ended are complete, and their pipes closed.
    supd.ctl("logs calm-07-0 --tail 1").ok();
    [processes::descriptors(supd.keeper), processes::descriptors(supd.role("manager"))]
}

fn ends(ends: &BTreeMap<(&'static str, Option<i32>), u32>) -> String {
    let one = |((verb, code), count): (&(&'static str, Option<i32>), &u32)| match code {
        Some(code) => format!("{count} {verb} → {code}"),
        None => format!("{count} {verb} killed"),
    };
    ends.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Clients that are there from beginning to end.
struct Followers {
    logs: Child,
    watch: Child,
    place: std::path::PathBuf,
}

impl Followers {
    fn begin(supd: &Supd) -> Self {
        let place = supd.path().join("own");
        let follow = |words: &[&str], name: &str| {
            let out = fs::File::create(place.join(name)).unwrap();
            let error = fs::File::create(place.join(format!("{name}.error"))).unwrap();
            supd.space().supctl_command(words).stdout(out).stderr(error).spawn().unwrap()
        };
        Self {
            logs: follow(&["logs", "-f", "calm-07-0"], "logs"),
            watch: follow(&["get", "pods", "-w", "-o", "jsonl"], "watch"),
            place: place.clone(),
        }
    }

    /// What they have printed, and whether they were there until now.
    fn end(mut self) -> audit::Followed {
        let mut lived = true;
        for (name, child) in [("logs", &mut self.logs), ("watch", &mut self.watch)] {
            if let Some(status) = child.try_wait().unwrap() {
                lived = false;
                let error = fs::read_to_string(self.place.join(format!("{name}.error"))).unwrap();
                println!("the client of {name} has gone: {status}: {}", error.trim());
            }
            let _ = child.kill();
            child.wait().unwrap();
        }
        audit::Followed { lived, lines: fs::read_to_string(self.place.join("logs")).unwrap() }
    }
}

/// For a look after the test.
fn keep(place: &Path) {
    if let Some(to) = var_os("SUPD_CHAOS_KEEP") {
        let copied = Command::new("cp").arg("-aT").arg(place).arg(to).status().unwrap();
        assert!(copied.success());
    }
}
