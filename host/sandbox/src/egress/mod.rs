//! Outbound calls: the one way out, behind both doors (`http.send` and
//! `wasi:http`).
//!
//! In this order: canonical target → authority → headers and framing → slots →
//! rates → a connection that waits, or: resolve once → refuse special-purpose
//! addresses → dial a vetted address → TLS for the same host → authority again →
//! credential → send → buffer → scrub. Nothing is on the wire before all of it was decided, redirects are
//! handed to the guest, and environment proxies are never read. A credential that the third party
//! refuses is asked for once more: a token may have ended before its time. The host's own calls,
//! for tokens, go the same way ([`own`]).
//!
//! - [`guard`]: what may go out, and as which message.
//! - [`dial`]: names, addresses, TLS.
//! - [`pool`]: open connections that wait for another call.
//! - [`wire`]: the exchange itself, with its limits.
//! - [`scrub`]: an injected credential never comes back.
//! - [`slots`]: how many calls at once; [`rates`]: how many in a time.
//! - [`meter`]: what went over a connection.
//! - [`page`]: a page that the host itself asks for.
use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use venn_domain::{
    authority::{Authority, Denial, EgressQuestion},
    egress::Target,
    limits,
    manifest::ConnectionRequest,
};

use crate::{
    capability::{Declined, Live},
    error::SandboxError,
    ports::{PortError, Ports, Secret},
    run::{
        core::{Facts, Mode},
        stop::Stop,
    },
    settings::EgressSettings,
    tape::entry::{HttpAnswer, HttpRequest, HttpResult, Refusal},
    trace,
};

mod dial;
mod guard;
mod idempotency;
mod meter;
pub(crate) mod own;
mod page;
mod pool;
mod rates;
mod scrub;
mod slots;
mod wire;

pub(crate) use guard::may_be_set;

/// How often a call in flight looks whether it is still allowed: a revoked one
/// ends within a second, with room to spare.
const WATCH_MS: u64 = 100;

/// What all runs share: TLS settings, overrides, slots, rates, connections.
pub(crate) struct Network {
    dialer: dial::Dialer,
    slots: slots::Slots,
    rates: rates::Rates,
    pool: Arc<pool::Pool>,
}

impl Network {
    pub(crate) fn new(settings: &EgressSettings) -> Result<Self, SandboxError> {
        Ok(Self {
            dialer: dial::Dialer::new(settings)?,
            slots: slots::Slots::default(),
            rates: rates::Rates::default(),
            pool: Arc::default(),
        })
    }
}

/// The outbound side of one run, shared with its calls in flight.
pub(crate) struct RunEgress {
    network: Arc<Network>,
    ports: Arc<dyn Ports>,
    pub(crate) facts: Arc<Facts>,
    mode: Mode,
    /// A call of the host's own inside a guest's, which has a slot already; no connection is
    /// shared with a guest's calls.
    is_own: bool,
    authority: Mutex<Arc<Authority>>,
    at_once: tokio::sync::Semaphore,
    slots: slots::Scopes,
    asked: AtomicU64,
    failed_dials: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    /// How often an equal call without an operation was made in this run.
    occurrences: Mutex<HashMap<[u8; 32], u32>>,
}

/// What a decided call needs on its way out.
struct Passage<'a> {
    target: &'a Target,
    method: &'a http::Method,
    request: &'a HttpRequest,
    connection: Option<ConnectionRequest>,
    headers: http::HeaderMap,
    sent: &'a AtomicBool,
}

impl Passage<'_> {
    fn question(&self) -> EgressQuestion<'_> {
        EgressQuestion {
            method: self.method.as_str(),
            target: self.target,
            connection: self.connection.as_ref().map(|connection| connection.name.as_str()),
        }
    }
}

impl RunEgress {
    pub(crate) fn new(live: &Live, facts: Arc<Facts>, mode: Mode) -> Self {
        Self {
            network: Arc::clone(&live.network),
            ports: Arc::clone(&live.ports),
            facts,
            mode,
            is_own: false,
            authority: Mutex::new(Arc::clone(&live.authority)),
            at_once: tokio::sync::Semaphore::new(crate::engine::to_usize(limits::HTTP_AT_ONCE_RUN)),
            slots: live.network.slots.of(&live.authority),
            asked: AtomicU64::new(0),
            failed_dials: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            occurrences: Mutex::default(),
        }
    }

