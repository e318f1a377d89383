//! System calls that no crate wraps, one function each, and shared memory. With `spawner/child.rs` the only
//! place where `unsafe` may stand.
//!
//! Owned descriptors in and out, close-on-exec at birth, `EINTR` handled here and nowhere else.
#![allow(unsafe_code)]

pub mod memory;
pub mod message;
