//! A machine in qemu: Debian's kernel, and an initramfs with supd, busybox and the units of the test.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::root::Root;
use super::skipped::skipped;

/// Far longer than anything takes in an emulated machine on a busy host.
const PATIENCE: Duration = Duration::from_secs(600);

/// The package that is always the newest kernel for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Drivers that are no part of the kernel itself.
const MODULES: &str = "'./lib/modules/*/kernel/drivers/watchdog/*' './lib/modules/*/kernel/drivers/virtio/*' \
    './lib/modules/*/kernel/drivers/*/virtio_blk.ko*' './lib/modules/*/kernel/drivers/acpi/button.ko*' \
    './lib/modules/*/kernel/drivers/input/evdev.ko*' './lib/modules/*/kernel/drivers/block/loop.ko*' \
    './lib/modules/*/kernel/drivers/md/dm-mod.ko*' './lib/modules/*/kernel/drivers/md/md-mod.ko*' \
    './lib/modules/*/kernel/drivers/md/raid1.ko*' './lib/modules/*/kernel/fs/btrfs/*' './lib/modules/*/xor.ko*' \
    './lib/modules/*/raid6_pq.ko*' './lib/modules/*/libcrc32c.ko*' './lib/modules/*/zstd_compress.ko*'";

/// What all machines are made from.
pub struct Parts {
    /// What all tests share: the kernel and its modules.
    shared: PathBuf,
    /// Files of one test, which runs beside others.
    directory: PathBuf,
}

/// A machine that runs. Dropped, it is switched off.
pub struct Guest {
    qemu: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    /// All that it has printed.
    pub printed: String,
    /// How much of that has been waited for.
    seen: usize,
}

/// Gets what is needed, installing it where that is allowed; or says that the test is skipped, and why. `test`: a name that
/// no other one has.
pub fn parts(test: &str) -> Option<Parts> {
    make(test).map_err(|why| skipped(test, format!("no machine can be made here: {why}"))).ok()
}

fn make(test: &str) -> Result<Parts, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the test knows machines of x86-64 only".into());
    }
    let _alone = alone();
    for (program, package) in [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("busybox", "busybox-static"),
        ("mkfs.ext4", "e2fsprogs"),
        ("mkfs.btrfs", "btrfs-progs"),
        ("sfdisk", "fdisk"),
        ("dmsetup", "dmsetup"),
    ] {
        need(program, package)?;
    }
    let shared = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vm");
    let directory = shared.join(test);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    kernel(&shared).map_err(|why| format!("no kernel: {why}"))?;
    Ok(Parts { shared, directory })
}

/// Installs the package of a program that is not there.
pub fn need(program: &str, package: &str) -> Result<(), String> {
    if is_there(program) {
        return Ok(());
    }
    let install = ["install", "-y", "-qq", "--no-install-recommends", package];
    run("apt-get", &install, Path::new("/")).map(drop).map_err(|why| format!("no {program}: {why}"))
}

/// Where it is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').map(|directory| Path::new(directory).join(program)).find(|file| file.exists())
}

/// Debian's, taken out of its package: it is installed nowhere.
fn kernel(directory: &Path) -> Result<(), String> {
    if directory.join(VMLINUZ).exists() && directory.join("modules/raid1.ko").exists() {
        return Ok(());
    }
    let depends = run("apt-cache", &["depends", KERNEL], directory)?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.ok_or("the package of kernels names none")?.to_owned();
    run("apt-get", &["download", &package], directory)?;
    let script = format!(
        "set -e; rm -rf new; mkdir -p new/modules
        dpkg-deb --fsys-tarfile {package}_*.deb | tar -x -C new --wildcards './boot/vmlinuz-*' {MODULES}
        find new/lib -name '*.ko.xz' -exec xz -d {{}} +
        find new/lib -name '*.ko' -exec mv -t new/modules {{}} +
        rm -rf {package}_*.deb modules; mv new/boot/vmlinuz-* vmlinuz; mv new/modules modules; rm -r new"
    );
    run("sh", &["-c", &script], directory).map(drop)
}

/// The kernel's file.
const VMLINUZ: &str = "vmlinuz";

/// Tests run beside one another, and share what is installed and fetched.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_there(program: &str) -> bool {
    find(program).is_some()
}

/// What it prints, or why it failed.
pub fn run(program: &str, arguments: &[&str], directory: &Path) -> Result<String, String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("PATH", path)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// supd and supctl, without what only a debugger reads.
fn programs(root: &mut Root, directory: &Path) {
    for (program, path) in
        [(env!("CARGO_BIN_EXE_supd"), "/sbin/supd"), (env!("CARGO_BIN_EXE_supctl"), "/bin/supctl")]
    {
        let stripped = directory.join("stripped");
        if run("strip", &["-o", stripped.to_str().unwrap(), program], directory).is_err() {
            fs::copy(program, &stripped).unwrap();
        }
        with_libraries(root, &stripped, path);
    }
}

/// A program of this machine, and the libraries that it names.
pub fn with_libraries(root: &mut Root, program: &Path, path: &str) {
    root.copy(program, path);
    // A static one has none.
    let needed = run("ldd", &[program.to_str().unwrap()], Path::new("/")).unwrap_or_default();
    for library in needed.split_whitespace().filter(|word| word.starts_with('/')) {
        let parents = Path::new(library).ancestors().skip(1).filter(|parent| parent.parent().is_some());
        for parent in parents.collect::<Vec<_>>().into_iter().rev() {
            root.directory(parent.to_str().unwrap());
        }
        root.copy(Path::new(library), library);
    }
}