    /// Decides on a call, and makes it. What the guest did is in the answer;
    /// an `Err` ends the run.
    pub(crate) async fn exchange(&self, request: &HttpRequest) -> Result<HttpAnswer, Stop> {
        let target = Target::parse(&request.url).map_err(|error| error.to_string());
        self.exchange_at(request, target).await
    }

    /// The same for a door that has the URL in parts.
    pub(crate) async fn exchange_at(
        &self,
        request: &HttpRequest,
        target: Result<Target, String>,
    ) -> Result<HttpAnswer, Stop> {
        let mut answer = HttpAnswer {
            target: match &target {
                Ok(target) => target.without_query(),
                Err(_) => crate::run::core::shown_url(&request.url),
            },
            host_from_config: false,
            connection: None,
            sent: false,
            result: HttpResult::Refused(Refusal::Invalid(String::new())),
        };
        let span = trace::egress();
        // Awaited where it is made: kept in a variable, it would be held and moved twice.
        let result = self.attempt(request, target, &mut answer).instrument(span.clone()).await;
        answer.result = match result {
            Ok(result) => result,
            Err(Declined::Refused(refusal)) => HttpResult::Refused(refusal),
            Err(Declined::Stop(stop)) => return Err(stop),
        };
        trace::came_back(&span, answer.sent.then(|| request.body.0.len()), &answer.result);
        if let HttpResult::Refused(Refusal::Denied(denial)) = &answer.result {
            self.facts.note(denial);
        }
        Ok(answer)
    }

    async fn attempt(
        &self,
        request: &HttpRequest,
        target: Result<Target, String>,
        answer: &mut HttpAnswer,
    ) -> Result<HttpResult, Declined> {
        if self.asked.fetch_add(1, Ordering::Relaxed) >= limits::RUN_HTTP_CALLS {
            let limit = limits::RUN_HTTP_CALLS;
            return Err(Declined::limit(format!(
                "run.http.calls: at most {limit} calls in one run"
            )));
        }
        let method = guard::method(&request.method, self.mode)?;
        let target = target.map_err(Declined::invalid)?;
        let authority = self.authority().await?;
        answer.host_from_config = self.is_from_config(&authority, &target);
        let selected = guard::Selected::of(request)?;
        let connection = authority
            .allows_egress(EgressQuestion {
                method: method.as_str(),
                target: &target,
                connection: selected.connection.as_deref(),
            })?
            .cloned();
        trace::allowed(&Span::current(), &authority, method.as_str(), &target.host);
        let headers = guard::headers(request, &target, connection.as_ref())?;
        guard::body(request)?;
        answer.connection = connection.as_ref().map(|connection| connection.name.clone());
        let sent = AtomicBool::new(false);
        let mut passage =
            Passage { target: &target, method: &method, request, connection, headers, sent: &sent };
        self.add_idempotency_key(&mut passage, selected.operation.as_deref());
        let result = self.within_limits(&authority, &mut passage).await;
        answer.sent = sent.load(Ordering::Relaxed);
        result
    }

    /// Slots, total time, and an eye on revocation.
    async fn within_limits(
        &self,
        authority: &Authority,
        passage: &mut Passage<'_>,
    ) -> Result<HttpResult, Declined> {
        let asked_ms = passage.request.timeout_ms.map_or(limits::HTTP_TOTAL_MS, u64::from);
        let total = Duration::from_millis(asked_ms.clamp(1, limits::HTTP_TOTAL_MS));
        let (target, method) = (passage.target, passage.method);
        let name = passage.connection.as_ref().map(|connection| connection.name.clone());
        let question =
            EgressQuestion { method: method.as_str(), target, connection: name.as_deref() };
        let mut call = pin!(async {
            if self.is_own {
                return self.send(passage).await;
            }
            let _own = self.at_once.acquire().await;
            let _shared = self.slots.acquire().await;
            self.send(passage).await
        });
        let mut watch = pin!(self.watch(authority.number(), question, total));
        tokio::select! {
            biased;
            done = &mut call => done,
            broken = &mut watch => broken,
        }
    }

