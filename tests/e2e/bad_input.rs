//! Goal: whatever is wrong hurts only itself, and is said in words that help: of unit files, of programs that
//! cannot be started, of command lines, of what comes over the control socket.
//! Method: one mistake each, beside things that are well; exact texts where they are contracts.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::space::{Death, Output, Space, Supd, output};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

#[test]
fn a_bad_unit_hurts_only_itself() {
    let supd = Space::new()
        .unit("good", SLEEPER)
        .unit("bad", "exec = ['/bin/true']\n\n[cron]\nschedule = '0 0 * * *'\nconcurency_policy = 'Forbid'\n")
        .supd();
    supd.wait("good", "ready");
    supd.ctl("status bad").code(6).stderr_has("bad.toml:5:1").stderr_has("concurency_policy");
    supd.ctl("start bad").code(6);
    supd.ctl("get bda").code(4);
    assert!(supd.own_output().contains("concurency_policy"), "{}", supd.own_output());

    let units = supd.path().join("units");
    let checked = output(&mut supd.space().supctl_command(&["validate", units.to_str().unwrap()])).code(78);
    checked.stdout_is(&format!(
        "error[E0107]: unknown key `concurency_policy`\n  --> {}/bad.toml:5:1\n   |\n \
         5 | concurency_policy = 'Forbid'\n   | ^^^^^^^^^^^^^^^^^ not a key of [cron]\n   \
         = help: did you mean `concurrency_policy`?\n\n1 unit is valid, 1 error\n",
        units.display()
    ));

    // Mended, it is there.
    supd.space().write_unit("bad", SLEEPER);
    supd.ctl("apply").ok();
    supd.wait("bad", "ready");
}

#[test]
fn strict_refuses_to_run() {
    let space = Space::new().unit("good", SLEEPER).unit("bad", "exce = ['/bin/true']\n").arg("--strict");
    space.supd_output().code(78).stderr_has("bad.toml");
    assert!(!space.path().join("run/control.sock").exists());
}

#[test]
fn a_second_supd_names_the_first() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let second = supd.space().supd_output().code(69);
    second.stderr_has("another supd").stderr_has(&format!("pid {}", supd.keeper));
    supd.ctl("is-active web").ok();
}

