//! supd under the name of init, asked by somebody while another process is PID 1: `init 6`, `telinit q`.
//!
//! It becomes supctl, which knows what those words mean. It never starts a second init.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::unistd::{Pid, execv};

use crate::settings::exit;
use crate::sys::process::own_path;

/// Where supctl is, if it is not beside us.
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Whether we were called so, and are not PID 1. Who asks for the version or for help asks the program.
pub fn is_meant(name: Option<&OsStr>, arguments: &[OsString]) -> bool {
    let asks_program = matches!(arguments, [one] if one == "--version" || one == "--help");
    let name = name.map(|name| name.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default());
    matches!(name, Some(b"init" | b"telinit")) && !asks_program && Pid::this().as_raw() != 1
}

/// Becomes supctl under that name; gives the exit code where there is none.
pub fn run(arguments: &[OsString]) -> u8 {
    let beside = own_path().and_then(|own| Some(own.parent()?.to_owned()));
    let mut words = vec![c"telinit".to_owned()];
    words.extend(arguments.iter().map(|word| CString::new(word.as_bytes()).unwrap_or_default()));
    for directory in beside.into_iter().chain(PLACES.map(PathBuf::from)) {
        let program = CString::new(directory.join("supctl").into_os_string().as_bytes()).unwrap_or_default();
        // Comes back only if it is not there.
        let _ = execv(&program, &words);
    }
    eprintln!(
        "supd: another process is PID 1, and there is no supctl that could ask it; as a service manager: supd"
    );
    exit::USAGE
}
