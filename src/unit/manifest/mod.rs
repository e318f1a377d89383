//! Kubernetes' manifests → units: YAML becomes the same tree with places that a TOML file becomes.
//!
//! ```text
//!   text ──yaml──▶ tree of each document ──object──▶ ConfigMap, Secret ──▶ Configs ─┐
//!                                            │                                      ▼
//!                                            └────▶ workloads ──workload, job──▶ the unit's tree ──▶ check
//! ```
//!
//! A manifest is translated, not interpreted: what comes out is the tree of a unit file, each value with the
//! place in the YAML that it is from. So checks, drop-ins, `cat`, versions, `diff` and diagnostics know
//! nothing of manifests, and a manifest can mean nothing that a unit file cannot say. What Kubernetes
//! defaults otherwise than we do is written into the tree, with the place of the object's `kind`.
//!
//! Nothing is ignored. Each field of each type is one of three: translated; without a meaning on one host,
//! and warned of by name; or of a meaning that cannot be kept here, and refused by name. Anything else is a
//! misspelt field, as for `kubectl --validate=strict`. Kubernetes' own defaults, spelled out, are said nothing
//! of (`defaults`).
//!
//! ConfigMaps and Secrets are read into the unit when it is loaded. A changed one is a changed template.
//!
//! May not: open anything, look anything up, know what becomes of a unit.

mod config;
mod container;
mod defaults;
mod environment;
mod fields;
mod job;
mod object;
mod pod;
mod probe;
mod quantity;
mod scalar;
mod security;
mod specs;
mod split;
mod volume;
mod workload;
mod write;
mod yaml;

pub use self::object::Kind;
pub use self::split::{Piece, Pieces, file_name, pieces};

pub(super) use self::config::{Configs, decode_base64};
pub(super) use self::object::{Manifest, names_in, read};
pub(super) use self::workload::translate;

/// The endings of manifests in a directory of units.
pub(super) const ENDINGS: [&str; 2] = [".yaml", ".yml"];

/// The kinds of manifests that units are made from.
pub(super) const KINDS: [&str; 7] =
    ["Pod", "Job", "CronJob", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"];

/// Whether a file of this name is a manifest. JSON is YAML.
pub(super) fn is_manifest(file: &str) -> bool {
    ENDINGS.iter().chain(&[".json"]).any(|ending| file.ends_with(ending))
}
