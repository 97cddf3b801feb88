//! Runs: the record of one execution, written in one transaction with its
//! effects, the provisional verdict, the incident and the next attempt.
//!
//! - [`record`]: the write, idempotent on (delivery, step, attempt) and fenced
//!   by the lease.
//! - [`read`]: what people see of runs.
mod read;
mod record;

pub use read::{Answered, Run, RunFilter};
pub(crate) use record::{AllKnown, Together};
pub use record::{NewRoute, Next, Recorded, RunRecord};
