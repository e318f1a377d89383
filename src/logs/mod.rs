//! Bytes: what pods print, from their pipes into files, and from files to people.
//!
//! ```text
//!   pipe ─▶ hand ─▶ split ─▶ line ─▶ files (beneath, rotate) ─▶ <unit>_<pod>_<uid8>/<process>/<attempt>.log
//!                              └───▶ console (escape) ─▶ outlet ─▶ terminal, container log
//!
//!   discover ─▶ segments ─▶ cursor ─▶ read, follow ─▶ print (escape)
//! ```
//!
//! The upper row is the logger, a process of its own that may be killed at any instant; the lower row runs
//! in supctl. They share nothing but the files, and the format of their lines.

pub mod discover;
pub mod escape;
pub mod follow;
pub mod line;
pub mod logger;
pub mod path;
pub mod print;
pub mod read;
pub mod relay;

mod beneath;
mod confine;
mod console;
mod cursor;
mod files;
mod hand;
mod intake;
mod orphan;
mod outlet;
mod rotate;
mod segments;
mod split;
mod stamp;

#[cfg(test)]
mod death_tests;
#[cfg(test)]
mod support_tests;
