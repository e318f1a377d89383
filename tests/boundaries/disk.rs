//! Disks that are full, read-only or gone: supd goes on in memory and says so, and a manager's death loses
//! nothing there either.
//!
//! Method: the state directory is a file system of its own, in a mount namespace; the test reaches it through
//! `/proc/<keeper>/root`.

use std::fs;
use std::path::PathBuf;

use super::promised::state_survives;
use super::record::{UNSHARE, ask, object, place, wait};
use super::space::{Space, Supd, Watch};

const JOB: &str = "exec = ['/bin/true']\n[job]\ncompletions = 2\n";

/// What `status` says while nothing is kept on disk.
const NOT_SAVED: &str = "state not saved since ";

#[test]
fn f13_the_state_directory_goes_while_supd_runs() {
    for how in ["removed", "replaced"] {
        let supd = place().unit("first", JOB).unit("second", JOB).supd();
        wait(&supd, "job/first", "complete", how);
        wait(&supd, "job/second", "complete", how);
        let state = supd.path().join("state");
        match how {
            "removed" => fs::remove_dir_all(&state).unwrap(),
            _ => {
                fs::rename(&state, supd.path().join("elsewhere")).unwrap();
                fs::create_dir(&state).unwrap();
            }
        }
        ask(&supd, "restart second --no-block").ok();
        wait(&supd, "job/second", "complete", how);
        survives(&supd, &["first", "second"]);
        ask(&supd, "status").ok();
        assert_eq!(supd.stop(), 0);
    }
}

#[test]
fn f47_the_disk_is_full() {
    let supd = on(place(), "size=6m").unit("first", JOB).unit("second", JOB).supd();
    wait(&supd, "job/first", "complete", "before");
    let filler = inside(&supd, "state/filler");
    fill(&filler);
    // Pages of the store's file that are free take the first of it, if there are any.
    for round in 0.. {
        assert!(round < 100, "what 100 runs of a job say found room on a full disk");
        ask(&supd, "restart second --no-block").ok();
        wait(&supd, "job/second", "complete", "on a full disk");
        if ask(&supd, "status").stderr.contains(NOT_SAVED) {
            break;
        }
    }
    says_not_saved(&supd, "no space left on device");
    survives(&supd, &["first", "second"]);
    says_not_saved(&supd, "no space left on device");
    fs::remove_file(&filler).unwrap();
    // Saved by itself, with nothing more to save.
    let saved = || !ask(&supd, "status").stderr.contains(NOT_SAVED);
    Watch::new(&inside(&supd, "state")).until(saved);
    survives(&supd, &["first", "second"]);
}

#[test]
fn f49_there_are_no_inodes() {
    // One for the root of the file system.
    let supd = on(place(), "nr_inodes=1").unit("first", JOB).supd();
    wait(&supd, "job/first", "complete", "without inodes");
    says_not_saved(&supd, "no space left on device");
    survives(&supd, &["first"]);
}

#[test]
fn f50_everything_is_read_only() {
    let supd = on(place(), "ro").unit("first", JOB).supd();
    wait(&supd, "job/first", "complete", "read-only");
    says_not_saved(&supd, "read-only file system");
    ask(&supd, "restart calm").ok();
    survives(&supd, &["first"]);
}

/// The state directory is a tmpfs with these options.
fn on(space: Space, options: &str) -> Space {
    let state = space.path().join("state").to_str().unwrap().to_owned();
    let mount = format!("mount -t tmpfs -o {options} tmpfs {state} && exec \"$0\" \"$@\"");
    let words: Vec<&str> = UNSHARE.iter().copied().chain(["-m", "--", "sh", "-c", &mount]).collect();
    space.wrap(&words)
}

/// A path of the place as supd sees it.
fn inside(supd: &Supd, name: &str) -> PathBuf {
    let path = supd.path().join(name);
    PathBuf::from(format!("/proc/{}/root{}", supd.keeper, path.display()))
}

/// Takes all the space there is.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[b'x'; 4_096]).is_ok() {}
}

#[track_caller]
fn says_not_saved(supd: &Supd, why: &str) {
    // In a pipe the rows alone are data: warnings go to standard error.
    let words = ask(supd, "status").stderr.to_lowercase();
    assert!(words.contains(NOT_SAVED) && words.contains(why), "{words:?}");
}

/// The manager dies, and the jobs are as complete as they were: same objects, nothing run again.
#[track_caller]
fn survives(supd: &Supd, jobs: &[&str]) {
    if !state_survives() {
        return;
    }
    let all = || -> Vec<_> { jobs.iter().map(|job| object(supd, &format!("get job {job}"))).collect() };
    let before = all();
    supd.kill_role("manager");
    for (before, after) in before.iter().zip(all()) {
        for field in ["succeeded", "failed", "completionTime", "startTime"] {
            assert_eq!(before["status"][field], after["status"][field], "{field} of {after:#}");
        }
        assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    }
}
