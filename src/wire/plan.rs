//! What a spawner is to do, as the unit names it: nothing in a plan has been looked up, opened or resolved,
//! since whatever touches a path of a user happens in the spawner.

use super::cgroup::setting::Setting;
use super::codec::{Malformed, Reader, Writer};
use super::volume::{Mount, Volume};

/// Everything about one start. Bytes without NUL; the spawner refuses others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Program and arguments; a name without `/` is looked up in the PATH of the final environment.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=VALUE`, weakest.
    pub base_env: Vec<Vec<u8>>,
    /// Files of variables, over `base_env`, in order.
    pub env_files: Vec<EnvFile>,
    /// `KEY=VALUE`, strongest.
    pub env: Vec<Vec<u8>>,
    /// Where it starts; `None`: `/`, or the home directory for an ordinary user's supd.
    pub working_dir: Option<Vec<u8>>,
    /// Whom it becomes; `None`: who we are.
    pub user: Option<Account>,
    /// `None`: the user's own group.
    pub group: Option<Account>,
    /// `None`: those of the user in the group file (without a user: ours).
    pub supplementary_groups: Option<Vec<Account>>,
    /// File mode mask; `None`: 022.
    pub umask: Option<u32>,
    /// Resource limits.
    pub rlimits: Vec<Rlimit>,
    /// A limit that cannot be raised is an error, not a warning.
    pub strict: bool,
    /// Where standard input comes from.
    pub stdin: Input,
    /// Where standard output goes.
    pub stdout: Output,
    /// Where standard error goes.
    pub stderr: Output,
    /// The child finds the write end of a new pipe under this number; the manager gets the read end.
    pub readiness_fd: Option<u32>,
    /// Standard input becomes the child's controlling terminal.
    pub terminal: bool,
    /// Volumes that are mounted.
    pub volumes: Vec<Volume>,
    /// Where.
    pub mounts: Vec<Mount>,
    /// The cgroup that it is born in; `None`: the spawner's own.
    pub cgroup: Option<Cgroup>,
}

/// A cgroup, below those of all units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// `web/web-0`; see [`super::cgroup::is_group`].
    pub path: String,
    /// What is to stand in its files.
    pub settings: Vec<Setting>,
    /// The run is this group's: what it leaves there is ended with it. Else it is a guest.
    pub owner: bool,
}

/// A file of environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path.
    pub path: Vec<u8>,
    /// A missing one is not an error.
    pub optional: bool,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A number.
    Id(u32),
    /// A name of the password or group file.
    Name(Vec<u8>),
}

/// One resource limit, soft and hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// RLIMIT_* number.
    pub resource: u32,
    /// `u64::MAX` is infinity.
    pub value: u64,
}

/// Where standard input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// It is empty.
    #[default]
    Null,
    /// A descriptor that came with the Spawn, counted from 0.
    Given(u8),
}

/// Where an output goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Nowhere.
    #[default]
    Null,
    /// To the logger.
    Log,
    /// To the logger, which copies it to the terminal.
    Both,
    /// To supd's own.
    Inherit,
    /// To a pipe of which the manager gets the read end; one pipe for both outputs.
    Capture,
    /// A descriptor that came with the Spawn, counted from 0.
    Given(u8),
}

impl Plan {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        list(&mut to, &self.argv);
        list(&mut to, &self.base_env);
        to.count(self.env_files.len());
        for file in &self.env_files {
            to.bytes(&file.path).bool(file.optional);
        }
        list(&mut to, &self.env);
        option(&mut to, self.working_dir.as_ref(), |to, path| {
            to.bytes(path);
        });
        option(&mut to, self.user.as_ref(), account);
        option(&mut to, self.group.as_ref(), account);
        option(&mut to, self.supplementary_groups.as_ref(), |to, groups| {
            to.count(groups.len());
            for group in groups {
                account(to, group);
            }
        });
        option(&mut to, self.umask.as_ref(), |to, mask| {
            to.u32(*mask);
        });
        to.count(self.rlimits.len());
        for limit in &self.rlimits {
            to.u32(limit.resource).u64(limit.value);
        }
        to.bool(self.strict);
        match self.stdin {
            Input::Null => to.u8(0),
            Input::Given(index) => to.u8(1).u8(index),
        };
        output(&mut to, self.stdout);
        output(&mut to, self.stderr);
        option(&mut to, self.readiness_fd.as_ref(), |to, number| {
            to.u32(*number);
        });
        to.bool(self.terminal);
        to.count(self.volumes.len());
        self.volumes.iter().for_each(|volume| volume.put(&mut to));
        to.count(self.mounts.len());
        self.mounts.iter().for_each(|mount| mount.put(&mut to));
        option(&mut to, self.cgroup.as_ref(), |to, group| {
            to.bytes(group.path.as_bytes()).bool(group.owner).count(group.settings.len());
            group.settings.iter().for_each(|setting| setting.put(to));
        });
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let from = &mut Reader::new(message);
        let plan = Self {
            argv: read_list(from)?,
            base_env: read_list(from)?,
            env_files: read_many(from, 5, |from| {
                Ok(EnvFile { path: from.bytes()?.to_vec(), optional: from.bool()? })
            })?,
            env: read_list(from)?,
            working_dir: read_option(from, |from| Ok(from.bytes()?.to_vec()))?,
            user: read_option(from, read_account)?,
            group: read_option(from, read_account)?,
            supplementary_groups: read_option(from, |from| read_many(from, 5, read_account))?,
            umask: read_option(from, Reader::u32)?,
            rlimits: read_many(from, 12, |from| Ok(Rlimit { resource: from.u32()?, value: from.u64()? }))?,
            strict: from.bool()?,
            stdin: match from.u8()? {
                0 => Input::Null,
                1 => Input::Given(from.u8()?),
                _ => return Err(Malformed),
            },
            stdout: read_output(from)?,
            stderr: read_output(from)?,
            readiness_fd: read_option(from, Reader::u32)?,
            terminal: from.bool()?,
            volumes: read_many(from, 10, Volume::get)?,
            mounts: read_many(from, 11, Mount::get)?,
            cgroup: read_option(from, |from| {
                let path = String::from_utf8(from.bytes()?.to_vec()).map_err(|_| Malformed)?;
                Ok(Cgroup { path, owner: from.bool()?, settings: read_many(from, 8, Setting::get)? })
            })?,
        };
        std::mem::replace(from, Reader::new(&[])).end()?;
        Ok(plan)
    }
}