#[test]
fn what_cannot_be_started_says_why() {
    let space = Space::new()
        .script("orphan", "#!/no/such/interpreter\n")
        .unit("binary", "exec = ['/no/such/program']\n")
        .unit("bare", "exec = ['no-such-program']\n")
        .unit("interpreter", "exec = ['@/orphan']\n")
        .unit("plain", "exec = ['@/plain']\n")
        .unit("directory", &format!("{SLEEPER}working_dir = '@/none'\n"))
        .unit("user", &format!("{SLEEPER}user = 'nobdy'\n"))
        .unit("group", &format!("{SLEEPER}group = 'nogrup'\n"))
        .unit("good", SLEEPER);
    fs::write(space.path().join("plain"), "echo hello\n").unwrap();
    fs::set_permissions(space.path().join("plain"), fs::Permissions::from_mode(0o644)).unwrap();
    let supd = space.supd();
    supd.wait("good", "ready");
    let dir = supd.path().display();
    let wanted = [
        ("binary", "exec /no/such/program: no such file (ENOENT)".to_owned()),
        ("bare", "exec no-such-program: not in PATH".to_owned()),
        ("interpreter", "interpreter /no/such/interpreter: no such file (ENOENT)".to_owned()),
        ("plain", format!("exec {dir}/plain: permission denied (EACCES)")),
        ("directory", format!("working_dir {dir}/none: no such file (ENOENT)")),
        ("user", "user nobdy: no such user".to_owned()),
        ("group", "group nogrup: no such group".to_owned()),
    ];
    for (unit, words) in wanted {
        let pod = supd
            .until_pod(&format!("{unit}-0"), |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
        let end = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
        assert_eq!((&end["reason"], &end["exitCode"]), (&"StartError".into(), &128.into()), "{unit}");
        assert_eq!(end["message"], words, "{unit}");
        supd.ctl(&format!("status {unit}")).code(3).stdout_has(&words);
    }
}

#[test]
fn wrong_arguments_of_supd() {
    let run = |args: &[&str]| output(std::process::Command::new(env!("CARGO_BIN_EXE_supd")).args(args));
    run(&["--nonsense"]).code(64).stderr_has("--nonsense").stderr_has("supd --help");
    run(&["status"]).code(64).stderr_has("supctl");
    run(&["--shutdown-timeout", "soon"]).code(64);
    run(&["--"]).code(64);
    run(&["keeper"]).code(64);
    run(&["--version"]).ok().stdout_is(&format!("supd {}\n", env!("CARGO_PKG_VERSION")));
    run(&["--help"]).ok().stdout_has("--exit-when-done");
}

#[test]
fn a_socket_path_that_is_too_long_is_refused_in_words() {
    let space = Space::new();
    let long = space.path().join("x".repeat(120));
    let mut command = space.command();
    output(command.arg("--runtime-dir").arg(&long)).code(78).stderr_has("bytes").stderr_has("--runtime-dir");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_supctl"));
    output(command.arg("--socket").arg(&long).arg("status")).code(2).stderr_has("longer than 107 bytes");
}

#[test]
fn who_is_not_there_is_named() {
    let space = Space::new();
    let socket = space.path().join("run/control.sock");
    for verb in ["status", "get", "apply"] {
        let nobody = space.supctl(&[verb]).code(69);
        nobody.stderr_has(socket.to_str().unwrap()).stderr_has("supd --units DIR");
    }
    // A socket that nobody listens on any more.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    space.supctl(&["status"]).code(69).stderr_has(socket.to_str().unwrap());
    // It is in nobody's way.
    let supd = space.unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
}

#[test]
fn garbage_on_the_control_socket_hurts_nobody() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let connect = || UnixStream::connect(supd.path().join("run/control.sock")).unwrap();
    let answer = |mut stream: UnixStream| {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    // Who says no more before all is said is waited for no longer.
    let say = |bytes: &[u8]| {
        let mut stream = connect();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        answer(stream)
    };
    let noise: Vec<u8> = (0..64 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let long_head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    for bytes in [&noise[..], b"", b"\0", b"GET", b"GET / HTTP/9.9\r\n\r\n", long_head.as_bytes()] {
        let answer = say(bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"),
            "{answer}"
        );
    }
    let body = |method: &str, path: &str, body: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        let mut stream = connect();
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        answer(stream)
    };
    let broken = body("POST", "/apis/supd/v1/units/web/kill", "{not json");
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
    assert!(body("GET", "/nowhere", "").starts_with("HTTP/1.1 404"));
    assert!(body("DELETE", "/version", "").starts_with("HTTP/1.1 405"));
    assert!(body("GET", "/apis/supd/v1/units/..%2f..%2fetc", "").starts_with("HTTP/1.1 4"));
    // Some who say nothing, and one who says half a request.
    let idle: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    let mut half = connect();
    half.write_all(b"POST /apis/supd/v1/apply HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    let pid = supd.pid("web-0");
    supd.ctl("status web").ok();
    drop((idle, half));
    assert_eq!(supd.pid("web-0"), pid);
}

#[test]
fn unit_files_of_every_odd_sort() {
    let space = Space::new().unit("good", SLEEPER);
    let units = space.path().join("units");
    fs::write(units.join("empty.toml"), "").unwrap();
    fs::write(units.join("Upper.toml"), SLEEPER).unwrap();
    fs::write(units.join("latin.toml"), b"description = \"\xe9\"\n").unwrap();
    fs::write(units.join("huge.toml"), format!("# {}\n", "x".repeat(8 << 20))).unwrap();
    fs::write(units.join("notes.txt"), "no unit at all").unwrap();
    fs::create_dir(units.join("folder.toml")).unwrap();
    nix::unistd::mkfifo(&units.join("fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/no/such/file", units.join("dangling.toml")).unwrap();
    let supd = space.supd();
    supd.wait("good", "ready");
    let own = supd.own_output();
    for name in ["Upper.toml", "latin.toml", "huge.toml", "fifo.toml", "dangling.toml"] {
        assert!(own.contains(name), "nothing is said of {name}: {own}");
    }
}

#[test]
fn templates_and_their_instances() {
    let space = Space::new();
    let write = |name: &str, text: &str| fs::write(space.path().join("units").join(name), text).unwrap();
    write("worker@.toml", "shell = 'echo I am $0; exec sleep infinity'\n[env]\nREGION = '${instance}'\n");
    write("default.toml", "wants = ['worker@eu', 'worker@us']\n");
    let supd = space.supd();
    supd.ctl("wait worker@eu worker@us --for=ready --timeout=60s").ok();
    supd.ctl("exec worker@eu -- printenv REGION").ok().stdout_is("eu\n");
    supd.ctl("exec worker@us -- printenv REGION").ok().stdout_is("us\n");
    let pid = |unit: &str| {
        let units = supd.json(&format!("get unit {unit}"));
        units["status"]["pods"][0]["pid"].as_i64().unwrap() as i32
    };
    let (eu, us) = (pid("worker@eu"), pid("worker@us"));
    let death = Death::of(eu);
    supd.ctl("stop worker@eu").ok();
    death.wait();
    assert_eq!(pid("worker@us"), us);
    supd.ctl("status worker@de").code(4);
    supd.ctl("start worker@").code(5);
}

#[test]
fn cycles_and_missing_requirements_are_errors() {
    let supd = Space::new()
        .unit("a", &format!("{SLEEPER}requires = ['b']\n"))
        .unit("b", &format!("{SLEEPER}requires = ['a']\n"))
        .unit("c", &format!("{SLEEPER}requires = ['none']\n"))
        .unit("d", &format!("{SLEEPER}wants = ['none']\n"))
        .unit("good", SLEEPER)
        .supd();
    supd.wait("good", "ready");
    supd.wait("d", "ready");
    let checked = validate(&supd).code(78);
    checked.stdout_has("a → b → a").stdout_has("there is no unit `none`");
    for unit in ["a", "b", "c"] {
        supd.ctl(&format!("status {unit}")).code(6);
    }
}

fn validate(supd: &Supd) -> Output {
    supd.space().supctl(&["validate", supd.path().join("units").to_str().unwrap()])
}
