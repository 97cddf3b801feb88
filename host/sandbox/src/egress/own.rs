//! Calls of the host's own: for tokens. They go through the one way out like a guest's, by
//! the same authority, addresses and limits; the guest sees nothing of them, and no
//! connection is shared with its calls.
use std::sync::Arc;

use bytes::Bytes;
use venn_domain::{
    authority::{Authority, Denial},
    time::Clock,
};

use super::{Network, RunEgress};
use crate::{
    capability::Live,
    job::RunInfo,
    ports::Ports,
    run::{
        core::{Facts, Mode},
        stop::Stop,
    },
    tape::entry::{Blob, HttpRequest, HttpResult, Refusal},
};

/// A POST of the host's own.
pub struct OwnCall {
    /// Under whose authority it is made.
    pub authority: Arc<Authority>,
    /// For which install: what its rates are counted for.
    pub info: RunInfo,
    /// Where to.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
    /// For the whole call.
    pub timeout_ms: u32,
}

/// What the third party answered.
pub struct OwnAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnFailed {
    /// It is not allowed.
    #[error("{} is not allowed: {}", .0.what, .0.why)]
    Denied(Denial),
    /// It did not work, or not now.
    #[error("{0}")]
    Failed(String),
    /// Something of ours failed.
    #[error("{0}")]
    HostFailed(String),
}

pub(crate) async fn call(
    network: Arc<Network>,
    call: OwnCall,
    ports: Arc<dyn Ports>,
    clock: Arc<dyn Clock>,
) -> Result<OwnAnswer, OwnFailed> {
    let OwnCall { authority, info, url, headers, body, timeout_ms } = call;
    let now = clock.now();
    let facts = Facts::new(info, String::new(), clock, now, None);
    let live = Live { ports, authority, network };
    let egress = RunEgress { is_own: true, ..RunEgress::new(&live, facts, Mode::Handle) };
    let headers = headers.into_iter().map(|(name, value)| (name, Blob(value.into()))).collect();
    let request = HttpRequest {
        method: "POST".to_owned(),
        url,
        headers,
        body: Blob(body),
        connection: None,
        operation: None,
        timeout_ms: Some(timeout_ms),
    };
    let answer = egress.exchange(&request).await.map_err(|stop| match stop {
        Stop::HostFailed(what) => OwnFailed::HostFailed(what),
        _ => OwnFailed::HostFailed("the call was stopped".to_owned()),
    })?;
    match answer.result {
        HttpResult::Response { status, body, .. } => Ok(OwnAnswer { status, body: body.0 }),
        HttpResult::Failed { kind, message } => {
            Err(OwnFailed::Failed(format!("{kind}: {message}")))
        }
        HttpResult::Refused(Refusal::Denied(denial)) => Err(OwnFailed::Denied(denial)),
        HttpResult::Refused(
            Refusal::Invalid(why) | Refusal::Limit(why) | Refusal::Unavailable(why),
        ) => Err(OwnFailed::Failed(why)),
    }
}
