//! The fields of pods and of what is in them: translated, without a meaning on one host, or refused.
//! Kubernetes 1.36's; a field that a later one adds is unknown here until it is read.

use super::fields::Spec;

/// Why the fields of scheduling are idle.
const ONE_HOST: &str = "there is one host, and all pods run on it";
/// Why those about images are.
const NO_IMAGE: &str = "no image is pulled: `command` names a program of this machine";
/// Why those about the cluster's accounts are.
const NO_CLUSTER: &str = "there is no cluster to have rights in";
/// Why hardening is warned of.
const NOT_ENFORCED: &str = "this release does not enforce it";

pub(super) static POD_SPEC: Spec = Spec {
    name: "a pod's spec",
    taken: &[
        "containers",
        "initContainers",
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "activeDeadlineSeconds",
        "securityContext",
        "volumes",
        "os",
    ],
    idle: &[
        ("nodeSelector", ONE_HOST),
        // Noted by the scheduler.
        ("nodeName", ""),
        ("affinity", ONE_HOST),
        ("tolerations", ONE_HOST),
        ("topologySpreadConstraints", ONE_HOST),
        ("schedulerName", ONE_HOST),
        ("priorityClassName", "nothing is scheduled"),
        ("priority", "nothing is scheduled"),
        ("preemptionPolicy", "nothing is scheduled"),
        ("overhead", "nothing is scheduled"),
        ("resources", "limits are those of each container"),
        ("imagePullSecrets", NO_IMAGE),
        ("serviceAccountName", NO_CLUSTER),
        ("serviceAccount", NO_CLUSTER),
        // There is no token and no cluster service, whatever it says.
        ("automountServiceAccountToken", ""),
        ("enableServiceLinks", ""),
        ("dnsPolicy", "names are looked up as this machine does"),
        ("dnsConfig", "names are looked up as this machine does"),
        ("hostname", "pods have this machine's host name"),
        ("subdomain", "pods have this machine's host name"),
        ("setHostnameAsFQDN", "pods have this machine's host name"),
        ("hostnameOverride", "pods have this machine's host name"),
        // Of one machine, processes see and reach one another: what `true` asks for is so, and what is isolated
        // elsewhere is nothing that a program could need.
        ("shareProcessNamespace", ""),
        ("hostNetwork", ""),
        ("hostPID", ""),
        ("hostIPC", ""),
    ],
    refused: &[
        ("runtimeClassName", "processes run natively, not in another runtime"),
        ("hostAliases", "this machine's /etc/hosts is everybody's: add the names there"),
        ("hostUsers", "processes run in this machine's user namespace"),
        ("readinessGates", "nobody here would set such a condition"),
        ("schedulingGates", "nobody here would remove the gate: use `suspend` of a Job"),
        ("resourceClaims", "devices are not given out here"),
        ("ephemeralContainers", "use `supctl exec POD -- COMMAND`"),
        ("workloadRef", "there are no gangs on one host"),
        ("schedulingGroup", "there are no gangs on one host"),
    ],
};

pub(super) static CONTAINER: Spec = Spec {
    name: "a container",
    taken: &[
        "name",
        "image",
        "command",
        "args",
        "env",
        "envFrom",
        "workingDir",
        "ports",
        "resources",
        "volumeMounts",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "securityContext",
        "restartPolicy",
        "restartPolicyRules",
        "stdin",
        "tty",
    ],
    idle: &[
        ("imagePullPolicy", ""),
        ("stdinOnce", "standard input is empty"),
        ("terminationMessagePath", "the last words of a process are in its log"),
        ("terminationMessagePolicy", "the last words of a process are in its log"),
        ("resizePolicy", "this release sets no limits of memory and CPU"),
    ],
    refused: &[("volumeDevices", "block devices are not given out here")],
};

pub(super) static PORT: Spec = Spec {
    name: "a port",
    taken: &["name", "containerPort", "hostPort", "protocol"],
    idle: &[("hostIP", "")],
    refused: &[],
};

pub(super) static RESOURCES: Spec = Spec {
    name: "resources",
    taken: &["limits", "requests"],
    idle: &[],
    refused: &[("claims", "devices are not given out here")],
};

pub(super) static POD_SECURITY: Spec = Spec {
    name: "a pod's securityContext",
    taken: &[
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "supplementalGroups",
        "fsGroup",
        "seccompProfile",
        "appArmorProfile",
    ],
    idle: &[
        ("fsGroupChangePolicy", "volumes get their group when they are made"),
        ("supplementalGroupsPolicy", "groups are those that are written"),
        ("seLinuxOptions", NOT_ENFORCED),
        ("seLinuxChangePolicy", NOT_ENFORCED),
    ],
    refused: &[
        ("sysctls", "they would be this machine's: set them in /etc/sysctl.d"),
        ("windowsOptions", "this is Linux"),
    ],
};

pub(super) static SECURITY: Spec = Spec {
    name: "a container's securityContext",
    taken: &["runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "appArmorProfile", "privileged"],
    idle: &[
        ("allowPrivilegeEscalation", NOT_ENFORCED),
        ("readOnlyRootFilesystem", NOT_ENFORCED),
        ("capabilities", NOT_ENFORCED),
        ("procMount", NOT_ENFORCED),
        ("seLinuxOptions", NOT_ENFORCED),
    ],
    refused: &[("windowsOptions", "this is Linux")],
};

pub(super) static PROBE: Spec = Spec {
    name: "a probe",
    taken: &[
        "exec",
        "httpGet",
        "tcpSocket",
        "grpc",
        "initialDelaySeconds",
        "periodSeconds",
        "timeoutSeconds",
        "successThreshold",
        "failureThreshold",
        "terminationGracePeriodSeconds",
    ],
    idle: &[],
    refused: &[],
};

pub(super) static LIFECYCLE: Spec =
    Spec { name: "lifecycle", taken: &["postStart", "preStop", "stopSignal"], idle: &[], refused: &[] };

pub(super) static HOOK: Spec = Spec {
    name: "a hook",
    taken: &["exec", "httpGet", "sleep"],
    idle: &[],
    refused: &[("tcpSocket", "Kubernetes' own has always failed (HOK-006)")],
};

pub(super) static EXEC: Spec = Spec { name: "exec", taken: &["command"], idle: &[], refused: &[] };

pub(super) static HTTP: Spec = Spec {
    name: "httpGet",
    taken: &["path", "port", "host", "scheme", "httpHeaders"],
    idle: &[],
    refused: &[],
};

pub(super) static TCP: Spec = Spec { name: "tcpSocket", taken: &["port", "host"], idle: &[], refused: &[] };

pub(super) static GRPC: Spec = Spec { name: "grpc", taken: &["port", "service"], idle: &[], refused: &[] };

pub(super) static SLEEP: Spec = Spec { name: "sleep", taken: &["seconds"], idle: &[], refused: &[] };

/// What has a `name` and a `value`.
pub(super) static NAME_VALUE: Spec =
    Spec { name: "a header", taken: &["name", "value"], idle: &[], refused: &[] };

pub(super) static TEMPLATE: Spec =
    Spec { name: "a template", taken: &["metadata", "spec"], idle: &[], refused: &[] };

pub(super) static TEMPLATE_METADATA: Spec = Spec {
    name: "a template's metadata",
    taken: &["labels", "annotations"],
    idle: &[
        ("creationTimestamp", ""),
        ("name", "pods have names of their own"),
        ("namespace", "there is one namespace: `default`"),
    ],
    refused: &[],
};