    /// Ends when the time is over or the call no longer allowed; until then never.
    async fn watch(
        &self,
        number: u64,
        question: EgressQuestion<'_>,
        total: Duration,
    ) -> Result<HttpResult, Declined> {
        let end = Instant::now() + total;
        let mut seen = number;
        loop {
            let next = Instant::now() + Duration::from_millis(WATCH_MS);
            tokio::time::sleep_until(next.min(end)).await;
            if next >= end {
                let why = format!("no whole answer within {} ms", total.as_millis());
                return Ok(failed("timeout", why));
            }
            if self.ports.confirmed_number().await == seen {
                continue;
            }
            let authority = self.authority().await?;
            authority.allows_egress(question)?;
            seen = authority.number();
        }
    }

    /// Sends over a connection that waits, or else over a new one.
    async fn send(&self, passage: &mut Passage<'_>) -> Result<HttpResult, Declined> {
        self.take_room(passage).await?;
        // Another credential, once the first was refused; neither comes back in an answer.
        let (mut another, mut refused) = (None, None);
        loop {
            let key = pool::Key::of(&*self.authority().await?, passage);
            let waiting = if self.is_own { None } else { self.network.pool.take(&key) };
            let (mut link, waited) = match waiting {
                Some(link) => (link, true),
                // Rare, and large: apart from what each call moves about.
                None => match Box::pin(self.dial(passage)).await? {
                    Ok(link) => (link, false),
                    Err(failed) => return Ok(failed),
                },
            };
            // Dialling takes time: what was allowed then may be revoked now.
            let authority = self.authority().await?;
            authority.allows_egress(passage.question())?;
            let secret = match self.secret(passage, another.as_ref()).await {
                Err(PortError::ThirdParty(why)) => return Ok(failed("credential", why)),
                secret => secret?,
            };
            if let (Some(connection), Some(secret)) = (&passage.connection, &secret) {
                guard::inject(&mut passage.headers, connection, secret)?;
            }
            let credential = secret.as_deref().map(Secret::fingerprint);
            if waited && link.credential != credential {
                continue;
            }
            link.credential = credential;
            if self.facts.is_over() {
                let why = "the run ended before the request was complete";
                return Ok(failed("protocol", why.to_owned()));
            }
            passage.sent.store(true, Ordering::Relaxed);
            let exchanged = link.exchange(passage, passage.headers.clone()).await;
            let now = self.facts.clock.now();
            let amounts = [
                (rates::Measure::Sent, link.meter.sent()),
                (rates::Measure::Received, link.meter.received()),
            ];
            self.network.rates.count_all(&authority, &amounts, now);
            let wire::Exchanged::Answered(result) = exchanged else { continue };
            if another.is_none() && is_unauthorized(&result) {
                another = self.other_secret(passage, credential).await?;
                if another.is_some() {
                    refused = secret;
                    continue;
                }
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.sent_bytes.fetch_add(passage.request.body.0.len() as u64, Ordering::Relaxed);
            let result = scrub::answer(result, secret.as_deref());
            let result = scrub::answer(result, refused.as_deref());
            if let HttpResult::Response { body, .. } = &result {
                self.received_bytes.fetch_add(body.0.len() as u64, Ordering::Relaxed);
                if !self.is_own && link.is_ready() {
                    self.network.pool.keep(key, link, authority.number(), &self.ports);
                }
            }
            return Ok(result);
        }
    }

    /// The credential to add, if the call is for a connection: the other one, once the first
    /// was refused.
    async fn secret(
        &self,
        passage: &Passage<'_>,
        another: Option<&Arc<Secret>>,
    ) -> Result<Option<Arc<Secret>>, PortError> {
        let Some(connection) = &passage.connection else { return Ok(None) };
        if let Some(another) = another {
            return Ok(Some(Arc::clone(another)));
        }
        self.ports.credential(&connection.name).await.map(|secret| Some(Arc::new(secret)))
    }

    /// Another credential than the one that was refused, if there is one. That none could
    /// be had is no news: the third party's own answer says what is wrong.
    async fn other_secret(
        &self,
        passage: &Passage<'_>,
        refused: Option<[u8; 32]>,
    ) -> Result<Option<Arc<Secret>>, Declined> {
        let (Some(connection), Some(refused)) = (&passage.connection, refused) else {
            return Ok(None);
        };
        match self.ports.credential_after(&connection.name, refused).await {
            Err(PortError::ThirdParty(_)) => Ok(None),
            secret => Ok(secret?.map(Arc::new)),
        }
    }

    /// The limits of this run, and the rates of everything that it is part of.
    async fn take_room(&self, passage: &Passage<'_>) -> Result<(), Declined> {
        let body = passage.request.body.0.len() as u64;
        let counted = [
            (
                "run.http.sent",
                self.sent_bytes.load(Ordering::Relaxed) + body,
                limits::RUN_HTTP_SENT_BYTES,
                "bytes of bodies sent",
            ),
            (
                "run.http.received",
                self.received_bytes.load(Ordering::Relaxed),
                limits::RUN_HTTP_RECEIVED_BYTES,
                "bytes of bodies received",
            ),
            (
                "run.http.failed-dials",
                self.failed_dials.load(Ordering::Relaxed) + 1,
                limits::RUN_HTTP_FAILED_DIALS,
                "connections that fail",
            ),
        ];
        for (name, count, most, what) in counted {
            if count > most {
                let why = "ask for another run with `again`, or end this one with `retry after`";
                return Err(Declined::limit(format!(
                    "{name}: at most {most} {what} in one run; {why}"
                )));
            }
        }
        let authority = self.authority().await?;
        self.network.rates.take(&authority, body, self.facts.clock.now())
    }

    /// A new connection. One that fails is counted: a scan is failures.
    async fn dial(
        &self,
        passage: &Passage<'_>,
    ) -> Result<Result<wire::Link, HttpResult>, Declined> {
        let opened = match self.network.dialer.connect(passage.target).await {
            Ok(stream) => wire::Link::open(stream).await,
            Err(dial::Refused::Address(why)) => {
                return Err(guard::address_denial(passage.method, passage.target, why).into());
            }
            Err(dial::Refused::Failed { kind, message }) => Err(failed(kind, message)),
        };
        if opened.is_err() {
            self.failed_dials.fetch_add(1, Ordering::Relaxed);
            let authority = self.authority().await?;
            let now = self.facts.clock.now();
            self.network.rates.count(&authority, rates::Measure::FailedDials, 1, now);
        }
        Ok(opened)
    }

    /// The newest authority: one comparison unless it changed.
    async fn authority(&self) -> Result<Arc<Authority>, Declined> {
        let held = Arc::clone(&self.authority.lock().unwrap_or_else(PoisonError::into_inner));
        if held.number() == self.ports.confirmed_number().await {
            return Ok(held);
        }
        let newest = self.ports.authority().await?;
        *self.authority.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&newest);
        Ok(newest)
    }

