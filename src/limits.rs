//! Every bound of the program, one line and one reason each.

/// Slots of the table that keeper and spawners share: runs that may exist at once. Over three times what
/// the descriptors of an ordinary hard limit (20,000) can carry.
pub const SLOTS: usize = 16_384;
/// Slots for whose records room is taken at once in the table's file: 220 KiB, four times what most hosts use.
pub const SLOTS_RESERVED_AT_ONCE: usize = 256;
/// Bytes of a run's label: unit, job and pod names with their numbers fit, with room to spare.
pub const LABEL_BYTES_MAX: usize = 256;
/// Bytes of a run's log path below the log directory: three names of 63 and the separators.
pub const LOG_PATH_BYTES_MAX: usize = 224;
/// Bytes of one message between roles: the largest plan that travels inline, with its envelope.
pub const MESSAGE_BYTES_MAX: usize = 72 * 1024;
/// Bytes of a plan that travels inline; a larger one is put into a sealed memfd.
pub const PLAN_INLINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a plan at all: what execve takes (ARG_MAX is 2 MiB with the usual stack), with its overhead.
pub const PLAN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Spawners at once: the first and its stand-ins while it hangs on somebody's disk.
pub const SPAWNERS_MAX: usize = 8;
/// A start is begun again when its spawner dies, so often: what kills spawners must come to an end.
pub const LOST_STARTS_MAX: u8 = 3;
/// How long a start may stay with a spawner before a stand-in is asked for.
pub const SPAWN_STUCK_MS: u64 = 100;
/// At most one sweep for strangers in this time: waitid(P_ALL) walks all children.
pub const SWEEP_INTERVAL_MS: u64 = 10;
/// Messages from the keeper, and as many from spawners, taken in before the manager acts on them.
pub const MESSAGES_PER_TURN_MAX: usize = 1_024;
/// Notes of probes and commands taken in before the manager acts on them.
pub const NOTES_PER_TURN_MAX: usize = 1_024;
/// Requests answered in one turn: runs come first again after some milliseconds.
pub const REQUESTS_PER_TURN_MAX: usize = 16;
/// Commands in pods (`supctl exec`) at once, beside probes: each takes descriptors and a task.
pub const COMMANDS_MAX: usize = 1_000;
/// Frames of a command's output that may wait for its client; then the command waits.
pub const EXEC_FRAMES_MAX: usize = 16;
/// Bytes kept of what a probe prints, for `status` (the kubelet's 10 KiB, rounded to a page).
pub const PROBE_OUTPUT_BYTES_MAX: usize = 12 * 1024;
/// Messages that may wait for a keeper or a spawner that is busy: a start and some signals for each slot.
pub const OUTBOX_MAX: usize = 4 * SLOTS;
/// How long the manager may leave a message unanswered before the keeper ends it.
pub const MANAGER_SILENCE_MS: u64 = 60_000;
/// How long after a fault of the keeper the next one is the second in a row, which leads to what the operator has
/// chosen: a fault that comes again at once comes within milliseconds, one in a day is worth going on after.
pub const FAULT_AGAIN_MS: u64 = 10_000;
/// Bytes kept of what a panic of the keeper says: a place and a sentence.
pub const FAULT_TEXT_BYTES_MAX: usize = 512;
/// Descriptors that the keeper's will can name: two pipes, a readiness pipe and a notify socket of each run beside
/// its pidfd.
pub const WILL_DESCRIPTORS_MAX: usize = 5 * SLOTS;
/// How long spawners may take to die at a fault of the keeper: longer ones hang in the kernel, and say nothing.
pub const SPAWNER_DEATH_MS: u64 = 1_000;
/// How long a machine waits between the message and the restart that the operator has chosen: a look at the console.
pub const FAULT_REBOOT_MS: u64 = 10_000;
/// Managers that die before their first reconcile is done, within this time, until one comes in safe mode.
pub const SAFE_MODE_DEATHS: usize = 5;
/// See above. Four back-offs of 1, 2, 4 and 8 s fit well.
pub const SAFE_MODE_WITHIN_MS: u64 = 60_000;
/// Events in hand that are noted for the manager after this one: as many as a turn mostly has, and a page.
pub const IN_HAND_MAX: usize = 512;
/// Events that a manager died with and that have not gone well since: no more than were ever in hand.
pub const SUSPECTS_MAX: usize = IN_HAND_MAX;
/// Notify sockets and readiness pipes that the keeper holds: one for each run that there can be.
pub const KEPT_MAX: usize = SLOTS;
/// Units set aside because the manager died of them: with so many it is not the units that are at fault.
pub const QUARANTINED_MAX: usize = 16;

