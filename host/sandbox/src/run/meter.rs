//! CPU time of one run: the thread's own CPU clock around each poll.
//!
//! Wall time would convict an innocent whose neighbour is noisy. The epoch
//! tick only yields, and asks here whether the budget is spent.
use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use rustix::time::{ClockId, clock_gettime};

/// Shared by the poll wrapper and the tick.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// CPU time of finished polls.
    spent_ns: AtomicU64,
    /// The thread's clock when the present poll began; 0 outside of polls.
    poll_began_ns: AtomicU64,
}

impl Meter {
    /// CPU time so far, in microseconds.
    pub(crate) fn spent_us(&self) -> u64 {
        self.spent_ns() / 1_000
    }

    /// CPU time so far. Only right on the thread that polls, where it is asked.
    pub(crate) fn spent_ns(&self) -> u64 {
        let spent = self.spent_ns.load(Ordering::Relaxed);
        match self.poll_began_ns.load(Ordering::Relaxed) {
            0 => spent,
            began => spent + thread_cpu_ns().saturating_sub(began),
        }
    }
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanoseconds
}

/// A future whose polls are charged to a meter.
pub(crate) struct Metered<'a, F> {
    future: Pin<&'a mut F>,
    meter: &'a Meter,
}

impl<'a, F: Future> Metered<'a, F> {
    pub(crate) const fn new(future: Pin<&'a mut F>, meter: &'a Meter) -> Self {
        Self { future, meter }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let began = thread_cpu_ns();
        self.meter.poll_began_ns.store(began.max(1), Ordering::Relaxed);
        let poll = self.future.as_mut().poll(cx);
        self.meter.poll_began_ns.store(0, Ordering::Relaxed);
        let spent = thread_cpu_ns().saturating_sub(began);
        self.meter.spent_ns.fetch_add(spent, Ordering::Relaxed);
        poll
    }
}
