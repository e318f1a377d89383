//! From a plan to everything a child needs: names looked up, files read, pipes made. Whatever may hang on
//! somebody's disk hangs here, where nobody else waits for it.

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{Gid, Uid, fchown, getegid, geteuid, pipe2};

use super::accounts::{Accounts, User};
use super::child::ChildPlan;
use super::environment::Environment;
use super::program;
use super::volumes::{Bind, ChildBind};
use crate::wire::plan::{Account, Input, Output, Plan};
use crate::wire::run::Step;
use crate::wire::table::Table;

/// Why a run cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) step: Step,
    pub(super) errno: i32,
    pub(super) detail: Vec<u8>,
}

/// Everything that a child needs, and the other ends of what it was given.
pub(super) struct Prepared {
    name: Vec<u8>,
    candidates: Vec<Vec<u8>>,
    programs: Vec<CString>,
    argv: Vec<CString>,
    envp: Vec<CString>,
    directory: Option<CString>,
    identity: Identity,
    fds: Vec<(RawFd, RawFd)>,
    child_ends: Vec<OwnedFd>,
    /// Volumes that the child mounts.
    pub(super) binds: Vec<Bind>,
    /// The cgroup that it is born in.
    pub(super) group: Option<OwnedFd>,
    /// The child has done anything at all.
    pub(super) lived: AtomicBool,
    /// The file by which it enters that, should it be born elsewhere.
    pub(super) door: Option<OwnedFd>,
    /// For the keeper: what the child prints.
    pub(super) logs: [Option<OwnedFd>; 2],
    /// For the manager: where it says that it is ready.
    pub(super) readiness: Option<OwnedFd>,
    /// For the manager: what it prints, bounded by whoever reads it.
    pub(super) capture: Option<OwnedFd>,
}

/// Whom the child becomes.
#[derive(Default)]
struct Identity {
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    account: Option<User>,
}

/// What a spawner keeps from one start to the next.
pub(super) struct Workshop {
    pub(super) accounts: Accounts,
    null: OwnedFd,
}

impl Trouble {
    pub(super) fn new(step: Step, errno: i32, detail: impl Into<Vec<u8>>) -> Self {
        Self { step, errno, detail: detail.into() }
    }
}

impl Workshop {
    pub(super) fn new() -> io::Result<Self> {
        let null = match File::options().read(true).write(true).open("/dev/null") {
            Ok(file) => file.into(),
            // No /dev: an empty pipe reads like it, and what is written to it is an error.
            Err(_) => pipe2(OFlag::O_CLOEXEC)?.0,
        };
        // Standard input of every run, unless it is given another.
        nix::unistd::dup2_stdin(&null)?;
        Ok(Self { accounts: Accounts::new(), null })
    }

    /// Does everything that can be done before there is a child. `mark` is what it says of itself.
    pub(super) fn prepare(
        &mut self,
        plan: &Plan,
        given: &[OwnedFd],
        mark: &[u8],
    ) -> Result<Prepared, Trouble> {
        let identity = self.identify(plan)?;
        let mut environment = Environment::build(plan, identity.account.as_ref(), plan.user.is_some())?;
        environment.sign(mark);
        let name = plan.argv.first().filter(|name| !name.is_empty()).cloned();
        let name = name.ok_or_else(|| Trouble::new(Step::Plan, libc::EINVAL, "no program"))?;
        let candidates = program::candidates(&name, environment.get(b"PATH"));
        if candidates.is_empty() {
            return Err(Trouble::new(Step::Path, libc::ENOENT, name));
        }
        let directory = directory(plan, &environment);
        let mut prepared = Prepared {
            programs: strings(&candidates)?,
            argv: strings(&plan.argv)?,
            envp: strings(&environment.into_variables())?,
            directory: directory.map(string).transpose()?,
            name,
            candidates,
            identity,
            fds: Vec::new(),
            child_ends: Vec::new(),
            binds: Vec::new(),
            group: None,
            lived: AtomicBool::new(false),
            door: None,
            logs: [None, None],
            readiness: None,
            capture: None,
        };
        prepared.connect(plan, given, &self.null).map_err(|error| match error {
            Connect::System(errno) => Trouble::new(Step::Pipe, errno as i32, ""),
            Connect::NotGiven => Trouble::new(Step::Plan, libc::EBADF, "a descriptor is missing"),
        })?;
        Ok(prepared)
    }

