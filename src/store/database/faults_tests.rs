//! Disks that are full, read-only, broken, hung or gone, and come back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::*;

/// A disk with a mind of its own.
#[derive(Debug, Default)]
struct Mood {
    /// Bytes that a file may have; 0: any number.
    room: AtomicU64,
    sync_fails: AtomicBool,
    hung: Mutex<Hung>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct Hung {
    on: bool,
    waiting: bool,
}

impl Mood {
    fn hang(&self, on: bool) {
        self.hung.lock().unwrap().on = on;
        self.change.notify_all();
    }

    /// Waits until somebody hangs.
    fn wait_for_hung(&self) {
        drop(self.change.wait_while(self.hung.lock().unwrap(), |hung| !hung.waiting).unwrap());
    }

    fn pass(&self) {
        let mut hung = self.hung.lock().unwrap();
        hung.waiting = hung.on;
        self.change.notify_all();
        let mut hung = self.change.wait_while(hung, |hung| hung.on).unwrap();
        hung.waiting = false;
    }

    fn room_for(&self, end: u64) -> io::Result<()> {
        let room = self.room.load(Ordering::Relaxed);
        if room > 0 && end > room { Err(Errno::ENOSPC.into()) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Moody(File, Arc<Mood>);

impl Medium for Moody {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.1.pass();
        self.0.read(offset, out)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.1.room_for(offset + data.len() as u64)?;
        self.0.write(offset, data)
    }
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.1.room_for(length)?;
        self.0.set_length(length)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.pass();
        if self.1.sync_fails.load(Ordering::Relaxed) { Err(Errno::EIO.into()) } else { self.0.sync() }
    }
}

fn moody(directory: &Path, memory: Option<&OwnedFd>) -> (Owner, Arc<Mood>) {
    let mood = Arc::new(Mood::default());
    let theirs = Arc::clone(&mood);
    (Owner::open_on(directory, memory, move |file| Moody(file, Arc::clone(&theirs))), mood)
}

fn job(value: &str) -> Vec<Write> {
    vec![put(Table::Job, "import", value), put(Table::Pod, value, value)]
}

#[test]
fn a_failed_sync_sends_the_state_to_memory_and_then_to_a_new_file() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    owner.committed(job("1"));
    let old = directory::Directory::new(folder.path().into()).identity().unwrap();
    mood.sync_fails.store(true, Ordering::Relaxed);
    let why = owner.failed(job("2"));
    assert!(why.contains("state.redb") && why.contains("EIO") || why.contains("os error 5"), "{why}");
    assert!(owner.database.wants_whole());
    assert_eq!(length(&memory), 0);
    owner.committed(job("3"));
    assert!(owner.kept() && length(&memory) > 0);
    owner.committed(job("4"));

    // A trial that fails leaves the state where it is.
    owner.pass(STATE_TRIAL_INTERVAL_MS);
    owner.disk_answers();
    assert!(!owner.database.wants_whole() && owner.kept());

    mood.sync_fails.store(false, Ordering::Relaxed);
    owner.wants_whole_after_a_trial();
    owner.committed(vec![]);
    assert_eq!(*owner.database.place(), Place::Disk);
    assert_eq!(length(&memory), 0);
    assert_ne!(directory::Directory::new(folder.path().into()).identity().unwrap(), old);
    assert_eq!(owner.database.next_deadline(), None);
    owner.committed(job("5"));
    let content = owner.content.clone();
    owner.close();
    assert_eq!(on_disk(folder.path()), content);
    assert_eq!(names(folder.path()), ["state.redb"], "it was ours: nothing is kept of it");
}

#[test]
fn a_trial_that_breaks_off_half_way_ends_in_memory_with_the_same_batch() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    owner.committed(vec![put(Table::Text, "big", &"x".repeat(300_000))]);
    mood.room.store(100_000, Ordering::Relaxed);
    owner.failed(vec![put(Table::Text, "bigger", &"x".repeat(3_000_000))]);
    owner.committed(vec![]);
    // Room for a probe that asks for too little, but not for the state.
    owner.wants_whole_after_a_trial();
    owner.committed(job("1"));
    assert!(owner.kept());
    assert!(owner.why().contains("os error 28"), "{}", owner.why());
    assert_eq!(names(folder.path()), ["state.redb"]);
    let content = owner.content.clone();
    owner.die();
    let (owner, _) = moody(folder.path(), Some(&memory));
    assert_eq!(owner.content, content);
}

