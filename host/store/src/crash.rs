//! Kill points: labelled places at which a test makes the process kill itself,
//! as a power cut would. Compiled into builds with debug assertions only.
//!
//! `VENN_CRASH_AT=deliver.leased` kills at the first pass, `…:3` at the third.
//! To add one: a line in [`POINTS`], the call, and the test walks it by itself.

/// Every kill point on the path of an event, in the order of the path.
pub const POINTS: [&str; 13] = [
    "import.uploaded",
    "import.reading",
    "import.before-commit",
    "import.committed",
    "pairing.before-commit",
    "pairing.committed",
    "deliver.leased",
    "deliver.before-call",
    "deliver.ran",
    "record.before-commit",
    "record.committed",
    "webhook.before-commit",
    "webhook.committed",
];

/// Kills the process if this point is armed.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };
    static ARMED: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
        let text = std::env::var("VENN_CRASH_AT").ok()?;
        let (name, passes) = text.rsplit_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), AtomicU64::new(passes.parse().unwrap_or(1))))
    });
    debug_assert!(POINTS.contains(&name), "{name} is not in the list of kill points");
    if let Some((armed, left)) = &*ARMED
        && armed == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing, in builds for production.
#[cfg(not(debug_assertions))]
pub fn point(_name: &str) {}