    /// Looks up user and groups. Unknown means refused: no start ever has a wider right than its unit says.
    fn identify(&mut self, plan: &Plan) -> Result<Identity, Trouble> {
        let mut identity = Identity::default();
        let ours = geteuid().as_raw();
        identity.account = self.accounts.user(plan.user.as_ref().unwrap_or(&Account::Id(ours)))?;
        if let Some(user) = &plan.user {
            let uid = match (&identity.account, user) {
                (Some(account), _) => account.uid,
                (None, Account::Id(number)) => *number,
                (None, Account::Name(name)) => return Err(Trouble::new(Step::User, 0, name.clone())),
            };
            let gid = match (&plan.group, &identity.account) {
                (Some(group), _) => self.accounts.group(group)?,
                (None, Some(account)) => account.gid,
                // A number without an entry has no group of its own, and ours would be too much.
                (None, None) => return Err(Trouble::new(Step::Group, 0, format!("of user {uid}"))),
            };
            identity.uid = Some(uid);
            identity.gid = Some(gid);
            identity.groups = Some(match &identity.account {
                Some(account) => self.accounts.groups_of(&User { gid, ..account.clone() })?,
                None => vec![gid],
            });
            if ours != 0 && uid == ours && gid == getegid().as_raw() {
                // An ordinary user's supd is that user already, and may not say so again.
                (identity.uid, identity.gid, identity.groups) = (None, None, None);
            }
        } else if let Some(group) = &plan.group {
            identity.gid = Some(self.accounts.group(group)?);
        }
        if let Some(groups) = &plan.supplementary_groups {
            let groups: Result<Vec<u32>, Trouble> =
                groups.iter().map(|group| self.accounts.group(group)).collect();
            identity.groups = Some(groups?);
        }
        Ok(identity)
    }
}

enum Connect {
    System(nix::errno::Errno),
    NotGiven,
}

impl From<nix::errno::Errno> for Connect {
    fn from(errno: nix::errno::Errno) -> Self {
        Self::System(errno)
    }
}

impl Prepared {
    /// Makes pipes and says which descriptor becomes which.
    fn connect(&mut self, plan: &Plan, given: &[OwnedFd], null: &OwnedFd) -> Result<(), Connect> {
        let find = |index: u8| given.get(usize::from(index)).map(AsRawFd::as_raw_fd).ok_or(Connect::NotGiven);
        if let Input::Given(index) = plan.stdin {
            self.fds.push((find(index)?, libc::STDIN_FILENO));
        }
        let mut captured = None;
        for (place, output, number) in
            [(0, plan.stdout, libc::STDOUT_FILENO), (1, plan.stderr, libc::STDERR_FILENO)]
        {
            let source = match output {
                Output::Inherit => continue,
                Output::Null => null.as_raw_fd(),
                Output::Given(index) => find(index)?,
                Output::Log | Output::Both => {
                    let (reader, source) = self.pipe()?;
                    self.logs[place] = Some(reader);
                    source
                }
                Output::Capture => match captured {
                    Some(source) => source,
                    None => {
                        let (reader, source) = self.pipe()?;
                        self.capture = Some(reader);
                        *captured.insert(source)
                    }
                },
            };
            self.fds.push((source, number));
        }
        if let Some(number) = plan.readiness_fd {
            let number = RawFd::try_from(number).ok().filter(|number| *number > libc::STDERR_FILENO);
            let number = number.ok_or(Connect::NotGiven)?;
            let (reader, source) = self.pipe()?;
            self.readiness = Some(reader);
            self.fds.push((source, number));
            // The number may be that of another source, which would be overwritten before it was used, or the
            // same, which would stay close-on-exec: such sources move out of the way.
            for (source, _) in &mut self.fds {
                if *source == number {
                    let moved = fcntl(
                        borrow(&self.child_ends, given, *source)?,
                        FcntlArg::F_DUPFD_CLOEXEC(number + 1),
                    )?;
                    *source = moved;
                    self.child_ends.push(owned(moved)?);
                }
            }
        }
        Ok(())
    }

