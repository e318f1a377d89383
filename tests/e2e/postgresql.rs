//! Goal: PostgreSQL as people run it. A service that makes its cluster in a step before and is ready when
//! `pg_isready` says so; an Indexed job that loads rows in parallel slots, two of which break off in the
//! middle of their first transaction; a cronjob that dumps. The dump restores with every row, into another
//! database. Once as unit files, once as Kubernetes' manifests, which differ in what Kubernetes cannot say:
//! order among objects, delays below seconds.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::User;

use super::space::{Death, Space, Supd, output};

/// Of each of six shards, the numbers 1 to 1000: how many, which shards, and their sum.
const ALL: &str = "6000|6|3003000\n";
const COUNT: &str = "SELECT count(*), count(DISTINCT shard), sum(number) FROM item";

/// Debian's PostgreSQL, the newest that is here.
struct Postgres {
    bin: PathBuf,
    user: User,
}

impl Postgres {
    fn find() -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").expect("tests/run installs PostgreSQL");
        let newest = versions.map(|entry| entry.unwrap().path()).max().expect("a version of PostgreSQL");
        let user = User::from_name("postgres").unwrap().expect("the package makes an account");
        Self { bin: newest.join("bin"), user }
    }

    /// A place with a directory that PostgreSQL may write to, and these files as its units.
    fn space(&self, files: &[(&str, &str)]) -> Space {
        let space = Space::new();
        let dir = space.path().join("pg");
        fs::create_dir(&dir).unwrap();
        chown(&dir, Some(self.user.uid.as_raw()), Some(self.user.gid.as_raw())).unwrap();
        for (name, text) in files {
            let text = text
                .replace("%DIR%", dir.to_str().unwrap())
                .replace("%BIN%", self.bin.to_str().unwrap())
                .replace("%UID%", &self.user.uid.to_string())
                .replace("%GID%", &self.user.gid.to_string());
            fs::write(space.path().join("units").join(name), text).unwrap();
        }
        space
    }

    /// What psql answers, run as the account that PostgreSQL knows.
    fn psql(&self, supd: &Supd, database: &str, arguments: &[&str]) -> String {
        let ids = (self.user.uid, self.user.gid);
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", ids.0)).arg(format!("--regid={}", ids.1)).arg("--clear-groups");
        command.arg(self.bin.join("psql")).arg("--host").arg(supd.path().join("pg"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        output(command.args(["--dbname", database]).args(arguments).current_dir("/")).ok().stdout
    }

    /// Loads, dumps, restores, ends.
    fn play(&self, supd: &Supd) {
        supd.wait("load", "complete");
        let status = supd.json("get job load")["status"].clone();
        assert_eq!((&status["completedIndexes"], &status["failedIndexes"]), (&"0-5".into(), &"".into()));
        assert_eq!((&status["succeeded"], &status["failed"]), (&6.into(), &2.into()), "1 and 4 broke off");
        assert_eq!(self.psql(supd, "postgres", &["--command", COUNT]), ALL);

        supd.ctl("resume dump").ok();
        supd.until("jobs", |job| {
            let name = job["metadata"]["name"].as_str().unwrap_or_default();
            name.starts_with("dump-") && job["status"]["succeeded"] == 1
        });
        supd.ctl("suspend dump").ok();
        self.psql(supd, "postgres", &["--command", "CREATE DATABASE copy"]);
        let dump = supd.path().join("pg/dump.sql");
        self.psql(supd, "copy", &["--output", "/dev/null", "--file", dump.to_str().unwrap()]);
        assert_eq!(self.psql(supd, "copy", &["--command", COUNT]), ALL);
    }
}

/// PostgreSQL was asked to end, and did so in order.
fn ends_well(supd: Supd) {
    let death = Death::of(supd.pid("db-0"));
    let running = supd.path().join("pg/data/postmaster.pid");
    assert!(running.exists(), "PostgreSQL's own mark, which it removes where it ends in order");
    supd.ctl("stop db").ok();
    assert!(death.within(std::time::Duration::ZERO));
    assert!(!running.exists(), "it was asked to end, not killed");
    assert_eq!(supd.stop(), 0);
}

#[test]
fn postgresql_is_filled_dumped_and_restored_by_unit_files() {
    let postgres = Postgres::find();
    let supd = postgres
        .space(&[
            ("db.toml", include_str!("postgresql/units/db.toml")),
            ("schema.toml", include_str!("postgresql/units/schema.toml")),
            ("load.toml", include_str!("postgresql/units/load.toml")),
            ("dump.toml", include_str!("postgresql/units/dump.toml")),
        ])
        .supd();
    postgres.play(&supd);
    ends_well(supd);
}

#[test]
fn postgresql_is_filled_dumped_and_restored_by_manifests() {
    let postgres = Postgres::find();
    let supd = postgres.space(&[("all.yaml", include_str!("postgresql/manifests/all.yaml"))]).supd();
    postgres.play(&supd);
    ends_well(supd);
}