/// Longest unit name: a cronjob's job adds a time of up to 11 characters and must stay a DNS label of 63.
pub const UNIT_NAME_BYTES_MAX: usize = 52;
/// Longest unit file that is read: a thousand times what people write.
pub const UNIT_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Faults shown of one unit; the rest are counted.
pub const FAULTS_SHOWN_MAX: usize = 50;
/// Columns of a source line that a diagnostic shows: what a wide terminal holds beside the line number.
pub const SOURCE_LINE_WIDTH_MAX: usize = 120;
/// Levels of tables and arrays in a unit file, and parts of a dotted key: three times what the format needs.
pub const UNIT_NESTING_MAX: usize = 16;
/// Levels of a manifest: a CronJob's secret key in a List has 19.
pub const MANIFEST_NESTING_MAX: usize = 40;
/// Values of a manifest, those that aliases stand for counted each time: a file of the greatest length has no
/// more without aliases.
pub const MANIFEST_VALUES_MAX: usize = 550_000;
/// Bytes of all texts of a pod once `$(VAR)` is replaced: variables that are made of one another grow fast.
pub const MANIFEST_TEXTS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest name of a ConfigMap or Secret: with its kind and ending it is a file name.
pub const MANIFEST_NAME_BYTES_MAX: usize = 230;
/// `maxFailedIndexes` and `parallelism` of a Job with over 100,000 indexes that fail by themselves (JVL-004).
pub const MAX_FAILED_INDEXES_MANY_MAX: i64 = 10_000;
/// Bytes of the files of all volumes of a pod: what a plan carries.
pub const VOLUME_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Longest duration that is read: a hundred years, well inside 64 bits of nanoseconds.
pub const DURATION_MAX: std::time::Duration = std::time::Duration::from_secs(100 * 365 * 86_400);
/// Units in one load: ten times the largest host we know.
pub const UNITS_MAX: usize = 100_000;
/// Longest chain of requirements: deeper than any boot, shallow enough to print.
pub const DEPENDENCY_DEPTH_MAX: usize = 1_000;
/// Replicas of one service, and slots of one job: as many as there are slots for runs.
pub const REPLICAS_MAX: u32 = 10_000;
/// Old revisions of one service that can be gone back to (`rollout.history`): more than anybody looks through,
/// and few enough to be kept for each of a thousand services.
pub const REVISIONS_MAX: u32 = 100;
/// `parallelism` of an Indexed job (JVL-003).
pub const PARALLELISM_MAX: u32 = 100_000;
/// Failed indexes, and pods at once, of a job with a limit for each index and more than 100,000 completions
/// (JVL-004): its record names each of them.
pub const FAILED_INDEXES_MAX: u32 = 10_000;
/// Rules of a failure or success policy, as in Kubernetes (PFP-001, SUC-001): all are looked at for each pod.
pub const POLICY_RULES_MAX: usize = 20;
/// The text of a set of indexes, as in Kubernetes (SUC-005).
pub const INDEXES_BYTES_MAX: usize = 64 * 1024;
/// Missed times that `catch_up = "all"` may run one after the other: more would run for days.
pub const CATCH_UP_MAX: u32 = 1_000;
/// Times of a schedule that are looked at for the shortest distance between two: two days of every minute.
pub const PERIODS_COMPARED_MAX: usize = 3_000;

/// Restart rules of one process (CRR-002).
pub const RESTART_RULES_MAX: usize = 20;
/// Exit codes of one rule (CRR-002): all that there are.
pub const EXIT_CODES_MAX: usize = 255;