#[test]
fn memory_outlives_the_manager_and_is_newer_than_the_disk() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    owner.committed(job("1"));
    mood.sync_fails.store(true, Ordering::Relaxed);
    owner.failed(job("2"));
    owner.committed(job("3"));
    owner.committed(job("4"));
    let content = owner.content.clone();
    owner.die();

    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    assert_eq!((owner.content.clone(), &owner.findings[..]), (content, &[][..]));
    assert!(owner.kept() && owner.database.wants_whole());
    // Still no disk.
    mood.sync_fails.store(true, Ordering::Relaxed);
    owner.committed(job("5"));
    assert!(owner.kept());
    let content = owner.content.clone();
    owner.die();

    let mut owner = Owner::open(folder.path(), Some(&memory));
    assert_eq!(owner.content, content);
    owner.committed(vec![]);
    assert_eq!((owner.database.place(), length(&memory)), (&Place::Disk, 0));
    owner.close();
    assert_eq!(on_disk(folder.path()), content);
}

#[test]
fn a_memory_that_was_never_finished_or_is_damaged_is_not_the_truth() {
    let (folder, memory) = (folder(), memfd());
    let mut owner = Owner::open(folder.path(), None);
    owner.committed(job("1"));
    let content = owner.content.clone();
    owner.close();
    drop(stored::Stored::open(File::from(memory.try_clone().unwrap())).unwrap());
    let owner = Owner::open(folder.path(), Some(&memory));
    assert_eq!((&owner.content, owner.findings.len(), length(&memory)), (&content, 0, 0));
    owner.close();
    File::from(memory.try_clone().unwrap()).write(0, b"noise").unwrap();
    let owner = Owner::open(folder.path(), Some(&memory));
    assert_eq!((&owner.content, owner.findings.len(), length(&memory)), (&content, 1, 0));
    assert_eq!(*owner.database.place(), Place::Disk);
    owner.close();
}

#[test]
fn without_a_memory_it_goes_on_in_the_managers_own() {
    let folder = folder();
    let (mut owner, mood) = moody(folder.path(), None);
    owner.committed(job("1"));
    mood.sync_fails.store(true, Ordering::Relaxed);
    owner.failed(job("2"));
    owner.committed(job("3"));
    assert!(matches!(owner.database.place(), Place::Memory { kept: false, .. }));
    owner.committed(job("4"));
    mood.sync_fails.store(false, Ordering::Relaxed);
    owner.wants_whole_after_a_trial();
    owner.committed(vec![]);
    let content = owner.content.clone();
    owner.close();
    assert_eq!(on_disk(folder.path()), content);
}

#[test]
fn a_hung_disk_is_left_and_tried_again_only_when_it_has_answered() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    owner.committed(job("1"));
    mood.hang(true);
    owner.write(job("2"));
    mood.wait_for_hung();
    let late = owner.database.next_deadline().unwrap();
    assert!(late >= owner.now.mono + Duration::from_millis(STATE_STUCK_MS));
    owner.pass(STATE_STUCK_MS - 1);
    assert_eq!(owner.database.take_in(owner.now), None);
    owner.pass(2);
    assert!(matches!(owner.said(), Said::Failed { .. }));
    assert_eq!(owner.why(), "the disk has not answered for 2 s");
    owner.committed(job("3"));
    assert!(owner.kept());
    assert_eq!(owner.database.next_deadline(), None, "nothing to do until it answers");
    owner.pass(60_000);
    owner.committed(job("4"));
    let content = owner.content.clone();

    // The late batch gets to the old file. It changes nothing of what is true.
    mood.hang(false);
    owner.disk_answers();
    assert!(owner.kept());
    owner.wants_whole_after_a_trial();
    owner.committed(vec![]);
    assert_eq!((owner.database.place(), length(&memory)), (&Place::Disk, 0));
    owner.close();
    assert_eq!(on_disk(folder.path()), content);
}

