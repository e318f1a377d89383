//! supd: a process supervisor that can be PID 1, with the workload semantics of Kubernetes.
//!
//! ```text
//!   unit files                        supctl, curl                         services, jobs, cron runs
//!       │                                 │ HTTP/JSON on a                  ▲ clone+exec  │ stdout, stderr
//!       ▼                                 ▼ unix socket                     │             ▼
//! ┌─────────────────────── manager ───────────────────┐  Spawn  ┌───────────┴──┐      ┌────────┐
//! │ unit/ ──▶ engine/ (pure: event in, actions out)   │ ──────▶ │   spawner    │      │ logger │ ─▶ files
//! │            ▲ events        │ actions              │         └───────┬──────┘      └────────┘
//! │          runtime/ timers, probes, notify; store/  │    slot table   │ read ends       ▲
//! └──────────────▲────────────────────────────────────┘  (shared memfd) ▼                 │ descriptors
//!                │   Exited, Snapshot             ┌─────────────────────────────────┐     │
//!                └─────────────────────────────── │ keeper: PID 1, or the subreaper │ ────┘
//!                          Ack, Signal ─────────▶ └─────────────────────────────────┘
//! ```
//!
//! One binary, four roles. The *keeper* is the part that must not die: it reaps, holds descriptors and
//! starts the other roles again. The *spawner* is the part that may hang: it turns a plan into a process.
//! The *manager* is the part that decides, and may die at any instant. The *logger* moves bytes.
//!
//! Who may use whom: `sys` (the system calls that need `unsafe`) and `settings` (what supd was told at its
//! start) nothing of ours; `place` (where we are, and what that allows) those two, and keeper, spawner, manager and cli
//! `place`; `unit` nothing; `engine` only `unit`; `wire` only those two first; `store`,
//! `logs`, `control`, `runtime` the unit and the engine's event, action and view types, never each other's
//! insides; `manager` all but `keeper` and `spawner`; those two only `wire` and the system; `cli` `control`,
//! `kubernetes`, `logs`, `unit` and `engine`; `kubernetes` (units as manifests) only `unit`; `look`, a helper in
//! a process of its own, only `logs`; `machine` (a machine's PID 1 before and after it is the keeper) only `wire` and
//! the system. All may use `limits`, where every bound stands with its reason.
//! `tests/tidy.rs` holds this.
//!
//! The modules below stand in the order in which data flows.

// 1. What was written, checked.
pub mod unit;
// 2. What should happen: pure.
pub mod engine;
// 3. What the manager does for it, and the manager itself.
pub mod control;
pub mod manager;
pub mod runtime;
pub mod store;
// 4. From an order to a process, and back.
pub mod keeper;
pub mod spawner;
pub mod wire;
// What PID 1 does before there is a keeper, and after; and what the place allows.
pub mod machine;
pub mod place;
// 5. Bytes, and the helper that looks at what others must not touch.
pub mod logs;
pub mod look;
// 6. What people see, and what they take elsewhere.
pub mod cli;
pub mod kubernetes;
// For all of them.
pub mod limits;
pub mod settings;
pub mod sys;
