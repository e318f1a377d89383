//! `switch-root`: supd's machine goes on with another root, and the init there.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::server::Server;
use super::target::Asker;
use crate::control::objects::SwitchRootOptions;

/// Arguments of `switch-root`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For a supd that is the init of an initramfs, mostly asked by one of its units. All units are stopped in\ntheir order; processes of root whose names begin with `@` are left alone; /dev, /proc, /sys and /run go along.\n\nExamples:\n  supctl switch-root\n  supctl switch-root /mnt /usr/sbin/supd\n\nExit codes: 0 it has begun, 1 refused, 2 wrong arguments, 69 supd cannot be reached"
)]
pub struct Options {
    /// Where the new root is mounted
    #[arg(value_name = "DIRECTORY", default_value = "/sysroot")]
    root: PathBuf,
    /// The program there to go on as [default: `init=` of the kernel's command line, else /sbin/init and its like]
    #[arg(value_name = "INIT")]
    init: Option<PathBuf>,
    /// Accepted for hands that know it: it never waits
    #[arg(long, hide = true)]
    no_block: bool,
}

/// `supctl switch-root`. It does not wait: whoever asked is ended, too.
pub fn run(options: &Options, context: &Context) -> Outcome {
    let wish = SwitchRootOptions {
        root: text(&std::path::absolute(&options.root).map_err(|error| wrong(&options.root, &error))?)?,
        init: options.init.as_deref().map(text).transpose()?,
    };
    // supd looks again when it comes to that; here somebody can still be told.
    if !options.root.is_dir() {
        return Err(wrong(&options.root, &"it is no directory"));
    }
    let server = Server::connect(context, Asker::Action)?;
    context.say(&server.command("switch-root", &wish)?.message)?;
    Ok(Exit::DONE)
}

fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| wrong(path, &"it is not UTF-8"))
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("`{}`: {why}", path.display()))
}