impl Parts {
    /// The files of a machine, with these beside the programs.
    pub fn root(&self, files: &[(&str, &str)]) -> Root {
        let mut root = Root::default();
        for directory in ["/bin", "/sbin", "/etc", "/etc/supd", "/etc/supd/units", "/root", "/mnt", "/var"] {
            root.directory(directory);
        }
        programs(&mut root, &self.directory);
        root.copy(&find("busybox").unwrap(), "/bin/busybox");
        for applet in [
            "sh", "sleep", "cat", "grep", "mount", "setsid", "cut", "hostname", "kill", "wc", "ls", "sed",
            "ip",
        ] {
            root.link(&format!("/bin/{applet}"), "/bin/busybox");
        }
        root.link("/sbin/ip", "/bin/busybox");
        for (path, text) in files {
            root.text(path, text);
        }
        root
    }

    /// A root of nothing but supd and the libraries that it is linked with, which a released one is not.
    pub fn bare_root(&self) -> Root {
        let mut root = Root::default();
        root.directory("/sbin").directory("/bin");
        programs(&mut root, &self.directory);
        root
    }

    /// A driver of the kernel.
    pub fn module(&self, name: &str) -> PathBuf {
        self.shared.join("modules").join(format!("{name}.ko"))
    }

    /// Puts drivers of the kernel into /modules.
    pub fn add_modules(&self, root: &mut Root, names: &[&str]) {
        root.directory("/modules");
        for name in names {
            root.copy(&self.module(name), &format!("/modules/{name}.ko"));
        }
    }

    /// The kernel itself.
    pub fn kernel(&self) -> PathBuf {
        self.shared.join(VMLINUZ)
    }

    /// Where a test may put files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// They are in memory.
    pub fn initramfs(&self, root: &Root) -> PathBuf {
        self.archive("root", root)
    }

    /// The same, by a name of its own.
    pub fn archive(&self, name: &str, root: &Root) -> PathBuf {
        let path = self.directory.join(format!("{name}.cpio"));
        fs::write(&path, root.to_cpio()).unwrap();
        path
    }

    /// A new disk with these files.
    pub fn root_disk(&self, name: &str, root: &Root) -> PathBuf {
        let tree = self.directory.join("tree");
        let _ = fs::remove_dir_all(&tree);
        root.write_to(&tree);
        let path = self.new_disk(name, 256 << 20);
        let arguments = ["-q", "-d", tree.to_str().unwrap(), path.to_str().unwrap()];
        run("mkfs.ext4", &arguments, &self.directory).unwrap();
        path
    }

    /// A new disk with an empty file system.
    pub fn disk(&self, name: &str) -> PathBuf {
        let path = self.new_disk(name, 32 << 20);
        run("mkfs.ext4", &["-q", path.to_str().unwrap()], &self.directory).unwrap();
        path
    }

    fn new_disk(&self, name: &str, bytes: u64) -> PathBuf {
        let path = self.directory.join(format!("{name}.ext4"));
        let _ = fs::remove_file(&path);
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        path
    }

    /// Starts a machine; without an initramfs the disk is its root.
    pub fn boot(&self, initramfs: Option<&Path>, disk: &Path, words: &str) -> Guest {
        let root = match initramfs {
            Some(_) => "rdinit=/sbin/supd",
            None => "root=/dev/nvme0n1 rw rootwait init=/sbin/supd",
        };
        let line = format!("console=ttyS0 {root} panic=-1 loglevel=4 {words}");
        self.start(initramfs, Some((disk, "nvme,drive=disk,serial=1")), &line)
    }

    /// Starts a machine with this line for its kernel, and perhaps with a disk on such a device.
    pub fn start(&self, initramfs: Option<&Path>, disk: Option<(&Path, &str)>, line: &str) -> Guest {
        // On a busy host an emulated timer may come too late for the kernel's check that there is one, which is a panic.
        let line = &format!("no_timer_check {line}");
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg", "-m", "512", "-nographic", "-no-reboot", "-nic", "none"]);
        if let Some((disk, device)) = disk {
            let drive = format!("file={},if=none,id=disk,format=raw", disk.display());
            qemu.args(["-drive", &drive, "-device", device]);
        }
        qemu.arg("-kernel").arg(self.kernel()).args(["-append", line]);
        if let Some(initramfs) = initramfs {
            qemu.arg("-initrd").arg(initramfs);
        }
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut qemu = qemu.spawn().unwrap();
        let mut output = qemu.stdout.take().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                // Nobody looks any more once the test is over.
                let _ = sender.send(bytes[..length].to_vec());
            }
        });
        let keyboard = qemu.stdin.take().unwrap();
        Guest { qemu, keyboard, screen, printed: String::new(), seen: 0 }
    }
}

impl Guest {
    /// Waits until it prints that, after all that was waited for before. Gives what came up to there.
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.printed[self.seen..].find(text) {
                let end = self.seen + at + text.len();
                let between = self.printed[self.seen..end].to_owned();
                self.seen = end;
                return between;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.printed.push_str(&String::from_utf8_lossy(&bytes)),
                Err(why) => panic!("`{text}` never came ({why}):\n{}", self.printed),
            }
        }
    }

    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Says something to qemu itself, whose monitor shares the line with the machine.
    pub fn monitor(&mut self, command: &str) {
        self.type_in(&format!("\x01c{command}\n\x01c"));
    }

    /// Waits until it is off; gives all that it has printed.
    pub fn wait_off(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(bytes) = self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.printed.push_str(&String::from_utf8_lossy(&bytes));
        }
        // Its output has ended: so has it, or the time is up.
        let status = self.qemu.try_wait().unwrap();
        if status.is_none() && Instant::now() < deadline {
            self.qemu.wait().unwrap();
        } else if status.is_none() {
            panic!("it is still on:\n{}", self.printed);
        }
        std::mem::take(&mut self.printed)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
