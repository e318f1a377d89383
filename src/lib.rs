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
//! Modules, in the order in which data flows. `unit` and `wire` use nothing of ours; `engine` only `unit`;
//! `store`, `logs`, `control`, `runtime` use `unit` and the engine's event, action and view types
//! (`runtime` also `wire`), never each other's insides; `manager` all but `keeper` and `spawner`; those two
//! only `wire` and the system; `cli` uses `control`, `logs`, `unit` and `engine`. All may use `limits`, and
//! `sys` is where the system calls are that need `unsafe`. `tests/tidy.rs` holds all this.

pub mod limits;

pub mod cli;
pub mod control;
pub mod engine;
pub mod keeper;
pub mod logs;
pub mod manager;
pub mod runtime;
pub mod settings;
pub mod spawner;
pub mod store;
pub mod sys;
pub mod unit;
pub mod wire;
