//! What the store learns of the trace that its caller is in, and what it tells
//! of its own work. It knows no telemetry library: the server brings one in, as
//! it does the clock.
use std::time::Duration;

/// Watches the store.
pub trait Observer: Send + Sync {
    /// The trace context of the caller, as a W3C `traceparent`; empty if nothing
    /// is traced. It is kept with what the caller causes.
    fn trace(&self) -> String {
        String::new()
    }

    /// One group of writes was committed, or not.
    fn group(&self, _members: usize, _took: Duration, _committed: bool) {}
}

/// Watches nothing.
pub struct Unobserved;

impl Observer for Unobserved {}
