//! packaging/container/examples: each is built as its README says, on a base without a network, and does what it is
//! there for.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::image::packaging;
use super::podman::{Container, Podman};
use super::promises::Test;

/// All of them.
pub const ALL: &[Test] = &[
    ("examples_nginx_and_php_instead_of_supervisord", nginx_and_php_instead_of_supervisord),
    ("examples_an_app_with_cron_instead_of_supercronic", an_app_with_cron_instead_of_supercronic),
    ("examples_a_sidecar_and_a_migration_instead_of_s6", a_sidecar_and_a_migration_instead_of_s6),
];

/// Builds an example and starts it.
fn example<'a>(podman: &'a Podman, name: &'static str) -> Container<'a> {
    let context = podman.path(name);
    copy(&packaging("examples").join(name), &context);
    for (program, path) in [("supd", env!("CARGO_BIN_EXE_supd")), ("supctl", env!("CARGO_BIN_EXE_supctl"))] {
        // What a debugger would want is most of them.
        let stripped = Command::new("strip").arg("-o").arg(context.join(program)).arg(path).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(path, context.join(program)).unwrap();
        }
    }
    let image = format!("localhost/supd-{name}");
    podman.build(&image, &context, &["--format=docker", "--layers=false", &podman.base_argument()]).unwrap();
    let mut container = podman.start_image(&image, name, &[], &[]);
    container.until("runs as PID 1 of a container");
    container
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// What orchestrators ask, in the words of the image's own HEALTHCHECK.
fn is_healthy(container: &Container<'_>) {
    container.podman(&["healthcheck", "run"], &[]);
    let checks = container.exec("supctl get --raw /readyz?verbose");
    assert!(checks.ends_with("readyz check passed\n"), "{checks}");
    assert_eq!(container.exec("supctl is-system-running"), "running\n");
}

fn nginx_and_php_instead_of_supervisord(podman: &Podman) {
    let mut container = example(podman, "nginx-php-fpm");
    // The order of the start, whose end the next line waits for.
    container.until("ready to handle connections");
    container.exec("supctl wait web --for=ready --timeout=30s");
    assert!(container.exec("curl -sS http://localhost:8080/").contains("hello from PHP"));
    container.until("\"GET / HTTP/1.1\" 200");
    is_healthy(&container);
    // Nobody copies: what nginx writes to is what the container was given.
    let web = container.exec("supctl get pod web-0 -o jsonpath={.status.pid}");
    let of = |pid: &str| container.exec(&format!("readlink /proc/{pid}/fd/1"));
    assert_eq!(of(web.trim()), of("1"));
    // Sockets of the one are there when the other starts, and after a restart too.
    container.exec("supctl restart php web");
    assert!(container.exec("curl -sS http://localhost:8080/").contains("hello from PHP"));
    // nginx goes first.
    container.ask_to_stop();
    container.until("(SIGQUIT) received");
    container.until("Finishing");
    container.until("exiting, bye-bye!");
    assert_eq!(container.code(), 0);
}

fn an_app_with_cron_instead_of_supercronic(podman: &Podman) {
    let mut container = example(podman, "cron");
    container.exec("supctl wait web --for=ready --timeout=30s");
    assert_eq!(container.exec("curl -sS http://localhost:8080/"), "hello\n");
    container.until("counted");
    container.until("counted");
    assert!(container.exec("curl -sS http://localhost:8080/count.txt").starts_with("visitors: "));
    is_healthy(&container);
    let zone = container.exec("supctl get cronjob report -o jsonpath={.spec.timeZone}");
    assert_eq!(zone.trim(), "Europe/Berlin");
    container.exec("supctl create job --from=cronjob/report now --wait");
    container.until("reported");
    assert!(container.exec("supctl history count").contains("count-"));
    assert_eq!(container.stop(), 0);
}

fn a_sidecar_and_a_migration_instead_of_s6(podman: &Podman) {
    let mut container = example(podman, "sidecar");
    // Each line after the one before: the migration, the proxy, the app.
    container.until("migrated to version 2");
    container.until("start worker process");
    container.until("app: serves version 2");
    container.exec("supctl wait app --for=ready --timeout=30s");
    container.exec("supctl wait job/migrate --for=complete --timeout=30s");
    assert_eq!(container.exec("curl -sS http://localhost:8080/"), "version 2\n");
    is_healthy(&container);
    container.ask_to_stop();
    container.until("app: ends");
    // nginx, whose turn comes after that.
    container.until("exiting");
    assert_eq!(container.code(), 0);
}
