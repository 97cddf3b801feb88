//! What a guest can do: one file per capability, all alike.
//!
//! # How to add one
//! 1. The WIT interface in `wit/`, the capability's name in the domain.
//! 2. A variant of [`Request`] per function (and of [`Answer`] if none fits).
//! 3. A file here: a head that says what a guest can do, what it cannot and
//!    which attack that stops; `link`; the functions that answer. Each asks the
//!    authority first, and calls a port only then.
//! 4. A line in [`link`], a line per function in [`answer`], a row in [`imports`].
//! 5. A test guest each for allowed, denied and exceeded.
//!
//! Every function goes through [`perform`]: it counts the call, refreshes the
//! authority, answers from the ports or from a tape, keeps what the call did,
//! and writes the tape. A guest's misuse is an answer; only a limit, a host
//! failure or a diverged replay ends the run, as a [`Stop`].
use std::{borrow::Cow, sync::Arc};

use tracing::Instrument as _;
use venn_domain::{
    authority::{Authority, Denial},
    capability::Capability,
    id::PartnershipId,
};
use wasmtime::{StoreContextMut, component::Linker};

use crate::{
    bindings::types,
    egress::Network,
    ports::{PortError, Ports},
    run::{
        core::{Core, Facts, Side},
        state::RunState,
        stop::Stop,
    },
    tape::entry::{Answer, Refusal, Request},
    trace,
};

mod accounts;
mod ambient;
mod clock;
mod config;
mod host;
mod http;
pub(crate) mod imports;
mod log;
pub(crate) mod overlaps;
mod poll;
mod random;
mod scratch;
mod state;
mod timeline;
mod wasi_http;

pub(crate) use accounts::{removals as account_removals, upserts as account_upserts};
pub(crate) use timeline::effects as timeline_effects;

/// Defines everything that a component may import, once per engine.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.instance("venn:plugin/types@0.1.0")?;
    overlaps::link(linker)?;
    accounts::link(linker)?;
    timeline::link(linker)?;
    state::link(linker)?;
    config::link(linker)?;
    log::link(linker)?;
    http::link(linker)?;
    host::link(linker)?;
    wasi_http::link(linker)?;
    clock::link(linker)?;
    random::link(linker)?;
    poll::link(linker)?;
    scratch::link(linker)?;
    ambient::link(linker)
}

/// The live side of a run: who answers, and what the guest may do just now.
pub(crate) struct Live {
    pub(crate) ports: Arc<dyn Ports>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) network: Arc<Network>,
}

impl Live {
    /// One comparison; only a change of authority costs a reload.
    pub(crate) async fn refresh(&mut self) -> Result<(), Declined> {
        if self.ports.confirmed_number().await != self.authority.number() {
            self.authority = self.ports.authority().await?;
        }
        Ok(())
    }
}

/// Why a call has no value: an answer for the guest, or the end of the run.
pub(crate) enum Declined {
    Refused(Refusal),
    Stop(Stop),
}

impl Declined {
    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::Refused(Refusal::Invalid(why.into()))
    }

    pub(crate) fn limit(what: impl Into<String>) -> Self {
        Self::Refused(Refusal::Limit(what.into()))
    }
}

impl From<Denial> for Declined {
    fn from(denial: Denial) -> Self {
        Self::Refused(Refusal::Denied(denial))
    }
}

impl From<PortError> for Declined {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Denied(denial) => Self::Refused(Refusal::Denied(denial)),
            PortError::Invalid(why) => Self::Refused(Refusal::Invalid(why)),
            PortError::Limit(what) => Self::Refused(Refusal::Limit(what)),
            PortError::Unavailable(why) | PortError::ThirdParty(why) => {
                Self::Refused(Refusal::Unavailable(why))
            }
            PortError::Failed(what) => Self::Stop(Stop::HostFailed(what)),
        }
    }
}

/// The one way from a host function to its answer.
pub(crate) async fn perform(
    mut cx: StoreContextMut<'_, RunState>,
    request: Request,
) -> wasmtime::Result<Answer> {
    Ok(exchange(&mut cx.data_mut().core, request).await?)
}

/// [`perform`] for host functions that hold the core already.
pub(crate) async fn exchange(core: &mut Core, request: Request) -> Result<Answer, Stop> {
    core.begin(&request)?;
    let span = trace::call(&request);
    let answer = match &mut core.side {
        Side::Live(_) => match answer(core, &request).instrument(span.clone()).await {
            Ok(answer) => answer,
            Err(Declined::Refused(refusal)) => Answer::Refused(refusal),
            Err(Declined::Stop(stop)) => return Err(stop),
        },
        Side::Replay(playback) => playback.answer(&request)?,
    };
    trace::answered(&span, &answer);
    core.finish(request, &answer)?;
    Ok(answer)
}