/// Longest schedule of a cronjob: every value of every field written out takes half of it.
pub const SCHEDULE_BYTES_MAX: usize = 1_024;
/// How many years ahead a schedule is looked for. Whatever comes at all comes within eight: 29 February
/// from 2096 to 2104. (Kubernetes gives up after five.)
pub const CALENDAR_YEARS_AHEAD_MAX: i64 = 8;
/// Changes of a zone's clock that one search walks over: eight years of four a year, the most there were
/// anywhere, twice.
pub const CLOCK_CHANGES_WALKED_MAX: usize = 64;

/// Finished pods kept for a look where `keep_pods` says nothing.
pub const KEEP_PODS_DEFAULT: u32 = 100;
/// Events kept for `supctl get events`: an hour of a busy host.
pub const EVENTS_KEPT: usize = 1_000;
/// Finished pods kept at all, whatever the units ask for: some 50 MiB.
pub const FINISHED_PODS_MAX: usize = 20_000;
/// Uids of pods that are reserved at once: a sync for thousands of pods, and a million starts of supd until
/// the eight digits in the names of log directories come round.
pub const UID_BLOCK: u64 = 4_096;
/// Ended runs and decisions kept for `supctl history`: some 5 MiB.
pub const HISTORY_KEPT: usize = 10_000;
/// Of those, of one unit.
pub const HISTORY_KEPT_EACH: usize = 1_000;
/// Names that one question about the history may have: so many fit into a request's head, however long.
pub const HISTORY_NAMES_MAX: usize = 24;
/// Changes are stored together, but no later than this after the first of them.
pub const COMMIT_WITHIN_MS: u64 = 5;
/// So many changes are stored without waiting for more.
pub const COMMIT_RECORDS: usize = 256;
/// A question is answered with what is not stored yet, when the disk takes longer than this.
pub const COMMIT_PATIENCE_MS: u64 = 100;
/// A run is asked to end before the reason is stored, when the disk takes longer than this.
pub const COMMIT_STOP_PATIENCE_MS: u64 = 1_000;
/// supd ends without its last words being stored, when the disk takes longer than this.
pub const COMMIT_END_PATIENCE_MS: u64 = 3_000;

/// Bytes of the state's file, on disk or in memory: what 100,000 units and as many ended pods take, four times.
pub const STATE_FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of pages that the state's file keeps in memory: it is read once, and then only written.
pub const STATE_CACHE_BYTES: usize = 512 * 1024;
/// How long the disk may take for one batch before it is taken for hung.
pub const STATE_STUCK_MS: u64 = 2_000;
/// A disk that writes less than this in a second is hung as well; more time is given to a larger batch.
pub const STATE_BYTES_PER_SECOND_MIN: u64 = 4 * 1024 * 1024;
/// How long a start waits for the disk to say what is there: longer than for a batch, for it is lost otherwise.
pub const STATE_OPEN_MS: u64 = 10_000;
/// The disk is tried again at most once in this time: back on disk within 5 s, with some to spare.
pub const STATE_TRIAL_INTERVAL_MS: u64 = 2_000;
/// State files kept aside (damaged, newer): enough for a look, and no disk is filled by them.
pub const STATE_FILES_ASIDE_MAX: usize = 3;

