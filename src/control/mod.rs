//! Who may ask, and in which words: the control API on the unix socket.

pub mod objects;