/// [`exchange`] for what is answered at once: clocks and randomness.
fn exchange_now(
    core: &mut Core,
    request: Request,
    live: impl FnOnce(&Facts) -> Result<Answer, Stop>,
) -> Result<Answer, Stop> {
    core.begin(&request)?;
    let answer = match &mut core.side {
        Side::Live(_) => live(&core.facts)?,
        Side::Replay(playback) => playback.answer(&request)?,
    };
    core.finish(request, &answer)?;
    Ok(answer)
}

async fn answer(core: &mut Core, request: &Request) -> Result<Answer, Declined> {
    core.mode.permits(request)?;
    let Core { side: Side::Live(live), effects, .. } = core else {
        return Err(Declined::Stop(Stop::HostFailed("a replay asked a port".to_owned())));
    };
    live.refresh().await?;
    match request {
        Request::OverlapsFind(query) => overlaps::find(live, query).await,
        Request::OverlapsLookup { domain, fields } => overlaps::lookup(live, domain, fields).await,
        Request::OverlapsCounts { partnership } => {
            overlaps::counts(live, partnership.as_deref()).await
        }
        Request::OverlapsChanges { partnership, cursor, fields, limit } => {
            overlaps::changes(live, partnership, cursor.as_deref(), fields, *limit).await
        }
        Request::AccountsUpsertRows { rows } => accounts::upsert(live, effects, rows).await,
        Request::AccountsRemove { external_ids } => {
            accounts::remove(live, effects, external_ids).await
        }
        Request::TimelineAppend { entries } => timeline::append(live, effects, entries),
        Request::StateGet { partnership, key } => {
            state::get(live, effects, partnership.as_deref(), key).await
        }
        Request::StateSet { partnership, key, value } => {
            state::set(live, effects, partnership.as_deref(), key, Some(value))
        }
        Request::StateRemove { partnership, key } => {
            state::set(live, effects, partnership.as_deref(), key, None)
        }
        Request::StateKeys { partnership, prefix, cursor } => {
            state::keys(live, effects, partnership.as_deref(), prefix, cursor.as_deref()).await
        }
        Request::HttpSend(request) => {
            let egress = core.egress()?;
            let answer = egress.exchange(request).await.map_err(Declined::Stop)?;
            Ok(Answer::Http(Arc::new(answer)))
        }
        Request::Scratch { .. } => {
            live.authority.allows(Capability::Scratch)?;
            Ok(Answer::Done)
        }
        // Answered where their resources are, or at once.
        Request::AccountsUpsert { .. }
        | Request::WasiHttp
        | Request::Poll { .. }
        | Request::PollReady
        | Request::WallClock
        | Request::MonotonicClock
        | Request::Random { .. } => {
            Err(Declined::Stop(Stop::HostFailed(format!("{} has no port", request.name()))))
        }
    }
}

/// Turns an answer into what the guest's function returns. Another kind of
/// answer than the function's own can only come from a damaged tape.
fn answered<T>(
    answer: Answer,
    value: impl FnOnce(Answer) -> Option<T>,
) -> wasmtime::Result<Result<T, types::HostError>> {
    if let Answer::Refused(refusal) = answer {
        return Ok(Err(host_error(refusal)));
    }
    match value(answer) {
        Some(value) => Ok(Ok(value)),
        None => Err(Stop::HostFailed("the tape holds another kind of answer".to_owned()).into()),
    }
}

fn host_error(refusal: Refusal) -> types::HostError {
    match refusal {
        Refusal::Denied(denial) => types::HostError::Denied(denial_record(denial)),
        Refusal::Invalid(why) => types::HostError::Invalid(why),
        Refusal::Limit(what) => types::HostError::Limit(what),
        Refusal::Unavailable(why) => types::HostError::Unavailable(why),
    }
}

pub(crate) fn denial_record(denial: Denial) -> types::Denial {
    types::Denial {
        capability: Cow::into_owned(denial.capability),
        what: denial.what,
        why: denial.why,
        who_can_change_it: Cow::into_owned(denial.who_can_change_it),
    }
}

/// Reads a partition or partnership as the guest wrote it.
pub(crate) fn partnership_id(text: &str) -> Result<PartnershipId, Declined> {
    text.parse().map_err(|error: venn_domain::id::BadId| Declined::invalid(error.to_string()))
}
