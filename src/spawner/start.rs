//! One start: claim, describe, prepare, clone, report. The order is the promise.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use super::prepare::{Prepared, Trouble};
use super::{Next, Spawner, child, volumes};
use crate::limits::{GROUPS_SWEPT_MAX, LABEL_BYTES_MAX, LOG_PATH_BYTES_MAX, PLAN_BYTES_MAX};
use crate::sys::clone::Parent;
use crate::wire::cgroup::{Unmade, door, is_group};
use crate::wire::channel::Received;
use crate::wire::message::{FromSpawner, PlanAt, Spawn, SpawnerToKeeper};
use crate::wire::plan::{Output, Plan};
use crate::wire::run::{Instant, Step};
use crate::wire::table::{Description, Sinks};

impl Spawner {
    /// Starts a run, or says why not.
    pub(super) fn start(&mut self, spawn: &Spawn<'_>, received: Received) -> Next {
        let slot = spawn.slot;
        // Nothing before the claim may hang: until there the Spawn is in nobody's books but ours. Room for the
        // record is taken once for many slots, and where there is none the manager tries again later.
        let room = self.table.reserve(slot, self.table_fd.as_fd());
        if let Err(error) = &room {
            self.voice.error(format_args!("no room in the slot table: {error}"));
        }
        if room.is_err() || !self.table.claim(slot, spawn.epoch, spawn.ticket, self.number) {
            self.answer(&FromSpawner::Refused { slot, run: spawn.run }, &[]);
            return Next::GoOn;
        }
        let mut given: Vec<OwnedFd> = received.fds.into_iter().flatten().collect();
        let plan = match received.fds_lost {
            true => Err(Trouble::new(Step::Pipe, libc::EMFILE, "")),
            false => read_plan(spawn, &mut given),
        };
        let sinks = plan.as_ref().map(|plan| sinks(plan, spawn)).unwrap_or_default();
        // A guest's end is nothing to its group.
        let group = plan.as_ref().ok().filter(|_| self.tree.is_some()).and_then(|plan| plan.cgroup.as_ref());
        let group = group.filter(|group| group.owner && is_group(&group.path));
        let group = group.map_or(&b""[..], |group| group.path.as_bytes());
        let about =
            Description { run: spawn.run, label: spawn.label, log_path: spawn.log_path, sinks, group };
        self.table.describe(slot, &about);
        let done = plan.and_then(|plan| {
            let mut prepared = self.workshop.prepare(&plan, &given, &spawn.run.mark(&self.runtime_dir))?;
            prepared.binds = volumes::prepare(&plan, spawn.run.pod, &self.runtime_dir)?;
            self.enter_group(slot, &plan, &mut prepared)?;
            self.give_pipes(slot, &prepared)?;
            let parent = match self.clone_child(slot, &plan, &prepared) {
                Err(trouble) if prepared.group.is_some() && is_of_group(&trouble) => {
                    self.enter_group_again(slot, &plan, &mut prepared)?;
                    self.clone_child(slot, &plan, &prepared)?
                }
                other => other?,
            };
            Ok((plan, prepared, parent))
        });
        match done {
            Ok((plan, prepared, parent)) => self.report(spawn, &plan, prepared, parent),
            Err(trouble) => {
                self.table.set_fault(slot, trouble.step, trouble.errno, &trouble.detail);
                self.tell(&SpawnerToKeeper::StillBorn { slot }, &[]);
                Next::GoOn
            }
        }
    }

    /// Makes the cgroup that the run is to be born in. Where that cannot be, a run that is to have limits is none;
    /// another one does without.
    fn enter_group(&mut self, slot: u16, plan: &Plan, prepared: &mut Prepared) -> Result<(), Trouble> {
        let (Some(tree), Some(group)) = (&self.tree, &plan.cgroup) else { return Ok(()) };
        // Whoever was in it is dead by now: that is why there is a next one.
        if self.doomed.remove(&group.path) {
            tree.renew(&group.path);
        }
        match tree.enter(&group.path, &group.settings) {
            Ok(entered) => {
                if entered.used && group.owner {
                    self.table.set_oom_before(slot, tree.oom_kills(&group.path).unwrap_or(0));
                }
                // Where no process is born in a group, or not as it is now.
                prepared.door = door(entered.directory.as_fd()).ok();
                prepared.group = Some(entered.directory);
                Ok(())
            }
            Err(unmade) if group.settings.is_empty() => {
                let Unmade { what, error } = unmade;
                self.voice.warn(format_args!("no cgroup {what}: {error}; going on without"));
                Ok(())
            }
            Err(Unmade { what, error }) => {
                Err(Trouble::new(Step::Cgroup, error.raw_os_error().unwrap_or(libc::EIO), what))
            }
        }
    }

    /// The cgroup was removed under us by a spawner that was late, or a process that was in it has made others
    /// below it, among which none can be born.
    fn enter_group_again(&mut self, slot: u16, plan: &Plan, prepared: &mut Prepared) -> Result<(), Trouble> {
        if let (Some(tree), Some(group)) = (&self.tree, &plan.cgroup) {
            tree.renew(&group.path);
        }
        self.enter_group(slot, plan, prepared)
    }

    /// Hands the keeper what the child will print, before there is a child: if we die, no line is lost. And
    /// where it will say that it is ready: should the manager die, its word is not lost.
    fn give_pipes(&mut self, slot: u16, prepared: &Prepared) -> Result<(), Trouble> {
        let ([stdout, stderr], readiness) = (&prepared.logs, &prepared.readiness);
        let all = [stdout, stderr, readiness];
        let fds: Vec<BorrowedFd<'_>> = all.into_iter().flatten().map(AsFd::as_fd).collect();
        if fds.is_empty() {
            return Ok(());
        }
        let [stdout, stderr, readiness] = all.map(Option::is_some);
        let message = SpawnerToKeeper::Pipes { slot, stdout, stderr, readiness };
        message.encode(&mut self.out);
        self.keeper.send(&self.out, &fds).map_err(|error| {
            Trouble::new(Step::Pipe, error.raw_os_error().unwrap_or(libc::EIO), "for the logger")
        })
    }