#[test]
fn a_disk_that_hangs_in_a_trial_gets_nothing_late_into_the_truth() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    owner.committed(job("1"));
    mood.sync_fails.store(true, Ordering::Relaxed);
    owner.failed(job("2"));
    owner.committed(job("3"));
    mood.sync_fails.store(false, Ordering::Relaxed);
    owner.wants_whole_after_a_trial();
    mood.hang(true);
    owner.write(job("4"));
    mood.wait_for_hung();
    owner.pass(STATE_STUCK_MS + 1);
    assert_eq!(owner.said(), Said::Committed { number: owner.number }, "in memory, with the same batch");
    assert!(owner.kept());
    owner.committed(job("5"));
    let content = owner.content.clone();
    mood.hang(false);
    owner.disk_answers();
    assert!(length(&memory) > 0, "the disk has an older state now, so the memory must stay the truth");
    owner.die();
    let owner = Owner::open(folder.path(), Some(&memory));
    assert_eq!(owner.content, content);
}

#[test]
fn a_probe_that_hangs_holds_nothing_up() {
    let (folder, memory) = (folder(), memfd());
    let (mut owner, mood) = moody(folder.path(), Some(&memory));
    mood.sync_fails.store(true, Ordering::Relaxed);
    owner.committed(job("1"));
    assert!(owner.kept());
    mood.hang(true);
    owner.pass(STATE_TRIAL_INTERVAL_MS);
    mood.wait_for_hung();
    owner.committed(job("2"));
    owner.pass(STATE_STUCK_MS);
    assert_eq!(owner.why(), "the disk has not answered for 2 s");
    owner.committed(job("3"));
    mood.hang(false);
}

#[test]
fn a_directory_that_was_removed_is_noticed_and_made_again() {
    let folder = folder();
    let directory = folder.path().join("state");
    let mut owner = Owner::open(&directory, Some(&memfd()));
    owner.committed(job("1"));
    fs::remove_dir_all(&directory).unwrap();
    let why = owner.failed(job("2"));
    assert!(why.contains("was removed"), "{why}");
    owner.committed(vec![]);
    assert_eq!(*owner.database.place(), Place::Disk, "at once");
    let content = owner.content.clone();
    owner.close();
    assert_eq!(on_disk(&directory), content);
}

#[test]
fn a_file_that_took_the_place_of_ours_is_kept_and_written_over() {
    let folder = folder();
    let mut owner = Owner::open(folder.path(), Some(&memfd()));
    owner.committed(job("1"));
    fs::rename(state(folder.path()), folder.path().join("moved")).unwrap();
    fs::write(state(folder.path()), "somebody's").unwrap();
    owner.failed(job("2"));
    owner.committed(vec![]);
    let content = owner.content.clone();
    owner.close();
    assert_eq!(names(folder.path()), ["moved", "state.redb", "state.redb.foreign-1"]);
    assert_eq!(on_disk(folder.path()), content);
}

#[test]
fn a_directory_that_cannot_be_made_means_memory_from_the_start() {
    let (folder, memory) = (folder(), memfd());
    let directory = folder.path().join("file/state");
    fs::write(folder.path().join("file"), "").unwrap();
    let mut owner = Owner::open(&directory, Some(&memory));
    assert!(matches!(owner.database.place(), Place::Memory { .. }));
    assert!(owner.why().contains("Not a directory"), "{}", owner.why());
    owner.committed(job("1"));
    assert!(owner.kept());
    fs::remove_file(folder.path().join("file")).unwrap();
    owner.wants_whole_after_a_trial();
    owner.committed(job("2"));
    assert_eq!(*owner.database.place(), Place::Disk);
    let content = owner.content.clone();
    owner.close();
    assert_eq!(on_disk(&directory), content);
}

