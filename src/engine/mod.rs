//! What should happen: all rules, and nothing else.

pub mod action;
pub mod event;
pub mod id;
pub mod time;
pub mod view;
