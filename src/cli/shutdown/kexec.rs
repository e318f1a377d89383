//! `kexec`: another kernel takes over from this one, without firmware and boot loader between them.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::machine::{self, MachineOptions};
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::control::objects::MachineEnd;
use crate::sys::machine::load_kernel;

/// Arguments of `kexec`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "With KERNEL it is loaded first: see kexec_file_load(2). Without, the one that `kexec -l` has loaded takes over.\nAll else is as with `reboot`; a kernel that refuses becomes a restart.\n\nExamples:\n  supctl kexec /boot/vmlinuz --initrd /boot/initrd.img\n  supctl kexec /boot/vmlinuz --command-line 'root=/dev/sda1 ro quiet'\n\nExit codes: 0 it has begun or is planned, 1 refused, 4 permission denied, 69 supd cannot be reached"
)]
pub struct KexecOptions {
    /// The kernel to be loaded
    #[arg(value_name = "KERNEL")]
    kernel: Option<PathBuf>,
    /// Its initramfs
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// Its command line [default: that of the kernel that runs]
    #[arg(long, visible_alias = "append", value_name = "TEXT", requires = "kernel")]
    command_line: Option<String>,
    #[command(flatten)]
    machine: MachineOptions,
}

/// `supctl kexec`
pub fn run(options: &KexecOptions, context: &Context) -> Outcome {
    if let Some(kernel) = &options.kernel {
        load(kernel, options)?;
    }
    machine::run(MachineEnd::Kexec, &options.machine, context)
}

fn load(kernel: &Path, options: &KexecOptions) -> Result<(), Failure> {
    let image = open(kernel)?;
    let initrd = options.initrd.as_deref().map(open).transpose()?;
    let line = match &options.command_line {
        Some(line) => line.clone(),
        None => fs::read_to_string("/proc/cmdline")
            .map_err(|error| failed(&format!("cannot read the kernel's command line: {error}"), &error))?,
    };
    let line = CString::new(line.trim_end())
        .map_err(|_| Failure::usage("a kernel's command line has no byte of zero"))?;
    load_kernel(&image, initrd.as_ref(), &line)
        .map_err(|error| failed(&format!("cannot load {}: {error}", kernel.display()), &error))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| failed(&format!("cannot open {}: {error}", path.display()), &error))
}

fn failed(message: &str, error: &std::io::Error) -> Failure {
    let exit = match error.kind() {
        std::io::ErrorKind::PermissionDenied => Exit::NOT_FOUND,
        _ => Exit::FAILED,
    };
    Failure::new(exit, message)
}
