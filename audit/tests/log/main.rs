//! The log from outside: written, spoiled, and judged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod carried;
mod crash;
mod harness;
mod histories;
mod hostile;
mod operations;
mod others;
mod peers;
mod program;
mod reconcile;
mod report;
mod retention;
mod tamper;
mod verdicts;
mod witness;
