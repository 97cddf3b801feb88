//! Waiting for several things at once.
//!
//! A guest waits for timers, bodies and answers of its own. What was ready is
//! taped, because the order in which answers arrive decides what a guest does
//! next; a replay waits for exactly those.
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{self, HostPollable as _};

use crate::{
    run::{
        core::{Core, Side},
        state::RunState,
        stop::Stop,
    },
    tape::entry::{Answer, Request},
};

struct Polling;

struct PollView<'a>(&'a mut RunState);

impl HasData for Polling {
    type Data<'a> = PollView<'a>;
}

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    poll::add_to_linker::<_, Polling>(linker, |state| PollView(state))
}

impl PollView<'_> {
    /// Asks the tape, in a replay.
    fn taped(core: &mut Core, request: &Request) -> Result<Option<Vec<u32>>, Stop> {
        let Side::Replay(playback) = &mut core.side else { return Ok(None) };
        match playback.answer(request)? {
            Answer::Ready(ready) => Ok(Some(ready)),
            _ => Err(Stop::HostFailed("the tape holds another kind of answer".to_owned())),
        }
    }
}

impl poll::Host for PollView<'_> {
    async fn poll(&mut self, list: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let RunState { core, table, .. } = &mut *self.0;
        let request = Request::Poll { pollables: u32::try_from(list.len()).unwrap_or(u32::MAX) };
        core.begin(&request)?;
        let ready = match Self::taped(core, &request)? {
            Some(ready) => {
                for index in &ready {
                    wait(table, list.get(*index as usize)).await?;
                }
                ready
            }
            None => poll::Host::poll(table, list).await?,
        };
        core.finish(request, &Answer::Ready(ready.clone()))?;
        Ok(ready)
    }
}

/// Waits for one pollable without giving it up.
async fn wait(
    table: &mut ResourceTable,
    pollable: Option<&Resource<DynPollable>>,
) -> wasmtime::Result<()> {
    match pollable {
        Some(pollable) => table.block(Resource::new_borrow(pollable.rep())).await,
        None => {
            Err(Stop::HostFailed("the tape names a pollable that is not there".to_owned()).into())
        }
    }
}

impl poll::HostPollable for PollView<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let RunState { core, table, .. } = &mut *self.0;
        let request = Request::Poll { pollables: 1 };
        core.begin(&request)?;
        Self::taped(core, &request)?;
        table.block(pollable).await?;
        Ok(core.finish(request, &Answer::Ready(vec![0]))?)
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        let RunState { core, table, .. } = &mut *self.0;
        let request = Request::PollReady;
        core.begin(&request)?;
        let ready = match Self::taped(core, &request)? {
            Some(ready) if ready.is_empty() => false,
            Some(_) => {
                table.block(pollable).await?;
                true
            }
            None => table.ready(pollable).await?,
        };
        let answer = if ready { vec![0] } else { Vec::new() };
        core.finish(request, &Answer::Ready(answer))?;
        Ok(ready)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(&mut self.0.table, pollable)
    }
}
