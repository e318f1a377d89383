//! What was written → a checked model.

pub mod calendar;
pub mod model;
pub mod name;
pub mod text;