    /// Whether the host is the customer's own word: it came of the
    /// configuration, or no rule of the manifest names it, and the configuration
    /// does.
    fn is_from_config(&self, authority: &Authority, target: &Target) -> bool {
        let egress = &authority.manifest().egress;
        authority.is_customer_host(&target.host)
            || !egress.iter().any(|request| request.rule.host == target.host)
                && self.facts.config.to_ascii_lowercase().contains(&target.host)
    }

    fn add_idempotency_key(&self, passage: &mut Passage<'_>, operation: Option<&str>) {
        let Some(idempotency) = &self.facts.idempotency else { return };
        if passage.method.is_safe() {
            return;
        }
        let install = self.facts.info.install.as_str();
        let key = if let Some(operation) = operation {
            idempotency::of_operation(idempotency, install, operation)
        } else {
            let body = &passage.request.body.0;
            let call = idempotency::fingerprint(passage.method, passage.target, body);
            let occurrence = {
                let mut seen = self.occurrences.lock().unwrap_or_else(PoisonError::into_inner);
                let count = seen.entry(call).or_insert(0);
                *count += 1;
                *count
            };
            idempotency::of_call(idempotency, install, &call, occurrence)
        };
        if let Ok(value) = http::HeaderValue::from_str(&key) {
            passage.headers.insert("idempotency-key", value);
        }
    }
}

const fn is_unauthorized(result: &HttpResult) -> bool {
    matches!(result, HttpResult::Response { status: 401, .. })
}

fn failed(kind: &str, message: String) -> HttpResult {
    HttpResult::Failed { kind: kind.to_owned(), message }
}

/// A denial of egress that is not the authority's own.
fn denial(what: String, why: &str, who: &'static str) -> Denial {
    Denial {
        capability: venn_domain::capability::Capability::HttpEgress.name().into(),
        what,
        why: why.to_owned(),
        who_can_change_it: who.into(),
    }
}

#[cfg(test)]
mod tests;