fn list(to: &mut Writer<'_>, items: &[Vec<u8>]) {
    to.count(items.len());
    for item in items {
        to.bytes(item);
    }
}

fn option<T>(to: &mut Writer<'_>, value: Option<&T>, put: impl Fn(&mut Writer<'_>, &T)) {
    to.bool(value.is_some());
    if let Some(value) = value {
        put(to, value);
    }
}

fn account(to: &mut Writer<'_>, account: &Account) {
    match account {
        Account::Id(number) => to.u8(0).u32(*number),
        Account::Name(name) => to.u8(1).bytes(name),
    };
}

fn output(to: &mut Writer<'_>, output: Output) {
    match output {
        Output::Null => to.u8(0),
        Output::Log => to.u8(1),
        Output::Both => to.u8(2),
        Output::Inherit => to.u8(3),
        Output::Capture => to.u8(4),
        Output::Given(index) => to.u8(5).u8(index),
    };
}

fn read_many<'a, T>(
    from: &mut Reader<'a>,
    least: usize,
    one: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    (0..from.count(least)?).map(|_| one(from)).collect()
}

fn read_list(from: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    read_many(from, 4, |from| Ok(from.bytes()?.to_vec()))
}

fn read_option<'a, T>(
    from: &mut Reader<'a>,
    one: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if from.bool()? { one(from).map(Some) } else { Ok(None) }
}

fn read_account(from: &mut Reader<'_>) -> Result<Account, Malformed> {
    Ok(match from.u8()? {
        0 => Account::Id(from.u32()?),
        1 => Account::Name(from.bytes()?.to_vec()),
        _ => return Err(Malformed),
    })
}

fn read_output(from: &mut Reader<'_>) -> Result<Output, Malformed> {
    Ok(match from.u8()? {
        0 => Output::Null,
        1 => Output::Log,
        2 => Output::Both,
        3 => Output::Inherit,
        4 => Output::Capture,
        5 => Output::Given(from.u8()?),
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::volume::{Expected, File, Source};

    fn full() -> Plan {
        Plan {
            argv: vec![b"/bin/sh".to_vec(), b"-c".to_vec(), vec![], vec![0xff]],
            base_env: vec![b"PATH=/bin".to_vec()],
            env_files: vec![EnvFile { path: b"/etc/default/web".to_vec(), optional: true }],
            env: vec![b"A=1".to_vec(), b"B=".to_vec()],
            working_dir: Some(b"/srv".to_vec()),
            user: Some(Account::Name(b"www".to_vec())),
            group: Some(Account::Id(33)),
            supplementary_groups: Some(vec![Account::Id(4), Account::Name(b"adm".to_vec())]),
            umask: Some(0o27),
            rlimits: vec![Rlimit { resource: 7, value: u64::MAX }],
            strict: true,
            stdin: Input::Given(1),
            stdout: Output::Both,
            stderr: Output::Given(2),
            readiness_fd: Some(3),
            terminal: true,
            volumes: vec![
                Volume {
                    name: b"settings".to_vec(),
                    group: Some(7),
                    source: Source::Files(vec![File {
                        path: b"a/b".to_vec(),
                        mode: 0o640,
                        bytes: vec![0, 1],
                    }]),
                },
                Volume {
                    name: b"data".to_vec(),
                    group: None,
                    source: Source::Host(b"/srv".to_vec(), Expected::Socket),
                },
            ],
            mounts: vec![Mount { volume: 1, path: b"/x".to_vec(), sub_path: b"y".to_vec(), read_only: true }],
            cgroup: Some(Cgroup {
                path: "web/web-0".to_owned(),
                settings: vec![Setting::new("pids.max", "9")],
                owner: true,
            }),
        }
    }

    #[test]
    fn plans_read_back() {
        let mut out = Vec::new();
        for plan in [Plan::default(), full()] {
            plan.encode(&mut out);
            assert_eq!(Plan::decode(&out), Ok(plan));
        }
    }

    #[test]
    fn a_cut_or_lengthened_plan_is_refused() {
        let mut out = Vec::new();
        full().encode(&mut out);
        for length in 0..out.len() {
            assert_eq!(Plan::decode(&out[..length]), Err(Malformed), "cut at {length}");
        }
        out.push(0);
        assert_eq!(Plan::decode(&out), Err(Malformed));
    }

    #[test]
    fn a_lie_about_a_number_reserves_nothing() {
        assert_eq!(Plan::decode(&[0xff; 64]), Err(Malformed));
    }
}