/// Longest request a client may send: the largest unit file, with room for its envelope.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest request but for `apply`: options of a verb, a command line, a job that kubectl made.
pub const REQUEST_SMALL_BYTES_MAX: usize = 64 * 1024;
/// Longest head of a request: ours have 200 bytes; hyper wants room for 8 KiB at least.
pub const REQUEST_HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long the head of a request may take, how long its body, and how long a connection may idle.
pub const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// How long a client may leave its answer unread before it is cut off.
pub const WRITE_STALL_MS: u64 = 30_000;
/// How long the manager may think about a request. It answers in milliseconds; this ends what a bug left.
pub const REPLY_TIMEOUT_MS: u64 = 60_000;
/// Control connections at once, of everybody together.
pub const CONNECTIONS_MAX: usize = 256;
/// Of those, for people who may not ask anything: they are told so.
pub const CONNECTIONS_STRANGERS_MAX: usize = 16;
/// Of those, for root, and as many for supd's own user: neither can shut the other out.
pub const CONNECTIONS_EACH_MAX: usize = (CONNECTIONS_MAX - CONNECTIONS_STRANGERS_MAX) / 2;
/// Of each one's connections, those that may watch or run a command: the rest is for short requests.
pub const STREAMS_EACH_MAX: usize = CONNECTIONS_EACH_MAX - 24;
/// Bytes of an answer that are made at once: a list of any length needs no more memory than this as text.
pub const ANSWER_CHUNK_BYTES: usize = 16 * 1024;
/// Longest answer that supctl reads: every unit and pod that may be, at 1 KiB each.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Objects that may wait for one watcher before it is cut off.
pub const WATCH_QUEUE_MAX: usize = 4_096;
/// Longest line of a watch that supctl reads: the largest object, many times over.
pub const WATCH_LINE_BYTES_MAX: usize = 1024 * 1024;
/// Pods that a unit's own object carries in short: a screenful; the others are in the list of pods.
pub const UNIT_PODS_SHOWN_MAX: usize = 64;
/// Bytes of one frame of `exec`'s output: one pipe's worth.
pub const EXEC_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Longest log line that is kept whole; a longer one is split and marked (`P`), as the kubelet does.
pub const LOG_LINE_BYTES_MAX: usize = 16 * 1024;
/// A log file is rotated at this size (the kubelet's containerLogMaxSize).
pub const LOG_FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Files kept for one run, the current one included (the kubelet's containerLogMaxFiles).
pub const LOG_FILES_MAX: u32 = 5;
/// Attempts of one process whose files are kept: a crash loop of months must not fill the disk.
pub const LOG_ATTEMPTS_KEPT: u32 = 5;
/// Bytes taken from one pipe in one turn: the ordinary capacity of a pipe, and a bound on unfairness.
pub const LOG_READ_BYTES: usize = 64 * 1024;
/// Formatted bytes that are written with one call: a turn of ordinary lines with their time stamps.
pub const LOG_BATCH_BYTES: usize = 128 * 1024;
/// Streams that may have an unended line waiting, each of the longest sort: 8 MiB.
pub const LOG_TAILS_MAX: usize = 512;
/// Loggers in a row that may die over the same chunk before it is given up: it kills them.
pub const LOG_TRIES_MAX: u64 = 20;
/// How long a question for logs waits for the logger to have all of what has ended: then it is stuck.
pub const LOG_COMPLETE_WAIT_MS: u64 = 5_000;
/// Bytes read from one pipe after its run has ended: the largest pipe there is (fs.pipe-max-size).
pub const LOG_DRAIN_BYTES_MAX: usize = 1024 * 1024;
/// Log files held open at once: the busy runs; thousands of quiet ones hold none.
pub const LOG_OPEN_FILES_MAX: usize = 256;
/// One warning about a disk that takes no logs in this time.
pub const LOG_WARNING_INTERVAL_S: u64 = 60;
/// Bytes of one log entry as read, its parts joined: as long as a person can bear, and a bound for readers.
pub const LOG_ENTRY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that wait for a slow terminal or container log before pods with `both` are slowed down.
pub const CONSOLE_QUEUE_BYTES_MAX: usize = 256 * 1024;
/// A terminal or container log that takes nothing for this long is stuck: output is dropped and counted.
pub const CONSOLE_STUCK_MS: u64 = 1_000;
/// Pod names whose colour is remembered; the next ones get theirs by chance.
pub const CONSOLE_NAMES_MAX: usize = 1_024;
/// Runs that one reader may show at once: each keeps a file open.
pub const LOG_RUNS_READ_MAX: usize = 4_000;
/// Bytes that a reader takes from a file at once.
pub const LOG_READER_BYTES: usize = 32 * 1024;

/// Longest notify datagram that is read.
pub const NOTIFY_BYTES_MAX: usize = 4 * 1024;
/// Notify datagrams read from one pod in one turn of the loop: a flood waits for its own next turn.
pub const NOTIFY_PER_TURN_MAX: usize = 32;
/// Pods whose notify sockets are read in one turn of the loop.
pub const NOTIFY_READY_SOURCES_MAX: usize = 64;
/// Descriptors that one message can carry (the kernel's SCM_MAX_FD).
pub const DESCRIPTORS_PER_MESSAGE_MAX: usize = 253;
/// Characters kept of what a process says of itself (`STATUS=`): a line of `status`.
pub const STATUS_TEXT_CHARS_MAX: usize = 256;
/// Parents looked through for the run that a process belongs to: deeper than any tree of processes seen.
pub const ANCESTORS_MAX: usize = 64;
/// Bytes of the head of a probe's HTTP answer that are looked at: what servers themselves take of a request.
pub const PROBE_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Redirects that a probe follows (Go's, and so the kubelet's).
pub const PROBE_REDIRECTS_MAX: usize = 10;
/// Bytes of a gRPC health answer: it has seven.
pub const GRPC_ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Frames of HTTP/2 in which it must come: some five are usual.
pub const GRPC_FRAMES_MAX: usize = 64;
/// Longest time that a postStart may take: Kubernetes sets none; who hangs for a day hangs.
pub const POST_START_MAX: std::time::Duration = std::time::Duration::from_secs(86_400);
/// Longest socket path the kernel takes (sun_path, with its NUL).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Longest password or group file that is read: a hundred thousand accounts.
pub const ACCOUNT_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longest `env_file` that is read; execve takes no more than twice that in all.
pub const ENV_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Supplementary groups of one user: NFS stops at 16, and nobody has been seen with more than some hundred.
pub const GROUPS_MAX: usize = 1_024;
/// A stand-in that has had nothing to do for this time ends, unless another spawner is still stuck.
pub const STAND_IN_IDLE_MS: u64 = 10_000;
/// Events that the keeper takes from one epoll_wait: a turn of its loop stays short.
pub const EVENTS_PER_TURN: usize = 64;
/// Messages that the keeper takes from one socket in one turn: none can starve the others.
pub const MESSAGES_PER_TURN: usize = 64;
/// Children that one sweep reaps: with 20 µs for each a storm of orphans holds nothing else up for long.
pub const REAPED_PER_SWEEP: usize = 512;
/// How long a program that is to take over may take to say that it can.
pub const REEXEC_TRIAL_MS: u64 = 10_000;
/// How long the other roles may take to end before they are killed, and as long again after that.
pub const REEXEC_DRAIN_MS: u64 = 2_000;
/// Bytes of what a program prints in its trial that are looked at.
pub const REEXEC_WORDS_BYTES_MAX: usize = 1_024;
/// Bytes of the state that one keeper hands to the next: 21 for each descriptor, of which there is a million
/// at most.
pub const REEXEC_STATE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of messages from manager to logger that the keeper keeps while the logger is away or busy.
pub const RELAY_BYTES_MAX: usize = 64 * 1024;
/// How much longer than its own timeout the manager's shutdown may take before the keeper ends it.
pub const HALT_GRACE_MS: u64 = 5_000;
/// How long a new keeper waits for the pipes that the logger of its predecessor has: it may be stuck on a disk.
pub const HANDOVER_MS: u64 = 3_000;
/// First wait before the next logger, when two have died before they had done anything: longer than a start
/// takes. It doubles with each more.
pub const LOGGER_BACK_OFF_MS_MIN: u64 = 10;
/// Longest wait before the next logger.
pub const LOGGER_BACK_OFF_MS_MAX: u64 = 8_000;
/// How long each stage of the keeper's own end may take: killed runs, the logger's last lines, strangers. The
/// logger's is prolonged while it gets on.
pub const HALT_STAGE_MS: u64 = 3_000;

/// Changes of objects that may wait for one `supctl` that waits for them: its threads then read no further.
pub const NEWS_QUEUE_MAX: usize = 1_024;
/// How long a FIFO that `-f` names may be without a writer: a shell's `>` opens it in no time.
pub const FIFO_WITHOUT_WRITER_MAX: std::time::Duration = std::time::Duration::from_secs(3);
/// How long a supd that is started anew may be away before a `supctl` that waits gives up.
pub const SUPD_AWAY_MAX: std::time::Duration = std::time::Duration::from_secs(15);
/// Times that one `supctl calendar` may ask for: more than a year of minutes.
pub const CALENDAR_TIMES_MAX: usize = 1_000_000;

/// So many actions are a burst, after which memory is given back: fewer leave little behind.
pub const BURST_ACTIONS: usize = 1_000;

/// Longest template of `-o jsonpath=`: many times the longest that anybody types, far less than memory.
pub const JSONPATH_BYTES_MAX: usize = 64 * 1024;

/// Ranges within ranges, and filters within filters: nobody can read more, and the parser does not recurse
/// any deeper.
pub const JSONPATH_DEPTH_MAX: usize = 16;

/// Values that one step of a path may lead to: all parts of the longest list of pods, and no more.
pub const JSONPATH_VALUES_MAX: usize = 1_000_000;

/// Records of the kernel's log that are read at once, when a run was killed.
pub const KERNEL_LOG_RECORDS_MAX: usize = 20_000;
/// Ends for want of memory that are remembered.
pub const KERNEL_LOG_VICTIMS_MAX: usize = 64;

/// Bytes of the kernel's command line: what the kernel itself takes, on every architecture.
pub const KERNEL_LINE_BYTES_MAX: u64 = 4096;
/// Numbers of descriptors that are gone through one by one, where the kernel has no call for all: its own default for
/// the highest that a process may have.
pub const DESCRIPTORS_SEARCHED_MAX: u64 = 1024 * 1024;
/// Bytes of what a container manager writes about itself: its name is in the first line or two.
pub const CONTAINER_MARK_BYTES_MAX: u64 = 4096;
/// Bytes of a host's name: what the kernel takes.
pub const HOST_NAME_BYTES_MAX: u64 = 64;
/// Bytes of a table of the kernel that is read: some ten thousand mounts.
pub const KERNEL_TABLE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of the line in which the kernel says what a process does: fifty numbers of twenty digits, and its name.
pub const PROCESS_STAT_BYTES_MAX: u64 = 2 * 1024;
/// Presses of ctrl-alt-del after which nobody waits for anything any more.
pub const KEY_PRESSES: u32 = 7;
/// The time in which they must come: nobody presses that often by chance.
pub const KEY_PRESSES_WITHIN_MS: u64 = 2_000;
/// Bytes of what those who sit at a terminal are told: a screen, and no more than one argument may have.
pub const TERMINAL_TEXT_BYTES_MAX: usize = 2 * 1024;
/// Bytes of the message that an operator adds to it.
pub const SHUTDOWN_MESSAGE_BYTES_MAX: usize = 1024;
/// How long before a planned shutdown nobody can log in any more: what shutdown(8) does everywhere.
pub const NO_LOGIN_BEFORE_S: u64 = 300;
/// Bytes of a file in the runtime directory that tells of a planned shutdown, or of how to restart.
pub const PLAN_FILE_BYTES_MAX: u64 = 16 * 1024;
/// How long the disks of a machine that goes down may write nothing of what they have to.
pub const MACHINE_SYNC_MS: u64 = 10_000;
/// How often they are waited for while they do.
pub const MACHINE_SYNC_ROUNDS_MAX: usize = 18;
/// How long what no unit has started may take to end after TERM.
pub const MACHINE_TERM_MS: u64 = 5_000;
/// How long one round of KILL waits for processes to be gone.
pub const MACHINE_KILL_MS: u64 = 2_000;
/// Rounds of KILL: what starts others faster than it can be killed must come to an end.
pub const MACHINE_KILL_ROUNDS_MAX: usize = 5;
/// How long another process is asked for on the way down where the kernel refuses one: who holds them all is killed soon.
pub const MACHINE_FORK_MS: u64 = 2_000;
/// How long a process may take to show its arguments, where it is suspected of holding up whoever reads them.
pub const MACHINE_ARGUMENTS_MS: u64 = 250;
/// How long it may take to write down who had to be killed.
pub const MACHINE_RECORD_MS: u64 = 2_000;
/// Processes of which a descriptor is held on the way down; others are signalled by their number.
pub const MACHINE_PIDFDS_MAX: usize = 512;
/// Processes that are named when they had to be killed; of more there is a number.
pub const MACHINE_NAMED_MAX: usize = 20;
/// How long one swap area or file system may take to be given up.
pub const MACHINE_UNMOUNT_MS: u64 = 10_000;
/// How long all of them may take; whatever is left then is only tried.
pub const MACHINE_UNMOUNT_ALL_MS: u64 = 30_000;
/// How long each of those may take: what does not hang is done in that time.
pub const MACHINE_UNMOUNT_TRY_MS: u64 = 250;
/// Rounds of unmounting: each one frees what was below, and ten layers are more than anybody stacks.
pub const MACHINE_UNMOUNT_ROUNDS_MAX: usize = 10;

/// Path of a pod's cgroup below `units`: unit, pod (a label of 63 and 9 more) and process; a multiple of 8.
pub const GROUP_BYTES_MAX: usize = 208;
/// Files of a cgroup that a unit sets.
pub const GROUP_SETTINGS_MAX: usize = 16;
/// Longest text of a cgroup's file that is read.
pub const GROUP_FILE_BYTES_MAX: usize = 4 * 1024;
/// Processes of a cgroup that are counted or ended one by one.
pub const GROUP_PROCESSES_MAX: usize = 10_000;
/// Rounds in which what forks while it is ended one by one is ended, where the kernel does not do it at once.
pub const GROUP_KILL_ROUNDS_MAX: usize = 20;
/// Of a crontab, as Debian's cron has it.
pub const CRONTAB_LINES_MAX: usize = 1_000;
/// Of the file in which limits of cgroups outlast a keeper under systemd: some hundred bytes for each process.
pub const KEPT_LIMITS_BYTES_MAX: u64 = 32 << 20;
/// Directories that are looked at when empty cgroups are removed.
pub const GROUPS_SWEPT_MAX: usize = 100_000;
/// How long after its first question a probe looks again; then after twice that, and so on until its period is over.
pub const EARLY_LOOK_MS: u64 = 100;
/// What KILL has not ended after this time is told of.
pub const LINGER_MS: u64 = 2_000;
/// An empty cgroup of a job waits this long for its next pod.
pub const GROUP_IDLE_MS: u64 = 10_000;
/// Memory of supd's own roles that the kernel takes last, where it is asked to.
pub const ROLES_MEMORY_LOW_BYTES: u64 = 64 * 1024 * 1024;
/// Loop devices and device-mapper devices that are looked at on the way down.
pub const MACHINE_DEVICES_MAX: usize = 4_096;
/// How long the kernel's last steps of a restart may take before a hardware watchdog that is armed resets the
/// machine: drivers of many disks take their time, and a minute is beyond all of them.
pub const MACHINE_WATCHDOG: std::time::Duration = std::time::Duration::from_secs(120);
/// A shell that lives no longer than this has found nobody to talk to: nobody types so fast.
pub const SHELL_LIVES_MS: u64 = 1_000;
/// How long PID 1 waits after such a shell before what led to it is tried again: somebody may read why.
pub const SHELL_PAUSE_MS: u64 = 5_000;
/// How long the device of the root may take to appear, where nobody has said so: disks that have to spin up, and
/// initramfs-tools waits as long.
pub const ROOT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// Bytes of one message of the kernel about a device: what it makes at most is 2 KiB, and udev adds its own.
pub const UEVENT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a small file in /sys.
pub const KERNEL_FILE_BYTES_MAX: u64 = 4096;
/// How long a disk may take to show its beginning while the root is looked for: it has been asked for its partitions
/// before, so it turns already.
pub const DISK_ANSWER_MS: u64 = 10_000;
/// Disks and partitions that a root is looked for among.
pub const BLOCK_DEVICES_MAX: usize = 10_000;
/// Input devices that are watched for a power button.
pub const INPUT_DEVICES_MAX: usize = 64;
/// Levels of directories of an initramfs that are deleted: five times what the deepest has.
pub const OLD_ROOT_DEPTH_MAX: usize = 64;
/// Bytes of a wish for another root: two paths.
pub const NEXT_ROOT_BYTES_MAX: u64 = 2 * 4096;
/// How often a hardware watchdog is looked for that is not there yet: its driver may be loaded late in a boot.
pub const WATCHDOG_TRIES_MAX: u32 = 60;
/// How long until the next look.
pub const WATCHDOG_TRY_MS: u64 = 1_000;
