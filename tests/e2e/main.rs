//! End to end: the real binaries in a temporary directory, their output compared, waits on events only.

mod space;
