//! Goal: programs that people really run. nginx in three replicas, asked by HTTP whether it is ready, reloaded
//! by a signal, one of them killed; Redis, which says itself that it is ready, filled by a job that waits for it.
//! Method: both write only below the test's directory; nginx on three free ports next to each other, Redis
//! on a unix socket.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Death, Space, Supd, children, output};

const WEB: &str = r#"
exec = ["/usr/sbin/nginx", "-e", "stderr", "-c", "@/web-${replica}.conf"]

[service]
replicas = 3

[readiness]
http = { port = "${env:WEB_PORT}${replica}", path = "/" }
period = "100ms"

[stop]
signal = "QUIT"
grace = "5s"
"#;

/// Ports P0, P1, P2 that are free now; the answer is P.
fn free_ports() -> u16 {
    let first = 2000 + (std::process::id() % 1000) as u16;
    let free = |tens: &u16| (0..3).all(|digit| TcpListener::bind(("127.0.0.1", tens * 10 + digit)).is_ok());
    (first..3000).chain(2000..first).find(free).expect("there are free ports")
}

fn nginx_space(port: u16) -> Space {
    let space = Space::new().env("WEB_PORT", &port.to_string()).unit("web", WEB);
    let dir = space.path().to_str().unwrap().to_owned();
    for replica in 0..3 {
        let temp = |kind: &str| format!("{kind}_temp_path {dir}/tmp-{replica}-{kind};\n");
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(temp).concat();
        let text = format!(
            "daemon off; worker_processes 1; user root; pid {dir}/web-{replica}.pid;\nevents {{}}\n\
             http {{ access_log off;\n{temps}server {{ listen 127.0.0.1:{port}{replica};\n\
             include {dir}/body.conf; }} }}\n"
        );
        fs::write(space.path().join(format!("web-{replica}.conf")), text).unwrap();
    }
    serve(&space, "one");
    space
}

fn serve(space: &Space, body: &str) {
    fs::write(space.path().join("body.conf"), format!("return 200 '{body}';\n")).unwrap();
}

/// What a replica answers; every worker that is left must have read the present configuration.
fn get(port: u16, replica: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port * 10 + replica)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(text)
}

fn masters(supd: &Supd) -> Vec<i32> {
    ["web-0", "web-1", "web-2"].iter().map(|pod| supd.pid(pod)).collect()
}

#[test]
fn nginx_is_ready_reloaded_and_replaced() {
    let port = free_ports();
    let supd = nginx_space(port).supd();
    supd.wait("web", "ready");
    for replica in 0..3 {
        assert_eq!(get(port, replica), "one");
    }

    // A reload: the masters stay, their workers are new, and serve what is written now.
    let before = masters(&supd);
    let workers: Vec<i32> = before.iter().flat_map(|pid| children(*pid)).collect();
    assert_eq!(workers.len(), 3);
    let deaths: Vec<Death> = workers.iter().map(|pid| Death::of(*pid)).collect();
    serve(supd.space(), "two");
    supd.ctl("kill -s HUP web").ok();
    deaths.iter().for_each(Death::wait);
    for replica in 0..3 {
        assert_eq!(get(port, replica), "two");
    }
    assert_eq!(masters(&supd), before);

    // A master is killed, and leaves a worker that holds the port: nobody is there twice.
    let worker = Death::of(children(before[1])[0]);
    kill(Pid::from_raw(before[1]), Signal::SIGKILL).unwrap();
    worker.wait();
    supd.until_pod("web-1", |main| main["restartCount"] == 1 && main["ready"] == true);
    assert_eq!(get(port, 1), "two");
    let after = masters(&supd);
    assert_eq!((after[0], after[2]), (before[0], before[2]));
    assert_ne!(after[1], before[1]);

    let deaths: Vec<Death> = after.iter().map(|pid| Death::of(*pid)).collect();
    supd.ctl("stop web").ok();
    assert!(deaths.iter().all(|death| death.within(std::time::Duration::ZERO)));
    assert_eq!(supd.stop(), 0);
}

const REDIS_CONF: &str = "
port 0
unixsocket @/redis.sock
dir @
save ''
supervised systemd
logfile ''
";

const LOAD: &str = r#"
shell = '''
for i in $(seq 100); do echo "SET key:$JOB_COMPLETION_INDEX:$i $i"; done | redis-cli -s @/redis.sock
'''
requires = ["redis:ready"]

[job]
completion_mode = "Indexed"
completions = 8
parallelism = 4
backoff_limit = 0
"#;

#[test]
fn redis_says_that_it_is_ready_and_a_job_fills_it() {
    let space = Space::new()
        .unit("redis", "exec = ['/usr/bin/redis-server', '@/redis.conf']\n[readiness]\nnotify = true\n")
        .unit("load", LOAD);
    let dir = space.path().to_str().unwrap().to_owned();
    fs::write(space.path().join("redis.conf"), REDIS_CONF.replace('@', &dir).replace("''", "\"\"")).unwrap();
    let supd = space.supd();
    supd.wait("load", "complete");
    let status = supd.json("get job load")["status"].clone();
    assert_eq!((&status["completedIndexes"], &status["failed"]), (&"0-7".into(), &0.into()));
    let ask = |words: &[&str]| {
        let mut command = Command::new("redis-cli");
        output(command.arg("-s").arg(supd.path().join("redis.sock")).args(words)).ok().stdout
    };
    let mut keys: Vec<String> = ask(&["KEYS", "*"]).lines().map(str::to_owned).collect();
    let all = (0..8).flat_map(|index| (1..=100).map(move |i| format!("key:{index}:{i}")));
    let mut wanted: Vec<String> = all.collect();
    keys.sort();
    wanted.sort();
    assert_eq!(keys, wanted);
    assert_eq!(ask(&["GET", "key:7:100"]), "100\n");

    // It ends when it is told to, by itself, and is started again when it was not asked.
    let death = Death::of(supd.pid("redis-0"));
    ask(&["SHUTDOWN", "NOSAVE"]);
    death.wait();
    supd.until_pod("redis-0", |main| main["restartCount"] == 1 && main["ready"] == true);
    assert_eq!(ask(&["DBSIZE"]), "0\n");
    assert_eq!(supd.stop(), 0);
}
