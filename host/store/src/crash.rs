//! Kill points: labelled places at which a test makes the process kill itself,
//! as a power cut would. Compiled into builds with debug assertions only.
//!
//! `VENN_CRASH_AT=deliver.leased` kills at the first pass, `…:3` at the third.
//! To add one: a line in [`POINTS`], the call, and a walk in `tests/it/crash`, which says
//! what a start after it has to find; long campaigns take it by themselves (`docs/crash.md`).

/// Every kill point, by what it is a step of, in the order of the steps. `before-commit` is
/// within a transaction that is lost, `committed` after one that nobody was told of.
pub const POINTS: [&str; 61] = [
    // A start of the server.
    "start.opened",
    "start.released",
    "start.keyed",
    // A list, from its upload to the accounts.
    "import.created",
    "import.placed",
    "import.uploaded",
    "import.begun",
    "import.reading",
    "import.read",
    "import.before-commit",
    "import.committed",
    "import.forgotten",
    // What overlaps, and the events of it.
    "pairing.taken",
    "pairing.before-commit",
    "pairing.committed",
    // A delivery, until its run has ended.
    "lease.before-commit",
    "deliver.leased",
    "deliver.begun",
    "deliver.before-call",
    "deliver.ran",
    "deliver.concluded",
    // What a run leaves, in one transaction.
    "record.accounts",
    "record.state",
    "record.timeline",
    "record.rows",
    "record.incident",
    "record.route",
    "record.moved",
    "record.before-commit",
    "record.committed",
    // Installs.
    "install.created",
    "install.before-commit",
    "install.committed",
    "backfill.before-commit",
    "backfill.committed",
    // Schedules.
    "schedule.planned",
    "schedule.event",
    "schedule.before-commit",
    "schedule.committed",
    // Calls from outside.
    "webhook.opened",
    "webhook.before-commit",
    "webhook.committed",
    // Tokens of third parties.
    "token.leased",
    "token.fetched",
    "token.before-commit",
    "token.committed",
    // Releases.
    "release.component",
    "release.artifact",
    "release.before-commit",
    "release.committed",
    "approval.before-commit",
    "approval.committed",
    // People.
    "password.before-commit",
    "password.committed",
    "session.before-commit",
    "session.committed",
    // What is written beside.
    "audit.appended",
    "usage.before-commit",
    "usage.committed",
    "sweep.before-commit",
    "sweep.committed",
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
