//! What the init of a machine does beside supervising: its first steps, its last ones, and a shell for when
//! neither go well.
//!
//! [`boot`] runs in PID 1 before it becomes the keeper, [`halt`] after the keeper's loop has ended: nothing
//! here runs while units do, and the keeper itself mounts nothing and reads no file of the machine. [`fallen`] is
//! what PID 1 becomes when the keeper faults again and again. What may hang or fail on the way down (other
//! processes, disks, file systems) is done by a child with a deadline.
//! Nothing here may end PID 1, since the kernel would panic: errors are told on the console, and passed over.

pub mod boot;
mod console;
pub mod fallen;
pub mod halt;
mod mounts;
mod processes;
mod rescue;
mod unmount;
pub mod words;
