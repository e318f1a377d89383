//! supd as PID 1 of a PID namespace, as in a container: exit codes, stop requests, orphans. Needs root.
//! `supd -- CMD`, and places that lack something: tests/pid1.

#![allow(unsafe_code, clippy::disallowed_types)] // A test has children of its own.

use super::space::Space;

const UNSHARE: &[&str] = &["unshare", "-fp", "--mount-proc", "--kill-child"];

#[test]
fn it_is_pid_one_and_its_pods_are_its_children() {
    let supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    let status = std::fs::read_to_string(format!("/proc/{}/status", supd.keeper)).unwrap();
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(inside.split_whitespace().last(), Some("1"));
    supd.ctl("status").ok();
    assert_eq!(supd.stop(), 0);
}

#[test]
fn a_jobs_only_container_ends_with_its_jobs() {
    for (program, code) in [("/bin/true", 0), ("/bin/false", 1)] {
        let unit = format!("exec = ['{program}']\n[job]\nbackoff_limit = 0");
        let output = Space::new().wrap(UNSHARE).unit("job", &unit).supd_output();
        assert_eq!(output.code, code, "{output:#?}");
    }
}

#[test]
fn an_essential_units_end_is_the_containers_end() {
    for (end, code) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$$$", 137), ("kill -15 $$$$", 143)]
    {
        let output = Space::new()
            .wrap(UNSHARE)
            .unit("main", &format!("exec = ['/bin/sh', '-c', '{end}']\nessential = true"))
            .unit("side", "exec = ['/bin/sleep', 'infinity']")
            .supd_output();
        assert_eq!(output.code, code, "{end}: {output:#?}");
    }
}

#[test]
fn each_stop_request_ends_it_in_order() {
    for number in [15, 2, 3, 37] {
        let mut supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
        supd.wait("a", "ready");
        // SAFETY: kill takes two integers; signal 37 has no name everywhere.
        assert_eq!(unsafe { nix::libc::kill(supd.keeper, number) }, 0);
        assert_eq!(supd.wait_end(), 0, "signal {number}");
    }
}

#[test]
fn orphans_in_the_namespace_are_reaped() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .unit("a", "exec = ['/bin/sh', '-c', 'for i in 1 2 3; do setsid -f /bin/true; done; echo done; exec sleep infinity']")
        .supd();
    supd.wait("a", "ready");
    let output = supd.ctl("exec a -- /bin/sh -c 'true'");
    assert_eq!(output.code, 0, "{output:#?}");
}

#[test]
fn who_is_no_machines_init_takes_no_machine_down() {
    let supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    for verb in
        ["poweroff", "reboot", "halt", "kexec", "soft-reboot", "rescue", "reboot --when=+5", "poweroff -f"]
    {
        supd.ctl(verb).code(1).stderr_has("supd is not the init of this machine");
    }
    supd.ctl("is-ready a").ok();
    assert_eq!(supd.stop(), 0);
}
