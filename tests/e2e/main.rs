//! End to end: the real binaries in a temporary directory, their output compared, waits on events only.
#![allow(unreachable_pub)] // A test has no public face.

mod pid_one;
mod roles;
mod space;
