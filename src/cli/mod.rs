//! supctl: what people see.

pub mod age;
pub mod exit;
pub mod style;
pub mod table;
