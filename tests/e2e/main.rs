//! End to end: the real binaries in a temporary directory, their output compared, waits on events only.
#![allow(unreachable_pub)] // A test has no public face.

mod bad_input;
mod cron;
mod environment;
mod jobs;
mod logs;
mod pid_one;
mod roles;
mod shipped;
mod software;
mod space;
mod transient;
mod verbs;
mod waiting;
