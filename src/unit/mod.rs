//! What was written → a checked model.
//!
//! In the order data flows: `file` opens, `tree` reads TOML and `manifest` YAML, `gather` lays files over one
//! another, `check` (with `process`, `pod`, `probe`, `job`, `policies`, `cron` over `reader`) makes a unit of a tree,
//! `graph` looks at what units want of one another, `load` is the way in. Whatever is wrong becomes a `diagnostic`.

pub mod calendar;
pub mod diagnostic;
pub mod explain;
pub mod load;
pub mod manifest;
pub mod model;
pub mod name;
pub mod text;
pub mod transient;

mod beside;
mod cat;
mod check;
mod code;
mod cron;
mod file;
pub(crate) mod gather;
mod graph;
mod handler;
pub mod hash;
mod hook;
mod host;
mod job;
mod keys;
mod life;
mod misplaced;
mod pod;
mod policies;
mod probe;
mod process;
mod reader;
mod resources;
mod restart;
mod service;
mod source;
mod tree;
mod value;
mod volume;

pub use value::signal_name;