    /// A pipe: the read end, which does not block, and the number of the write end, which does.
    fn pipe(&mut self) -> Result<(OwnedFd, RawFd), Connect> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(uid) = self.identity.uid {
            // `/dev/stdout` opens the pipe anew, which only its owner may.
            let _ = fchown(&writer, Some(Uid::from_raw(uid)), self.identity.gid.map(Gid::from_raw));
        }
        let number = writer.as_raw_fd();
        self.child_ends.push(writer);
        Ok((reader, number))
    }

    /// The plan in the child's terms, handed to `act`; pointers hold for as long as that takes.
    pub(super) fn with_child_plan<R>(
        &self,
        plan: &Plan,
        table: &Table,
        slot: u16,
        act: impl FnOnce(&ChildPlan<'_>) -> R,
    ) -> R {
        let (programs, argv, envp) = (pointers(&self.programs), pointers(&self.argv), pointers(&self.envp));
        let rlimits: Vec<(u32, u64)> =
            plan.rlimits.iter().map(|limit| (limit.resource, limit.value)).collect();
        let binds: Vec<ChildBind> = self.binds.iter().map(Bind::for_child).collect();
        let group_entered = AtomicBool::new(false);
        self.lived.store(false, Ordering::Relaxed);
        act(&ChildPlan {
            binds: &binds,
            door: self.door.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            group_entered: &group_entered,
            lived: &self.lived,
            programs: &programs,
            argv: &argv,
            envp: &envp,
            fds: &self.fds,
            kept_fd: plan.readiness_fd.and_then(|number| i32::try_from(number).ok()),
            terminal: plan.terminal,
            rlimits: &rlimits,
            strict: plan.strict,
            umask: plan.umask.unwrap_or(0o022),
            groups: self.identity.groups.as_deref(),
            gid: self.identity.gid,
            uid: self.identity.uid,
            directory: self.directory.as_ref().map_or(std::ptr::null(), |path| path.as_ptr()),
            fault: table.fault_cell(slot),
            limits_refused: table.limits_cell(slot),
        })
    }

    /// What a failed step of the child was about.
    pub(super) fn explain(&self, plan: &Plan, step: Step, errno: i32) -> Trouble {
        let directory = self.directory.as_ref().map(|path| path.as_bytes());
        // The groups that a user is in come with the user, and nobody has written them.
        let step = match step {
            Step::SetGroups if plan.supplementary_groups.is_none() => Step::SetUser,
            step => step,
        };
        let detail = match step {
            Step::Exec => return program::explain(&self.name, &self.candidates, directory, errno),
            Step::Chdir => directory.unwrap_or(b"/").to_vec(),
            Step::Mount => {
                let places: Vec<&[u8]> = plan.mounts.iter().map(|mount| &mount.path[..]).collect();
                places.join(&b", "[..])
            }
            Step::Cgroup => {
                plan.cgroup.as_ref().map(|group| group.path.clone().into_bytes()).unwrap_or_default()
            }
            Step::SetUser => plan.user.as_ref().map(super::accounts::describe).unwrap_or_default(),
            Step::SetGroup => self.identity.gid.map(|gid| gid.to_string().into_bytes()).unwrap_or_default(),
            _ => Vec::new(),
        };
        Trouble::new(step, errno, detail)
    }
}

/// Where a run starts: what the unit says, or `/`, or an ordinary user's home if there is one.
fn directory(plan: &Plan, environment: &Environment) -> Option<Vec<u8>> {
    if plan.working_dir.is_some() {
        return plan.working_dir.clone();
    }
    if geteuid().is_root() {
        // Where we are already.
        return None;
    }
    let home = environment.get(b"HOME").filter(|home| home.starts_with(b"/"))?;
    let there = std::fs::metadata(std::ffi::OsStr::from_bytes(home)).is_ok_and(|meta| meta.is_dir());
    there.then(|| home.to_vec())
}

/// A second owner for a descriptor that fcntl made.
fn owned(number: RawFd) -> Result<OwnedFd, Connect> {
    crate::sys::process::adopt(number).ok_or(Connect::NotGiven)
}

fn borrow<'a>(
    ends: &'a [OwnedFd],
    given: &'a [OwnedFd],
    number: RawFd,
) -> Result<std::os::fd::BorrowedFd<'a>, Connect> {
    let mut all = ends.iter().chain(given);
    all.find(|fd| fd.as_raw_fd() == number).map(AsFd::as_fd).ok_or(Connect::NotGiven)
}

fn strings(texts: &[Vec<u8>]) -> Result<Vec<CString>, Trouble> {
    texts.iter().cloned().map(string).collect()
}

fn string(text: Vec<u8>) -> Result<CString, Trouble> {
    CString::new(text).map_err(|_| Trouble::new(Step::Plan, libc::EINVAL, "a NUL byte"))
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}
