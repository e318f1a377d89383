//! The stable codes of faults in units: once given, a code keeps its meaning.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident $text:literal $explanation:literal)*) => {
        /// What kind of fault it is. `E` refuses the unit, `W` only warns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $explanation] $name,)*
        }

        impl Code {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As people see it: `E0107`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it means, and what to do, in a few sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $explanation,)* }
            }
        }
    };
}

codes! {
    Unreadable "E0101" "A file or directory of units could not be read. The message carries the system's reason; the other units are loaded."
    NotRegular "E0102" "A unit file is a regular file. Links, FIFOs, devices and sockets are not opened, since what is behind them may block, change or belong to somebody else."
    Unsafe "E0103" "supd runs as root, and somebody else could have written this file. It must belong to root (or to supd's own user), and neither others nor a group other than root's may write to it or to its directory."
    TooLarge "E0104" "A unit file has at most 1 MiB, tables and arrays at most 16 levels, and a dotted key at most 16 parts."
    NotText "E0105" "A unit file is UTF-8 text, without a byte order mark and without NUL."
    Syntax "E0106" "This is not TOML. The caret shows where reading failed; the fault may be a little before it: a missing quote or bracket."
    UnknownKey "E0107" "supd does not know this key here. Nothing is ignored: a misspelt key would otherwise be a setting that silently does nothing."
    KeyTwice "E0108" "One thing is written twice: the same key, two spellings of one key (`restartPolicy` and `restart_policy`), or one name twice in a list."
    WrongType "E0109" "The value is of another type than the key takes: a string where a number belongs, or a string where an array does."
    NotAWord "E0110" "The key takes one of a few words, spelt as Kubernetes or systemd spells them."
    OutOfRange "E0111" "The value lies outside what the key takes."
    MissingKey "E0112" "A key that is needed here is missing."
    BadDuration "E0113" "A duration is a number with its unit, like `\"500ms\"`, `\"10s\"`, `\"1m30s\"`, `\"2h\"`, `\"1d\"`. Only Kubernetes' own keys that name their unit (`activeDeadlineSeconds`) take a bare number."
    BelowTable "E0114" "In TOML every key below a table header belongs to that table. Keys of the unit itself stand above the first header."
    NotYet "E0116" "The key is part of the unit format, but this release does not do what it asks for, so it is refused rather than ignored."
    BadName "E0117" "A unit name is a lower-case DNS label of at most 52 characters: letters, digits and `-`. Templates are `worker@`, instances `worker@eu`."
    KindConflict "E0118" "What is written makes no kind: a unit is a service, a job, a cronjob or (with nothing to run) a target. `[service]` goes with neither `[job]` nor `[cron]`."
    BadExec "E0119" "A process has either `exec`, an array of program and arguments, or `shell`, a text for `/bin/sh -c`."
    BadVariable "E0120" "A text has a `${…}` that is no variable, or is not closed, or has no value. A plain dollar is written `$$`."
    WrongVariable "E0121" "The variable has no value in a unit of this kind: `${index}` needs an indexed job, `${replica}` a service, `${scheduled_time}` a cronjob."
    BadAccount "E0122" "A user or group is a name, or an integer up to 4294967294. Anything that could be taken for another account is refused, so that nothing ever runs as root by a slip."
    BadSignal "E0123" "A signal is a name like `\"TERM\"`, `\"HUP\"`, `\"RTMIN+3\"`, or its number."
    BadPolicy "E0124" "This restart policy cannot go with the rest: a job must be able to end, and so must an essential unit."
    NoEffect "E0125" "What is written can have no effect beside the rest of the unit. The message names what to use instead."
    BadSchedule "E0126" "The schedule or its time zone cannot be read. A schedule is `minute hour day month weekday`, with seconds in front where there are six fields."
    NeedsCompletions "E0127" "An indexed job needs `completions`: each completion has an index of its own."
    NameTooLong "E0128" "The names of the pods would be longer than a DNS label may be (63 characters)."
    OneHandler "E0129" "A probe asks in exactly one way: `notify`, `fd`, `tcp`, `http` or `exec`."
    Missing "E0130" "The unit requires one that does not exist."
    Refused "E0131" "The unit requires one that has faults of its own, and so was not loaded."
    Cycle "E0132" "Units wait for one another in a circle, so none could ever start. The whole circle is shown; leave out one of its relations."
    TooDeep "E0133" "The chain of units that wait for one another is longer than 1,000."
    UnitTwice "E0134" "One directory has two units of this name: a file, a table of the bundle `supd.toml`, or objects of manifests, of whatever kinds."
    TooManyUnits "E0135" "There are more than 100,000 units."
    BadEnv "E0136" "The name of an environment variable is not empty and has no `=`; what supd itself sets (`SUPD_POD`, `JOB_COMPLETION_INDEX` …) cannot be set here."
    NeverComes "E0137" "The condition can never come: only jobs succeed, a service that is always restarted never completes, a cronjob is only ever started."
    Nul "E0138" "A text that is given to a process cannot have a NUL character."
    TooManyFaults "E0139" "There are more faults than are shown. Mend the first ones, then look again."
    BadSize "E0140" "A size is a number of bytes, or a number with `K`, `M`, `G`, `Ki`, `Mi`, `Gi`."
    BadYaml "E0141" "This is not YAML. The caret shows where reading failed; the fault may be a little before it: a missing quote, a tab, a line that is not as far to the right as the one above."
    UnknownKind "E0142" "supd does not run objects of this `apiVersion` and `kind`. It runs Pod, Job, CronJob, Deployment, ReplicaSet, StatefulSet and DaemonSet, with ConfigMap and Secret."
    NotHere "E0143" "The field means something that supd cannot do on one host with native processes, and without it the workload would be another one. The label says what to use instead."
    NoProgram "E0144" "A container without `command` runs what its image says. Here processes run natively and an image names no program: write `command`, and `args` behind it."
    ConfigMissing "E0145" "A ConfigMap or Secret, or a key of it, is not among the manifests that are loaded. Kubernetes' pod would wait for it; `optional: true` goes on without."
    BadVolume "E0146" "A volume is of exactly one type, its files lie within it, and a mount names a volume of the same pod."
    BadSelector "E0147" "The selector of a manifest must select the pods of its own template."
    BadBase64 "E0148" "The value is no base64. Plain text of a Secret stands in `stringData`."
    NeedsIndexed "E0150" "A limit for each index, a success policy and the action `FailIndex` are about indexes: only a job with `completion_mode = \"Indexed\"` has them."
    NotTogether "E0151" "Each of the two settings is good alone, and beside each other they cannot both be kept. The message names the other one."
    BadRule "E0152" "A rule of `failure_policy` says with exactly one of `exit_codes`, `signal`, `oom` and `deleted` which failures it is about, and with `action` what follows; a rule of `success_policy` has `succeeded_indexes`, `succeeded_count` or both."
    BadIndexes "E0153" "Indexes are written as increasing numbers and ranges, like `\"0-2,5,7-9\"`, each below `completions`."
    TooDense "E0154" "The times of the schedule lie too close together for this setting: a delay would reach into the next time, or more times would have to be caught up than is safe."
    RelationMissing "W0201" "`wants`, `after` or `before` names a unit that does not exist or was not loaded. The unit starts without it."
    LimitZero "W0202" "With `restart_policy = \"OnFailure\"` a `backoff_limit` of 0 behaves as 1, in Kubernetes as here: the first restart is made before it is counted."
    NeverRuns "W0203" "The schedule is well-formed, but no day of any year matches it."
    NoSuchAccount "W0204" "The user or group does not exist now. A start fails as long as that is so."
    NoSuchProgram "W0205" "The program does not exist now, or may not be executed. A start fails as long as that is so."
    LooksMisplaced "W0206" "A variable in `[env]` has the name of a key of the unit. In TOML every key below a table header belongs to that table."
    DropInLost "W0207" "There is a directory of drop-ins, but no unit of that name."
    OddSchedule "W0208" "The schedule is well-formed and runs, but other cron programs read it differently, or it runs on more days than most people expect."
    NoMeaning "W0209" "A field of a manifest that has no meaning on one host. The workload runs without it."
}

impl Code {
    /// A fault that refuses the unit, not a warning.
    pub fn is_error(self) -> bool {
        self.as_str().starts_with('E')
    }

    /// Finds `E0107`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].as_str() < pair[1].as_str(), "{} before {}", pair[0], pair[1]);
        }
        assert_eq!(Code::parse("e0107"), Some(Code::UnknownKey));
        assert_eq!(Code::parse("E9999"), None);
        assert!(Code::NotYet.is_error() && !Code::NeverRuns.is_error());
    }
}
