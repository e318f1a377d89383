//! Which unit files are opened at all (F63, F64, F69–F71), and how long a load takes.
//!
//! Real files in a temporary directory, loaded as supd does.
#![allow(clippy::unwrap_used)] // A test fails by panic.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use supd::unit::diagnostic::Code;
use supd::unit::load::{LoadOptions, Loaded, load};
use supd::unit::name::UnitName;

const UNIT: &str = "exec = [\"/bin/true\"]\n";

struct Space(tempfile::TempDir);

impl Space {
    fn new() -> Self {
        let space = Self(tempfile::tempdir().expect("a temporary directory"));
        std::fs::create_dir(space.path("units")).expect("a directory in it");
        std::fs::set_permissions(space.path("units"), PermissionsExt::from_mode(0o755)).expect("its mode");
        space
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path("units").join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        self.mode(name, 0o644)
    }

    fn mode(&self, name: &str, mode: u32) -> &Self {
        let path = self.path("units").join(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode can be set");
        self
    }

    fn load_path(&self, path: &Path, as_root: bool) -> Loaded {
        load(&LoadOptions {
            paths: &[path.to_owned()],
            must_exist: true,
            instances: &[],
            env: &|_| None,
            as_root,
            look_up: false,
        })
    }

    fn load(&self) -> Loaded {
        self.load_path(&self.path("units"), false)
    }

    /// What is wrong with the one unit `bad`, which is beside a good one.
    fn code_of_bad(&self, as_root: bool) -> Code {
        self.write("good.toml", UNIT);
        let loaded = self.load_path(&self.path("units"), as_root);
        assert!(loaded.get("good").is_some(), "{:?}", loaded.faults);
        assert!(loaded.get("bad").is_none());
        assert!(loaded.refused.iter().any(|name| name.as_str() == "bad"), "{:?}", loaded.refused);
        assert_eq!(loaded.faults.len(), 1, "{:?}", loaded.faults);
        assert_eq!(loaded.faults[0].unit.as_ref().map(UnitName::as_str), Some("bad"));
        loaded.faults[0].code
    }
}

fn fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL");
    nix::unistd::mkfifo(path.as_c_str(), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO can be made");
}

#[test]
fn only_regular_files_are_opened() {
    let space = Space::new();
    std::fs::write(space.path("secret"), "root:x").expect("a file can be written");
    symlink(space.path("secret"), space.path("units/bad.toml")).expect("a link can be made");
    assert_eq!(space.code_of_bad(false), Code::NotRegular);
    assert!(!format!("{:?}", space.load().faults).contains("root:x"));

    let space = Space::new();
    fifo(&space.path("units/bad.toml"));
    assert_eq!(space.code_of_bad(false), Code::NotRegular);

    let space = Space::new();
    std::fs::create_dir(space.path("units/bad.toml")).expect("a directory can be made");
    assert_eq!(space.code_of_bad(false), Code::NotRegular);

    let space = Space::new();
    let _socket = std::os::unix::net::UnixListener::bind(space.path("units/bad.toml")).expect("a socket");
    assert_eq!(space.code_of_bad(false), Code::NotRegular);
}

#[test]
fn neither_linked_directories_nor_devices_are_searched() {
    let space = Space::new();
    space.write("web.toml", UNIT);
    symlink(space.path("units"), space.path("linked")).expect("a link can be made");
    for path in [space.path("linked"), PathBuf::from("/dev/null")] {
        let loaded = space.load_path(&path, false);
        assert!(loaded.units.is_empty());
        assert_eq!(loaded.faults[0].code, Code::NotRegular, "{}", path.display());
    }
    let loaded = space.load_path(&space.path("nowhere"), false);
    assert_eq!(loaded.faults[0].code, Code::Unreadable);
}

#[test]
fn what_is_no_text_is_refused_in_words() {
    let cases: [(&[u8], Code, &str); 6] = [
        (b"\xef\xbb\xbfexec = ['x']", Code::NotText, "byte order mark"),
        (b"exec = ['x']\n\n# \0\n", Code::NotText, "NUL character in line 3"),
        (b"exec = ['x']\n# \xff\n", Code::NotText, "line 2 is not UTF-8"),
        (b"\xff\xfee\0x\0", Code::NotText, "UTF-16"),
        (&[b'#'; 1024 * 1024 + 1], Code::TooLarge, "1048577 bytes"),
        (b"exec = ['x'\n", Code::Syntax, "array"),
    ];
    for (bytes, code, words) in cases {
        let space = Space::new();
        space.write("bad.toml", bytes);
        assert_eq!(space.code_of_bad(false), code, "{words}");
        let message = space.load().faults[0].message.clone();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn as_root_nobody_else_may_have_written_it() {
    for mode in [0o646, 0o666] {
        let space = Space::new();
        space.write("bad.toml", UNIT).mode("bad.toml", mode);
        assert_eq!(space.code_of_bad(true), Code::Unsafe, "{mode:o}");
        assert!(space.load().faults.is_empty());
    }
    let space = Space::new();
    space.write("web.toml", UNIT);
    assert_eq!(space.load_path(&space.path("units"), true).units.len(), 1);
    space.mode("", 0o777);
    let loaded = space.load_path(&space.path("units"), true);
    assert_eq!((loaded.units.len(), loaded.faults[0].code), (0, Code::Unsafe));
    assert!(loaded.faults[0].message.contains("everybody may write to the directory"), "{:?}", loaded.faults);
    // What is above could be renamed, and another put in its place.
    space.mode("", 0o755);
    std::fs::set_permissions(space.0.path(), PermissionsExt::from_mode(0o777)).expect("a mode can be set");
    let loaded = space.load_path(&space.path("units"), true);
    assert!(loaded.faults[0].message.contains("the directory above"), "{:?}", loaded.faults);
    // A sticky directory, as `/tmp` is, keeps what is in it for its owner.
    std::fs::set_permissions(space.0.path(), PermissionsExt::from_mode(0o1777)).expect("a mode can be set");
    assert_eq!(space.load_path(&space.path("units"), true).units.len(), 1);
}

#[test]
fn as_root_no_strangers_file_is_read() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a file away; the modes are tested above for everybody.
        return;
    }
    let space = Space::new();
    space.write("bad.toml", UNIT);
    let stranger = nix::unistd::Uid::from_raw(65_534);
    nix::unistd::chown(&space.path("units/bad.toml"), Some(stranger), None).expect("root can chown");
    assert_eq!(space.code_of_bad(true), Code::Unsafe);
}

#[test]
fn stronger_directories_win_and_empty_files_mask() {
    let space = Space::new();
    let weaker = space.path("weaker");
    std::fs::create_dir(&weaker).expect("a directory can be made");
    for name in ["web", "db", "gone"] {
        std::fs::write(weaker.join(format!("{name}.toml")), "exec = [\"/bin/weak\"]\n").expect("a file");
    }
    space.write("web.toml", "exec = [\"/bin/strong\"]\n").write("gone.toml", "# masked\n");
    let paths = [space.path("units"), weaker];
    let loaded = load(&LoadOptions {
        paths: &paths,
        must_exist: true,
        instances: &[],
        env: &|_| None,
        as_root: false,
        look_up: false,
    });
    let program =
        |name: &str| loaded.get(name).map(|unit| unit.pod().expect("a pod").main.exec[0].to_string());
    assert_eq!(program("web").as_deref(), Some("/bin/strong"));
    assert_eq!(program("db").as_deref(), Some("/bin/weak"));
    assert_eq!(program("gone"), None);
    assert!(loaded.faults.is_empty() && loaded.refused.is_empty());
}

#[test]
fn instances_that_are_asked_for_are_made() {
    let space = Space::new();
    space.write("worker@.toml", "exec = [\"/bin/x\", \"${instance}\"]\n");
    let wanted = [UnitName::parse("worker@eu").expect("a name"), UnitName::parse("other@x").expect("a name")];
    let loaded = load(&LoadOptions {
        paths: &[space.path("units")],
        must_exist: true,
        instances: &wanted,
        env: &|_| None,
        as_root: false,
        look_up: false,
    });
    let unit = loaded.get("worker@eu").expect("the instance");
    assert_eq!(unit.pod().expect("a pod").main.exec[1].to_string(), "eu");
    assert_eq!((loaded.units.len(), loaded.templates.len()), (1, 1));
}

#[test]
fn a_bundle_and_a_single_file_can_be_named() {
    let space = Space::new();
    space.write("dev.toml", "[unit.web]\nexec = [\"/bin/x\"]\n[unit.db]\nexec = [\"/bin/y\"]\n");
    space.write("one.toml", UNIT);
    assert_eq!(space.load_path(&space.path("units/dev.toml"), false).units.len(), 2);
    assert_eq!(space.load_path(&space.path("units/one.toml"), true).units.len(), 1);
}

#[test]
fn hostile_texts_take_no_long_time() {
    let megabyte = 1024 * 1024 - 64;
    let texts = [
        format!("x = {}", "[".repeat(megabyte)),
        format!("[{}x]", "a.".repeat(megabyte / 2)),
        "[a]\n".repeat(megabyte / 4),
        "[[init]]\n".repeat(megabyte / 9),
        format!("description = \"{}\"", "x".repeat(megabyte - 20)),
        format!("{} = 1", "x".repeat(megabyte - 20)),
        format!("exec = [{}]", "\"$\",".repeat(megabyte / 5)),
        "=".repeat(megabyte),
        "x\n".repeat(megabyte / 2),
        (0..60_000).map(|n| format!("k{n} = {n}\n")).collect(),
        format!("[env]\n{}", (0..60_000).map(|n| format!("K{n} = \"x\"\n")).collect::<String>()),
        format!("requires = [{}]", (0..60_000).map(|n| format!("\"u{n}\",")).collect::<String>()),
    ];
    for text in texts {
        let space = Space::new();
        space.write("bad.toml", &text);
        let start = Instant::now();
        let loaded = space.load();
        let shown: usize = loaded.faults.iter().map(|fault| fault.render(false).len()).sum();
        // Ten times what it takes without optimisation on a busy machine.
        assert!(start.elapsed() < Duration::from_secs(10), "{:.40}: {:?}", text, start.elapsed());
        assert!(shown < 1024 * 1024 * 16, "{shown}");
    }
}

#[test]
fn each_load_sees_one_whole_version() {
    let space = Space::new();
    let versions = ["a", "b"].map(|word| format!("exec = [\"/bin/{word}\"]\ndescription = \"{word}\"\n"));
    for turn in 0..200 {
        let file = space.path("units/new");
        std::fs::write(&file, &versions[turn % 2]).expect("a file can be written");
        std::fs::rename(&file, space.path("units/web.toml")).expect("it can be renamed");
        let loaded = space.load();
        let unit = loaded.get("web").expect("it is there");
        let program = unit.pod().expect("a pod").main.exec[0].to_string();
        assert_eq!(program, format!("/bin/{}", unit.description));
    }
}

#[test]
fn validate_warns_of_what_is_not_there_now() {
    let space = Space::new();
    space.write(
        "web.toml",
        "exec = [\"/nowhere/web\"]\nuser = \"root\"\ngroup = \"nosuchgroup\"\n[[init]]\nexec = [\"/etc/passwd\"]\nuser = \"nosuchuser\"\n",
    );
    let loaded = load(&LoadOptions {
        paths: &[space.path("units")],
        must_exist: true,
        instances: &[],
        env: &|_| None,
        as_root: false,
        look_up: true,
    });
    let codes: Vec<Code> = loaded.faults.iter().map(|fault| fault.code).collect();
    let (program, account) = (Code::NoSuchProgram, Code::NoSuchAccount);
    assert_eq!(codes, [program, account, program, account]);
    assert_eq!((loaded.units.len(), loaded.has_errors()), (1, false));
    assert!(space.load().faults.is_empty());
}

/// Not a benchmark: it shows that nothing grows with the square of the number.
#[test]
fn thousands_of_units_load_at_once() {
    let space = Space::new();
    for n in 0..3_000 {
        let text = format!(
            "description = \"unit {n}\"\nexec = [\"/bin/true\", \"{n}\"]\nafter = [\"u{}\"]\n[env]\nA = \"b\"\n[stop]\ngrace = \"5s\"\n",
            n / 2 + 3_000
        );
        let text = if n % 2 == 0 {
            text.replace(&format!("u{}", n / 2 + 3_000), &format!("u{}", n / 2))
        } else {
            text
        };
        let text = if n == 0 || n % 2 == 1 { text.replace("after", "# after") } else { text };
        space.write(&format!("u{n}.toml"), text);
    }
    let start = Instant::now();
    let loaded = space.load();
    eprintln!("3000 units: {:?}", start.elapsed());
    assert_eq!((loaded.units.len(), loaded.faults.len()), (3_000, 0));
    assert!(start.elapsed() < Duration::from_secs(20));
}
