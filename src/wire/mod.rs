//! What manager, spawner, keeper and logger say to each other: messages, the slot table, the plan of a run.
//!
//! Uses nothing of ours but `limits`, `settings` and `sys`, so that keeper and spawner may use it. Every message is one
//! datagram of a SEQPACKET socket, encoded by hand: one byte that says which, then its fields in order,
//! numbers little-endian, bytes behind their length.

pub mod channel;
pub mod codec;
pub mod message;
pub mod own_log;
pub mod plan;
pub mod run;
pub mod table;
pub mod voice;

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
    pub const STATE: i32 = 4;
    /// Every role: where its own log lines go.
    pub const OWN_LOG: i32 = 6;
}
