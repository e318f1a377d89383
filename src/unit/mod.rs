//! What was written → a checked model.
//!
//! In the order data flows: `file` opens, `tree` reads TOML, `gather` lays files over one another, `check`
//! (with `process`, `pod`, `job` over `reader`) makes a unit of a tree, `graph` looks at what units want of
//! one another, `load` is the way in. Whatever is wrong becomes a `diagnostic`.

pub mod calendar;
pub mod diagnostic;
pub mod explain;
pub mod load;
pub mod model;
pub mod name;
pub mod text;
pub mod transient;

mod cat;
mod check;
mod code;
mod file;
mod gather;
mod graph;
mod hash;
mod host;
mod job;
mod keys;
mod misplaced;
mod pod;
mod process;
mod reader;
mod source;
mod tree;
mod value;

pub use value::signal_name;
