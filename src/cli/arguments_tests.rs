//! Guess tests: what somebody types who never saw supctl, but knows systemctl, kubectl, docker,
//! supervisorctl or pm2. Each line is understood, or its verb is known and names the nearest one.

use super::super::{alias, not_yet};
use super::*;

/// Splits as a shell would, as far as these lines need it.
fn words(line: &str) -> Vec<String> {
    let unquoted = |word: &str| word.trim_matches('\'').to_owned();
    line.split_whitespace().map(unquoted).collect()
}

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(alias::normalise(words(line)))
}

fn verb(line: &str) -> String {
    let arguments = parse(line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    let debug = format!("{:?}", arguments.verb);
    debug.split(['(', ' ']).next().unwrap_or_default().to_owned()
}

#[test]
fn lines_that_work() {
    let table = [
        ("supctl", "Status"),
        ("supctl -o json", "Status"),
        ("supctl -w", "Status"),
        ("supctl status nginx", "Status"),
        ("supctl status -n 5 nginx --no-pager", "Status"),
        ("supctl is-active nginx", "IsActive"),
        ("supctl is-active -q nginx", "IsActive"),
        ("supctl --quiet is-failed nginx", "IsFailed"),
        ("supctl restart nginx", "Restart"),
        ("supctl restart --no-block nginx db", "Restart"),
        ("supctl --user restart nginx", "Restart"),
        ("supctl daemon-reload", "DaemonReload"),
        ("supctl convert /etc/cron.d/backup", "Convert"),
        ("supctl enable --now nginx", "Enable"),
        ("supctl disable --now nginx", "Disable"),
        ("supctl list-timers", "Get"),
        ("supctl list-units --failed", "Get"),
        ("supctl list-units --no-legend --plain --state running", "Get"),
        ("supctl kill -s HUP nginx", "Kill"),
        ("supctl kill --signal=SIGKILL --kill-whom=all nginx", "Kill"),
        ("supctl reset-failed", "ResetFailed"),
        ("supctl get pods", "Get"),
        ("supctl get po -o wide --no-headers -l app=web,tier!=test", "Get"),
        ("supctl get jobs -o wide", "Get"),
        ("supctl get events -w", "Get"),
        ("supctl get all -a", "Get"),
        ("supctl logs -f --tail 20 web", "Logs"),
        ("supctl logs -f --tail=-1 web", "Logs"),
        ("supctl logs -fn 20 web", "Logs"),
        ("supctl logs -p web", "Logs"),
        ("supctl logs --since 5m --timestamps --prefix -c main web db", "Logs"),
        ("supctl history", "History"),
        ("supctl history job/import -n 5 --since 2d -o wide", "History"),
        ("supctl history -f backup", "History"),
        ("supctl history -w --limit all", "History"),
        ("supctl get history -o json", "Get"),
        ("supctl apply -f web.toml", "Apply"),
        ("supctl apply -f -", "Apply"),
        ("supctl delete job/import", "Delete"),
        ("supctl delete pod web-2", "Delete"),
        ("supctl scale web --replicas=5", "Scale"),
        ("supctl scale --replicas=5 service/web", "Scale"),
        ("supctl rollout restart web", "Rollout"),
        ("supctl rollout undo web --to-revision=2", "Rollout"),
        ("supctl rollout status deployment/web --watch=false --timeout 60s", "Rollout"),
        ("supctl create job t --from=cronjob/backup", "Create"),
        ("supctl wait --for=condition=complete job/import --timeout=60s", "Wait"),
        ("supctl describe cronjob backup", "Describe"),
        ("supctl explain job.backoffLimit", "Explain"),
        ("supctl inspect web", "Get"),
        ("supctl events --for job/import --types=Warning -w", "Events"),
        ("supctl get pods -A -L app,tier --show-labels --sort-by=.metadata.name --watch-only", "Get"),
        (
            "supctl get pods -o jsonpath={.items[*].metadata.name} --field-selector status.phase=Running",
            "Get",
        ),
        ("supctl api-resources", "ApiResources"),
        ("supctl exec -it web -- sh", "Exec"),
        ("supctl exec web -- ls -l --color", "Exec"),
        ("supctl run --job --wait -- sh -c 'exit'", "Run"),
        ("supctl run --name x -- sleep 5", "Run"),
        ("supctl status all", "Status"),
        ("supctl tail -f web", "Logs"),
        ("supctl update", "Apply"),
        ("supctl reread", "DaemonReload"),
        ("supctl restart 'web:*'", "Restart"),
        ("supctl signal HUP web", "Kill"),
        ("supctl ps", "Ps"),
        ("supctl ps -a -q", "Ps"),
        ("supctl stop -t 5 web", "Stop"),
        ("supctl ls", "Get"),
        ("supctl scale web +2", "Scale"),
        ("supctl scale web -2", "Scale"),
        ("supctl calendar 30 2 * * 1-5 --tz Europe/Berlin -n 3", "Calendar"),
        ("supctl analyze calendar @daily", "Calendar"),
        ("supctl validate units/ web.toml -o json", "Validate"),
        ("supctl verify web.toml", "Validate"),
        ("supctl version -o json", "Version"),
        ("supctl completion bash", "Completion"),
        ("supctl help exit-codes", "Help"),
        ("supctl shutdown --timeout 5s", "Shutdown"),
        ("supctl poweroff", "Poweroff"),
        ("supctl reboot --timeout 5s", "Reboot"),
        ("supctl reboot -ff bootloader", "Reboot"),
        ("supctl halt", "Halt"),
        ("supctl kexec -f", "Kexec"),
        ("supctl kexec /boot/vmlinuz --initrd /boot/initrd.img --append quiet", "Kexec"),
        ("supctl soft-reboot --when=+5 -m bye", "SoftReboot"),
        ("supctl rescue", "Rescue"),
        ("supctl poweroff --when cancel", "Poweroff"),
        ("supctl exit 3", "Exit"),
        ("supctl switch-root", "SwitchRoot"),
        ("supctl switch-root /mnt /sbin/supd", "SwitchRoot"),
        ("supctl reexec --binary ./supd", "Reexec"),
        ("supctl daemon-reexec", "Reexec"),
    ];
    for (line, expected) in table {
        assert_eq!(verb(line), expected, "{line}");
    }
}

/// Flags behind a list of words are flags, and what stands behind `--` is the program's own.
#[test]
fn flags_and_words_are_told_apart() {
    let debug = |line: &str| format!("{:?}", parse(line).unwrap().verb);
    let calendar = debug("supctl calendar 30 2 * * 1-5 --tz Europe/Berlin -n 3");
    assert!(calendar.contains(r#"expression: ["30", "2", "*", "*", "1-5"]"#), "{calendar}");
    assert!(calendar.contains(r#"tz: Some("Europe/Berlin")"#) && calendar.contains("lines: 3"), "{calendar}");
    let exec = debug("supctl exec -i web -- ls -l --color");
    assert!(exec.contains(r#"command: ["ls", "-l", "--color"]"#) && exec.contains("stdin: true"), "{exec}");
    let run = debug("supctl run --wait -- sh --name x");
    assert!(run.contains(r#"command: ["sh", "--name", "x"]"#) && run.contains("name: None"), "{run}");
    let scale = debug("supctl scale web -2 --no-block");
    assert!(scale.contains(r#"names: ["web", "-2"]"#) && scale.contains("no_block: true"), "{scale}");
    let logs = debug("supctl logs --tail -1 -f web");
    assert!(logs.contains(r#"names: ["web"]"#) && logs.contains("follow: true"), "{logs}");
    let status = debug("supctl -o json --utc status web");
    assert!(status.contains("output: Some(Json)"), "{status}");
}

#[test]
fn lines_of_a_later_release() {
    for line in [
        "supctl journalctl -u nginx -n 5 -o json",
        "supctl cat nginx",
        "supctl show -p MainPID --value nginx",
        "supctl mask nginx",
        "supctl edit nginx",
        "supctl top",
        "supctl analyze blame",
        "supctl stats",
        "supctl monit",
        "supctl flush web",
    ] {
        let Verb::Unknown(words) = parse(line).unwrap().verb else { panic!("`{line}` is no longer unknown") };
        let refusal = not_yet::refuse(&words[0], &[]);
        assert!(refusal.message.ends_with("is not built yet"), "{line}: {refusal}");
        assert!(refusal.hints[0].starts_with("nearest: "), "{line}: {refusal}");
    }
}

#[test]
fn wrong_usage_is_refused() {
    for line in [
        "supctl start",
        "supctl get pods -o xml",
        "supctl logs --tail many web",
        "supctl wait web --timeout soon",
        "supctl run",
        "supctl kill --kill-whom=control web",
        "supctl restart --frobnicate web",
        "supctl scale",
    ] {
        let error = parse(line).err().unwrap_or_else(|| panic!("`{line}` was understood"));
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn the_grammar_is_consistent() {
    <Arguments as clap::CommandFactory>::command().debug_assert();
}
