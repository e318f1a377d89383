//! What is understood of arguments and places, and what is refused in which words.

use std::path::Path;

use super::*;

fn parse(arguments: &[&str], root: bool, variables: &[(&str, &str)]) -> Result<Invocation, SettingsError> {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    let place = Place { variable: &variable, root, container: false, process_one: false, foreground: true };
    Invocation::parse(arguments.iter().map(OsString::from), &place)
}

fn start(arguments: &[&str], root: bool, variables: &[(&str, &str)]) -> Settings {
    match parse(arguments, root, variables) {
        Ok(Invocation::Start(settings)) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn directories_of_root_and_of_a_user() {
    let root = start(&[], true, &[]);
    assert_eq!(root.units.len(), 4);
    assert_eq!(root.control_socket(), Path::new("/run/supd/control.sock"));
    let user = start(&[], false, &[("HOME", "/home/eve"), ("XDG_RUNTIME_DIR", "/run/user/1")]);
    assert_eq!(user.units, [Path::new("/home/eve/.config/supd/units")]);
    assert_eq!(user.runtime_dir, Path::new("/run/user/1/supd"));
    assert_eq!(user.state_dir, Path::new("/home/eve/.local/state/supd"));
    assert_eq!(user.log_dir, Path::new("/home/eve/.local/state/supd/log"));
    let bare = start(&[], false, &[("HOME", "/home/eve"), ("XDG_STATE_HOME", "relative")]);
    assert_eq!(bare.runtime_dir, Path::new("/home/eve/.local/state/supd/run"));
    assert_eq!(parse(&[], false, &[]).unwrap_err().code, exit::CONFIGURATION);
}

#[test]
fn the_init_of_a_machine_reads_the_units_of_machines_too() {
    let place =
        Place { variable: &|_| None, root: true, container: false, process_one: true, foreground: false };
    let Ok(Invocation::Start(settings)) = Invocation::parse([], &place) else { panic!() };
    let expected = [
        "/etc/supd/units",
        "/etc/supd/machine",
        "/run/supd/units",
        "/usr/local/lib/supd/units",
        "/usr/lib/supd/units",
        "/usr/lib/supd/machine",
    ];
    assert_eq!(settings.units, expected.map(PathBuf::from));
}

#[test]
fn a_container_has_one_place_whoever_runs_it() {
    let place =
        Place { variable: &|_| None, root: false, container: true, process_one: true, foreground: false };
    let Ok(Invocation::Start(settings)) = Invocation::parse([], &place) else { panic!() };
    assert_eq!(settings.units.first().map(PathBuf::as_path), Some(Path::new("/etc/supd/units")));
    assert_eq!(settings.runtime_dir, Path::new(RUNTIME_DIR));
    assert_eq!(settings.shutdown_timeout, Duration::from_secs(9));
}

#[test]
fn what_follows_a_fault_is_what_the_place_can_do() {
    let of = |process_one, container, deed: &[&str]| {
        let place = Place { variable: &|_| None, root: true, container, process_one, foreground: false };
        match Invocation::parse(deed.iter().map(OsString::from), &place) {
            Ok(Invocation::Start(settings)) => Ok(settings.on_fault),
            other => Err(other.unwrap_err().message),
        }
    };
    assert_eq!(of(true, false, &[]), Ok(OnFault::Freeze));
    assert_eq!(of(true, true, &[]), Ok(OnFault::Exit));
    assert_eq!(of(false, false, &[]), Ok(OnFault::Exit));
    assert_eq!(of(true, false, &["--on-fault=poweroff"]), Ok(OnFault::PowerOff));
    assert_eq!(of(true, true, &["--on-fault", "freeze"]), Ok(OnFault::Freeze));
    for (process_one, container, deed, why) in [
        (true, false, "exit", "cannot exit"),
        (true, true, "reboot", "for the init of a machine"),
        (false, false, "freeze", "only PID 1"),
        (true, false, "burn", "it is freeze, reboot, poweroff or exit"),
    ] {
        let error = of(process_one, container, &["--on-fault", deed]).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn an_init_leaves_out_what_it_cannot_understand_and_nothing_else() {
    let place =
        Place { variable: &|_| None, root: true, container: false, process_one: true, foreground: false };
    let long = format!("/{}", "x".repeat(100));
    let typed = [
        "--state-dir=/run/state",
        "--log-level",
        "loud",
        "--watchdog",
        "1m",
        "--nonsense",
        "--on-fault=exit",
        "-g",
        "--units",
        "/a",
        "--help",
        "--runtime-dir",
        &long,
        "--quiet",
        "--shutdown-timeout",
    ];
    let (settings, left_out) = Settings::of_init(typed.map(OsString::from), &place);
    let settings = settings.unwrap();
    assert_eq!(settings.state_dir, Path::new("/run/state"));
    assert_eq!(settings.watchdog, Some(Duration::from_secs(60)));
    assert_eq!(settings.units, [Path::new("/a")]);
    assert_eq!(settings.runtime_dir, Path::new(RUNTIME_DIR));
    assert_eq!((settings.on_fault, settings.log_level), (OnFault::Freeze, LogLevel::Info));
    assert!(settings.quiet && settings.is_machine());
    let begin = [
        "`--log-level loud`: it is",
        "unknown option `--nonsense`",
        "`--help` asks for something else",
        "`--shutdown-timeout` needs a value",
        "`--group` and `--rewrite` are",
        "`--on-fault exit`: the init of a machine cannot exit",
        "the control socket's path is 114 bytes long",
    ];
    assert_eq!(left_out.len(), begin.len(), "{left_out:?}");
    for (said, begin) in left_out.iter().zip(begin) {
        assert!(said.starts_with(begin), "{said}");
    }
    let (settings, left_out) = Settings::of_init(["--".into(), "--quiet".into()], &place);
    assert!(!settings.unwrap().quiet && left_out.len() == 1);
}

#[test]
fn every_setting_travels_through_the_arguments_of_a_role() {
    let said = [
        "--units=/a",
        "--units",
        "/b=c",
        "--runtime-dir",
        "/r",
        "--state-dir=/s",
        "--log-dir",
        "/l",
        "--exit-when-done",
        "--shutdown-timeout",
        "1m30s",
        "--on-fault=exit",
        "--strict",
        "--log-level=debug",
        "--log-format",
        "json",
        "-q",
    ];
    let mut settings = start(&said, true, &[]);
    settings.container = true;
    settings.process_one = true;
    settings.tree = Some("/sys/fs/cgroup".into());
    for role in [
        Role::Keeper { before: Before::Nothing },
        Role::Keeper { before: Before::Replaced(17) },
        Role::Keeper { before: Before::Faulted(18) },
        Role::Fallen { will: 19 },
        Role::Manager { safe: false },
        Role::Manager { safe: true },
        Role::Logger,
        Role::Spawner { number: 9, stand_in: true },
        Role::Trial { opens: true },
        Role::Trial { opens: false },
    ] {
        let arguments = settings.to_args(role);
        let arguments: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(parse(&arguments, false, &[]), Ok(Invocation::Role(role, settings.clone())));
    }
    assert_eq!(settings.shutdown_timeout, Duration::from_secs(90));
}

#[test]
fn a_watchdog_is_for_the_init_of_a_machine() {
    let place =
        Place { variable: &|_| None, root: true, container: false, process_one: true, foreground: false };
    let Ok(Invocation::Start(settings)) = Invocation::parse(["--watchdog=1m".into()], &place) else {
        panic!()
    };
    assert_eq!(settings.watchdog, Some(Duration::from_secs(60)));
    let role = Role::Keeper { before: Before::Nothing };
    assert_eq!(
        Invocation::parse(settings.to_args(role), &place),
        Ok(Invocation::Role(role, settings.clone()))
    );
    assert_eq!(start(&["--watchdog=off"], true, &[]).watchdog, None);
    let message = |arguments: &[&str]| parse(arguments, true, &[]).unwrap_err().message;
    assert_eq!(message(&["--watchdog=30s"]), "`--watchdog` is for the init of a machine");
    for wrong in ["--watchdog=500ms", "--watchdog=soon"] {
        assert!(message(&[wrong]).contains("a time of a second or more, or `off`"), "{wrong}");
    }
}

#[test]
fn a_command_is_taken_as_it_is() {
    let command = vec![OsString::from("echo"), "--help".into()];
    let solo = Solo { command, ..Solo::default() };
    let refused = parse(&["--shutdown-timeout", "5s", "-g", "--", "echo"], true, &[]).unwrap_err();
    assert_eq!(refused.message, "`--shutdown-timeout` is for units, and `supd -- CMD` has none");
    assert_eq!(parse(&["-q", "--", "echo", "--help"], true, &[]), Ok(Invocation::Solo(solo.clone())));
    let rewrites = vec![(15, 3), (1, 0)];
    let arguments = ["-g", "--rewrite=TERM:QUIT", "--rewrite", "1:0", "--", "echo", "--help"];
    let solo = Solo { group: true, rewrites, ..solo };
    assert_eq!(parse(&arguments, true, &[]), Ok(Invocation::Solo(solo)));
    for wrong in [&["--"][..], &["-g"], &["--rewrite", "1:2"], &["--rewrite", "TERM:NOPE", "--", "x"]] {
        assert_eq!(parse(wrong, true, &[]).unwrap_err().code, exit::USAGE, "{wrong:?}");
    }
}

#[test]
fn mistakes_are_named() {
    let message = |arguments: &[&str]| parse(arguments, true, &[]).unwrap_err().message;
    assert_eq!(message(&["--unit", "x"]), "unknown option `--unit`; `supd --help` lists them");
    assert_eq!(message(&["--units"]), "`--units` needs a value");
    assert_eq!(message(&["--log-level=loud"]), "`--log-level loud`: it is error, warn, info or debug");
    assert!(message(&["--shutdown-timeout", "soon"]).contains("`9s`"));
    assert!(message(&["--container"]).starts_with("unknown option"), "only a role is told so");
    assert!(message(&["start", "web"]).contains("supctl"));
    let long = format!("/{}", "x".repeat(100));
    let error = parse(&["--runtime-dir", &long], true, &[]).unwrap_err();
    assert!(error.message.contains("114 bytes"), "{}", error.message);
    assert_eq!(error.code, exit::CONFIGURATION);
}

#[test]
fn times() {
    for (text, milliseconds) in [("9", 9_000), ("9s", 9_000), ("1m30s", 90_000), ("250ms", 250), ("0s", 0)] {
        assert_eq!(read_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "s", "1x", "-1s", "1.5s", "99999999999999999999h", "18446744073709551615h"] {
        assert_eq!(read_duration(text), None, "{text}");
    }
}

#[test]
fn the_help_fits_a_terminal() {
    assert!(HELP.lines().count() <= 40);
    assert!(HELP.lines().all(|line| line.chars().count() <= 80));
}
