//! Keys of probes.

use super::super::keys;
use super::pod::key;
use super::{Key, Table};

const NOTIFY: Key = key! { "notify" "true" "" ""
"READY=1 on $NOTIFY_SOCKET, as sd_notify(3) sends it. Thresholds and times do not apply." };
const FD: Key = key! { "fd" "integer" "" "" "A newline on this descriptor of the process, as s6 has it." };
const TCP: Key = key! { "tcp" "port or table" "" "tcpSocket"
"A connection that is accepted: `tcp = 8080` or `{ host = \"127.0.0.1\", port = 8080 }`." };
const HTTP: Key = key! { "http" "table" "" "httpGet" "A GET that answers 200 to 399: `{ port = 8080, path = \"/healthz\" }`." };
const EXEC: Key = key! { "exec" "array of text" "" "exec.command"
"A command that exits 0, as the process's own user and with its environment, without a shell." };
const UNIX: Key = key! { "unix" "path" "" "" "A connection to this unix socket that is accepted." };
const LOG: Key = key! { "log" "regular expression" "" "" "A line of the process's output that matches. Thresholds and times do not apply." };
const FILE: Key = key! { "file" "path" "" "" "A file that is there." };
const GRPC: Key =
    key! { "grpc" "table" "" "grpc" "gRPC's health check says SERVING: `{ port = 50051, service = \"\" }`." };
const INITIAL_DELAY: Key = key! { "initial_delay" "duration" "\"0s\"" "initialDelaySeconds" "The first question comes this long after the start." };
const PERIOD: Key = key! { "period" "duration" "\"10s\"" "periodSeconds" "From one question to the next. Until they are good for the first time, startup and readiness are looked at more often, which counts only if it is good." };
const TIMEOUT: Key =
    key! { "timeout" "duration" "\"1s\"" "timeoutSeconds" "An answer later than this is a failure." };
const SUCCESS: Key = key! { "success_threshold" "integer" "1" "successThreshold" "Successes in a row that make the verdict good." };
const FAILURE: Key =
    key! { "failure_threshold" "integer" "3" "failureThreshold" "Failures in a row that make it bad." };

const GRACE: Key = key! { "grace" "duration" "the pod's" "terminationGracePeriodSeconds"
"Instead of the pod's grace, where this probe stops the process." };
const GRACE_PERIOD: Key = key! { "termination_grace_period" "duration" "the pod's" "terminationGracePeriodSeconds"
"Kubernetes' name for `grace`." };

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "startup",
        written: "[startup]",
        kubernetes: "spec.containers[].startupProbe",
        text: "Holds readiness and liveness back until its first success. Failing it restarts the process.",
        spec: Some(&keys::STARTUP),
        keys: &[
            key! { "deadline" "duration" "" "" "Not ready this long after the start is a failed start: the process is killed, and restarted by its policy." },
            NOTIFY,
            FD,
            TCP,
            HTTP,
            EXEC,
            UNIX,
            LOG,
            FILE,
            GRPC,
            INITIAL_DELAY,
            PERIOD,
            TIMEOUT,
            SUCCESS,
            FAILURE,
            GRACE,
            GRACE_PERIOD,
            key! { "post" "array of text, or table" "" "lifecycle.postStart"
            "Runs right after the start, beside the process: a command, `{ sleep = \"5s\" }` or `{ http = … }`. Its failure is the process's." },
        ],
    },
    Table {
        path: "readiness",
        written: "[readiness]",
        kubernetes: "spec.containers[].readinessProbe",
        text: "When the process is ready, asked for its whole life. Failing it never kills: the pod is not ready meanwhile.",
        spec: Some(&keys::READINESS),
        keys: &[
            NOTIFY,
            FD,
            TCP,
            HTTP,
            EXEC,
            UNIX,
            LOG,
            FILE,
            GRPC,
            INITIAL_DELAY,
            PERIOD,
            TIMEOUT,
            SUCCESS,
            FAILURE,
            key! { "grace" "duration" "" "" "Refused: readiness stops nothing." },
            key! { "termination_grace_period" "duration" "" "" "Refused, as `grace` is: readiness stops nothing." },
        ],
    },
    Table {
        path: "liveness",
        written: "[liveness]",
        kubernetes: "spec.containers[].livenessProbe",
        text: "Failing it stops the process, which is then restarted by its policy.",
        spec: Some(&keys::LIVENESS),
        keys: &[
            NOTIFY,
            FD,
            TCP,
            HTTP,
            EXEC,
            UNIX,
            LOG,
            FILE,
            GRPC,
            key! { "watchdog" "duration" "" "" "WATCHDOG=1 on $NOTIFY_SOCKET at least this often. Thresholds and times do not apply." },
            INITIAL_DELAY,
            PERIOD,
            TIMEOUT,
            SUCCESS,
            FAILURE,
            GRACE,
            GRACE_PERIOD,
        ],
    },
    Table {
        path: "readiness.http",
        written: "`http`",
        kubernetes: "httpGet",
        text: "A GET that answers 200 to 399.",
        spec: Some(&keys::HTTP),
        keys: &[
            key! { "host" "text" "\"127.0.0.1\"" "httpGet.host" "Host name or address." },
            key! { "port" "integer or text" "" "httpGet.port" "The port; a text may have variables in it." },
            key! { "path" "text" "\"/\"" "httpGet.path" "The path, with its query." },
            key! { "scheme" "one of \"http\", \"https\"" "\"http\"" "httpGet.scheme" "With https the certificate is not looked at." },
            key! { "headers" "table of text" "" "httpGet.httpHeaders" "Further headers." },
        ],
    },
    Table {
        path: "readiness.tcp",
        written: "`tcp`",
        kubernetes: "tcpSocket",
        text: "A connection that is accepted, even if it is closed at once.",
        spec: Some(&keys::TCP),
        keys: &[
            key! { "host" "text" "\"127.0.0.1\"" "tcpSocket.host" "Host name or address." },
            key! { "port" "integer or text" "" "tcpSocket.port" "The port; a text may have variables in it." },
        ],
    },
    Table {
        path: "readiness.grpc",
        written: "`grpc`",
        kubernetes: "grpc",
        text: "gRPC's health check, which says SERVING.",
        spec: Some(&keys::GRPC),
        keys: &[
            key! { "host" "text" "\"127.0.0.1\"" "" "Host name or address." },
            key! { "port" "integer or text" "" "grpc.port" "The port; a text may have variables in it." },
            key! { "service" "text" "\"\"" "grpc.service" "The service that is asked about; empty: the server as a whole." },
        ],
    },
];
