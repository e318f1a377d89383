//! Where supd runs, and with which rights: looked at once, at the start of each manager. What of it an operator
//! should know stands in the log.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, access, geteuid};

use crate::control::objects::{InitOf, PlaceStatus};
use crate::place::cgroups::{Delegation, Layout};
use crate::place::init::Init;
use crate::place::{container, kernel_files, rights};
use crate::settings::Settings;
use crate::sys::probe;

/// Looks around.
pub(super) fn look(settings: &Settings) -> PlaceStatus {
    let init = Init::of(settings);
    let layout = Layout::look().ok();
    let tree = layout.as_ref().and_then(|layout| layout.unified.as_ref());
    let container_manager = container::manager().filter(|name| name != container::UNKNOWN);
    PlaceStatus {
        init_of: match init {
            Init::OfMachine => InitOf::Machine,
            Init::OfContainer => InitOf::Container,
            Init::OfNobody => InitOf::Nobody,
        },
        container_manager: container_manager.filter(|_| init != Init::OfMachine),
        user: geteuid().as_raw(),
        capabilities: rights::names(probe::capabilities().unwrap_or(0)),
        no_new_privileges: probe::no_new_privs(),
        cgroups: layout.as_ref().map_or("unknown", |layout| layout.mode().as_str()).to_owned(),
        cgroups_delegated: tree.is_some_and(|tree| tree.delegation() == Delegation::Ours),
        open_files_max: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard),
        runtime_directory: settings.runtime_dir.clone(),
        logs_not_kept: cannot_write(&settings.log_dir),
        watchdog_seconds: settings.watchdog.map(|timeout| timeout.as_secs()),
        missing: kernel_files::missing().map(|part| part.words()).collect(),
    }
}

/// Tells what is missing.
pub(super) fn tell(place: &PlaceStatus, log_dir: &Path) {
    for missing in &place.missing {
        tracing::warn!("{missing}");
    }
    if let Some(why) = &place.logs_not_kept {
        tracing::warn!("`{}` cannot be written ({why}): what runs print is not kept", log_dir.display());
    }
}

fn cannot_write(directory: &Path) -> Option<String> {
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    access(directory, rights).err().map(|errno| errno.desc().to_lowercase())
}
