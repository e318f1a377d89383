//! What manager, spawner, keeper and logger say to each other: messages, the slot table, the plan of a run.
//!
//! Uses nothing of ours but `limits`, `settings` and `sys`, so that keeper and spawner may use it. Every message is one
//! datagram of a SEQPACKET socket, encoded by hand: one byte that says which, then its fields in order,
//! numbers little-endian, bytes behind their length.

pub mod after;
pub mod cgroup;
pub mod channel;
pub mod codec;
pub mod handover;
pub mod journal;
pub mod message;
pub mod note;
pub mod own_log;
pub mod plan;
pub mod run;
pub mod table;
pub mod voice;
pub mod volume;

/// Descriptor numbers that a role finds open when it starts. 0 to 2 are the keeper's own.
pub mod fd {
    /// Every role: its channel to the keeper.
    pub const CHANNEL: i32 = 3;
    /// Manager and spawner: their end of the spawn queue.
    pub const QUEUE: i32 = 4;
    /// Manager: the control socket's listener.
    pub const LISTENER: i32 = 5;
    /// Spawner: the slot table.
    pub const TABLE: i32 = 5;
    /// Trial: the keeper's state.
    pub const LEGACY: i32 = 4;
    /// Every role: where its own log lines go.
    pub const OWN_LOG: i32 = 6;
    /// Manager: memory for what survives, where no disk takes it. Empty at first; the keeper never looks.
    pub const STATE: i32 = 7;
    /// Manager: [`super::note`].
    pub const NOTE: i32 = 8;
    /// Logger: its journal.
    pub const JOURNAL: i32 = 7;
    /// Logger: the hand, where it is read and where it is filled.
    pub const HAND: (i32, i32) = (8, 9);
    /// Logger: where the next keeper asks for the pipes when this one is gone.
    pub const HANDOVER: i32 = 10;
}
