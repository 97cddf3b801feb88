//! The time of day, and time that passes.
//!
//! A guest reads the host's injected clock, to the millisecond: enough for
//! tokens and back-off, too coarse to time caches. Both clocks are taped. A
//! timer sleeps on the host's runtime and ends with the run; in a replay it is
//! over at once.
use std::time::Duration;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::{
    DynPollable, Pollable,
    bindings::clocks::{
        monotonic_clock::{self, Duration as Nanoseconds, Instant},
        wall_clock::{self, Datetime},
    },
    subscribe,
};

use super::exchange_now;
use crate::{
    run::{
        core::{Facts, Side},
        state::RunState,
        stop::Stop,
    },
    tape::entry::{Answer, Request},
};

/// The resolution that guests see.
const RESOLUTION_US: i64 = 1_000;
const NS_PER_US: u64 = 1_000;
const NS_PER_S: u64 = 1_000_000_000;

struct Clocks;

struct ClockView<'a>(&'a mut RunState);

impl HasData for Clocks {
    type Data<'a> = ClockView<'a>;
}

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<_, Clocks>(linker, |state| ClockView(state))?;
    monotonic_clock::add_to_linker::<_, Clocks>(linker, |state| ClockView(state))
}

/// Microseconds since 1970.
fn wall_us(facts: &Facts) -> u64 {
    (facts.clock.now().0.max(0) / RESOLUTION_US * RESOLUTION_US).unsigned_abs()
}

/// Nanoseconds since the run began, by the injected clock.
fn monotonic_ns(facts: &Facts) -> u64 {
    let us = (facts.clock.now().0 - facts.started_at.0).max(0);
    // Not 0: some runtimes take that for "no clock".
    ((us / RESOLUTION_US + 1) * RESOLUTION_US).unsigned_abs() * NS_PER_US
}

impl ClockView<'_> {
    fn ask(&mut self, request: Request, now: fn(&Facts) -> u64) -> wasmtime::Result<u64> {
        let live = |facts: &Facts| Ok(Answer::Number(now(facts)));
        match exchange_now(&mut self.0.core, request, live)? {
            Answer::Number(number) => Ok(number),
            _ => Err(Stop::HostFailed("the tape holds another kind of answer".to_owned()).into()),
        }
    }

    fn timer(&mut self, wait_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.0.core.count_call()?;
        let replayed = matches!(self.0.core.side, Side::Replay(_));
        let wait = if replayed { 0 } else { wait_ns };
        let deadline = tokio::time::Instant::now().checked_add(Duration::from_nanos(wait));
        let timer = self.0.table.push(Timer { deadline: deadline.filter(|_| wait > 0), wait })?;
        subscribe(&mut self.0.table, timer)
    }
}

impl wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        let ns = self.ask(Request::WallClock, wall_us)?.saturating_mul(NS_PER_US);
        let nanoseconds = u32::try_from(ns % NS_PER_S).unwrap_or(0);
        Ok(Datetime { seconds: ns / NS_PER_S, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        let nanoseconds = u32::try_from(RESOLUTION_US.unsigned_abs() * NS_PER_US).unwrap_or(0);
        Ok(Datetime { seconds: 0, nanoseconds })
    }
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        self.ask(Request::MonotonicClock, monotonic_ns)
    }

    fn resolution(&mut self) -> wasmtime::Result<Nanoseconds> {
        Ok(RESOLUTION_US.unsigned_abs() * NS_PER_US)
    }

    fn subscribe_instant(&mut self, when: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        let now = monotonic_ns(&self.0.core.facts);
        self.timer(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, when: Nanoseconds) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(when)
    }
}

/// A timer; without a deadline it is over, or never will be.
struct Timer {
    deadline: Option<tokio::time::Instant>,
    wait: u64,
}

#[async_trait::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            // Let other tasks run: a guest may poll this in a loop.
            None if self.wait == 0 => tokio::task::yield_now().await,
            // So far in the future that it cannot be told: the wall limit ends it.
            None => std::future::pending().await,
        }
    }
}