    fn clone_child(&mut self, slot: u16, plan: &Plan, prepared: &Prepared) -> Result<Parent, Trouble> {
        let (table, stack) = (&self.table, &mut self.stack);
        // The time of birth is written before the birth: a record without it would be one without a child.
        table.set_started(slot, Instant::now());
        let group = prepared.group.as_ref().map(AsFd::as_fd);
        prepared
            .with_child_plan(plan, table, slot, |child_plan| {
                child::clone(stack, table.pid_cell(slot), group, child_plan)
            })
            .map(|birth| birth.parent)
            .map_err(|error| Trouble::new(Step::Clone, error.raw_os_error().unwrap_or(libc::EIO), ""))
    }

    /// The child has executed its program, or has ended and left a fault.
    fn report(&mut self, spawn: &Spawn<'_>, plan: &Plan, prepared: Prepared, parent: Parent) -> Next {
        let slot = spawn.slot;
        let fault = self.table.fault(slot);
        if !prepared.lived.load(Ordering::Relaxed)
            && let (Some(tree), Some(group)) = (&self.tree, plan.cgroup.as_ref().filter(|group| group.owner))
        {
            // Killed at birth: by somebody who has killed the whole group before, and the kernel keeps at it. See
            // `renew_killed_group` of the keeper. Not for a guest: the keeper may wait for the group to be empty,
            // and with the directory the kernel forgets what it has yet to say of it.
            if !tree.renew(&group.path) && self.doomed.len() < GROUPS_SWEPT_MAX {
                self.doomed.insert(group.path.clone());
            }
        }
        match fault {
            Some((step, errno, _)) => {
                let trouble = prepared.explain(plan, step, errno);
                self.table.set_fault(slot, trouble.step, trouble.errno, &trouble.detail);
            }
            None => {
                self.table.set_running(slot);
            }
        }
        // What is needed after `Born`, when the slot may already be another's.
        let (pid, at) = (self.table.pid(slot), self.table.started(slot));
        if parent == Parent::Ours {
            self.tell(&SpawnerToKeeper::Born { slot }, &[]);
        }
        if fault.is_none() {
            let Prepared { readiness, capture, .. } = prepared;
            let message = FromSpawner::Started {
                slot,
                run: spawn.run,
                pid,
                at,
                readiness: readiness.is_some(),
                capture: capture.is_some(),
            };
            let fds: Vec<BorrowedFd<'_>> =
                [&readiness, &capture].into_iter().flatten().map(AsFd::as_fd).collect();
            self.answer(&message, &fds);
        }
        // A child of our own becomes the keeper's, who waits for it, when we end; `Born` is our death then.
        if parent == Parent::Us { Next::End } else { Next::GoOn }
    }

    fn tell(&mut self, message: &SpawnerToKeeper, fds: &[BorrowedFd<'_>]) {
        message.encode(&mut self.out);
        if let Err(error) = self.keeper.send(&self.out, fds) {
            self.voice.warn(format_args!("cannot reach the keeper: {error}"));
        }
    }

    /// A manager that is gone learns what it must from the keeper.
    fn answer(&mut self, message: &FromSpawner, fds: &[BorrowedFd<'_>]) {
        message.encode(&mut self.out);
        let _ = self.queue.send(&self.out, fds);
    }
}

/// Whether a clone has failed for its cgroup's sake.
fn is_of_group(trouble: &Trouble) -> bool {
    trouble.step == Step::Clone && matches!(trouble.errno, libc::ENODEV | libc::EBUSY)
}

fn read_plan(spawn: &Spawn<'_>, given: &mut Vec<OwnedFd>) -> Result<Plan, Trouble> {
    let trouble = |errno, detail: &str| Trouble::new(Step::Plan, errno, detail);
    if spawn.label.len() > LABEL_BYTES_MAX || spawn.log_path.len() > LOG_PATH_BYTES_MAX {
        return Err(trouble(libc::ENAMETOOLONG, "label or log path"));
    }
    let attached;
    let bytes = match spawn.plan {
        PlanAt::Inline(bytes) => bytes,
        PlanAt::Attached if given.is_empty() => return Err(trouble(libc::EBADF, "no memfd")),
        PlanAt::Attached => {
            let read = read_attached(given.remove(0));
            attached = read.map_err(|error| trouble(error.raw_os_error().unwrap_or(libc::EFBIG), "memfd"))?;
            &attached
        }
    };
    Plan::decode(bytes).map_err(|_| trouble(libc::EBADMSG, "malformed"))
}

fn read_attached(memfd: OwnedFd) -> io::Result<Vec<u8>> {
    use std::io::{Seek, SeekFrom};
    let mut bytes = Vec::new();
    let mut file = File::from(memfd);
    // The manager's own writing has left the position at the end, and the two of us share it.
    file.seek(SeekFrom::Start(0))?;
    let read = file.take(PLAN_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if read > PLAN_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn sinks(plan: &Plan, spawn: &Spawn<'_>) -> Sinks {
    let bits = |output, log, both| match output {
        Output::Log => log,
        Output::Both => log | both,
        _ => 0,
    };
    if spawn.log_path.is_empty() {
        return Sinks(0);
    }
    Sinks(
        bits(plan.stdout, Sinks::STDOUT, Sinks::STDOUT_BOTH)
            | bits(plan.stderr, Sinks::STDERR, Sinks::STDERR_BOTH),
    )
}
