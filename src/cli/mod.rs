//! supctl: what people see.

pub mod act;
pub mod age;
pub mod alias;
pub mod apply;
pub mod arguments;
pub mod ask;
pub mod calendar;
pub mod context;
pub mod create;
pub mod exec;
pub mod exit;
#[cfg(test)]
mod fixture;
pub mod format;
pub mod get;
pub mod goal;
pub mod headline;
pub mod help;
pub mod interrupt;
pub mod logs;
pub mod name;
pub mod not_yet;
pub mod progress;
pub mod ps;
pub mod rows;
pub mod run;
pub mod shutdown;
pub mod status;
pub mod style;
pub mod subject;
pub mod table;
pub mod time_limit;
pub mod validate;
pub mod version;
pub mod wait;