/// Runs this with a small disk of its own, where we may mount one. The threads that the store starts see it,
/// too: they are started from here.
fn with_a_small_disk(options: &'static str, test: impl FnOnce(&Path) + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let run = move || {
        let folder = folder();
        let nothing = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
        mount(Some("small"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
        test(folder.path());
        nix::mount::umount2(folder.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    };
    std::thread::Builder::new().spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_full_disk_is_left_and_taken_again_when_there_is_room() {
    with_a_small_disk("size=1m", |directory| {
        let memory = memfd();
        let mut owner = Owner::open(directory, Some(&memory));
        owner.committed(job("1"));
        let hog = directory.join("hog");
        let full = fs::write(&hog, vec![1; 2 << 20]).unwrap_err();
        assert_eq!(full.raw_os_error(), Some(Errno::ENOSPC as i32));
        let mut why = None;
        for round in 0..200 {
            owner.write(vec![put(Table::History, &round.to_string(), &"x".repeat(4_000))]);
            if let Said::Failed { why: words, .. } = owner.said() {
                why = Some(words);
                break;
            }
        }
        assert!(why.unwrap().contains("No space left on device"));
        owner.committed(vec![]);
        assert!(owner.kept());
        owner.pass(STATE_TRIAL_INTERVAL_MS);
        owner.disk_answers();
        assert!(!owner.database.wants_whole(), "still full");
        fs::remove_file(&hog).unwrap();
        owner.wants_whole_after_a_trial();
        owner.committed(vec![]);
        assert_eq!((owner.database.place(), length(&memory)), (&Place::Disk, 0));
        let content = owner.content.clone();
        owner.close();
        assert_eq!(on_disk(directory), content);
    });
}

#[test]
fn a_disk_without_inodes_is_as_good_as_a_full_one() {
    with_a_small_disk("size=8m,nr_inodes=4", |directory| {
        for name in ["a", "b", "c"] {
            File::create(directory.join(name)).unwrap();
        }
        let mut owner = Owner::open(directory, Some(&memfd()));
        assert!(owner.why().contains("No space left on device"), "{}", owner.why());
        owner.committed(job("1"));
        assert!(owner.kept());
        fs::remove_file(directory.join("a")).unwrap();
        owner.wants_whole_after_a_trial();
        owner.committed(vec![]);
        assert_eq!(*owner.database.place(), Place::Disk);
        owner.close();
    });
}

#[test]
fn what_lies_on_a_read_only_disk_is_read_and_goes_on_in_memory() {
    with_a_small_disk("size=8m", |directory| {
        let memory = memfd();
        let mut owner = Owner::open(directory, None);
        owner.committed(job("1"));
        let content = owner.content.clone();
        // As after a power cut: there is something to repair, and it cannot be.
        owner.die();
        let bytes = fs::read(state(directory)).unwrap();
        read_only_copy(directory, &bytes);
        let mut owner = Owner::open(directory, Some(&memory));
        assert_eq!((&owner.content, owner.findings.len()), (&content, 0));
        assert!(owner.why().contains("Read-only file system"), "{}", owner.why());
        owner.committed(job("2"));
        assert!(owner.kept());
        remount(directory, MsFlags::empty());
        owner.wants_whole_after_a_trial();
        owner.committed(vec![]);
        let content = owner.content.clone();
        owner.close();
        assert_eq!(on_disk(directory), content);
    });
}

/// The state's file alone on a disk that is read-only.
fn read_only_copy(directory: &Path, state_bytes: &[u8]) {
    mount(Some("small"), directory, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    fs::write(state(directory), state_bytes).unwrap();
    remount(directory, MsFlags::MS_RDONLY);
}

fn remount(directory: &Path, flags: MsFlags) {
    mount(None::<&str>, directory, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>).unwrap();
}
