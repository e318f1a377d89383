//! Bridges to Kubernetes.
//!
//! supd has no cluster of its own: who outgrows one machine takes the units to Kubernetes, and [`export`]
//! writes them down for it. Pure: a checked model in, objects and words out.

pub mod export;
pub mod yaml;
