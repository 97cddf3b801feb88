//! The part of a run's state that host calls work on: who answers, what it
//! has done so far, and the tape.
use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use venn_domain::{
    authority::Denial,
    capability::Capability,
    id::PartnershipId,
    limits,
    time::{Clock, Timestamp},
};

use super::{effects::Draft, log::RunLog, stop::Stop};
use crate::{
    capability::{Declined, Live, account_removals, account_upserts, timeline_effects},
    egress::RunEgress,
    job::{Idempotency, RunInfo, RunLimits},
    scratch::Scratch,
    tape::{
        entry::{Answer, Blob, Entry, HttpRequest, HttpResult, Refusal, Request},
        playback::Playback,
    },
};

/// What does not change in a run, shared with calls in flight.
pub(crate) struct Facts {
    pub(crate) info: RunInfo,
    pub(crate) config: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_at: Timestamp,
    pub(crate) idempotency: Option<Idempotency>,
    /// The run's span: what calls in flight belong to.
    pub(crate) span: tracing::Span,
    /// The newest denial, whichever door it came through.
    denial: Mutex<Option<Denial>>,
    /// Set by a call in flight that must end the run.
    pub(crate) stop: OnceLock<Stop>,
    /// The run has ended: a request whose body was not complete by then never
    /// goes out.
    over: AtomicBool,
}

impl Facts {
    pub(crate) fn new(
        info: RunInfo,
        config: String,
        clock: Arc<dyn Clock>,
        started_at: Timestamp,
        idempotency: Option<Idempotency>,
    ) -> Arc<Self> {
        let config = Arc::from(config);
        let denial = Mutex::default();
        let (stop, over) = (OnceLock::new(), AtomicBool::new(false));
        let span = tracing::Span::current();
        Arc::new(Self { info, config, clock, started_at, idempotency, span, denial, stop, over })
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn note(&self, denial: &Denial) {
        *self.denial.lock().unwrap_or_else(PoisonError::into_inner) = Some(denial.clone());
    }
}

/// Which export runs, and what that may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Handle,
    Check,
    Migrate,
}

impl Mode {
    /// `check` sees no partner's data and has no effects; `migrate` has state
    /// only. What egress `check` has is decided in [`crate::egress`].
    pub(crate) fn permits(self, request: &Request) -> Result<(), Declined> {
        if self == Self::Handle || !request.is_contract() {
            return Ok(());
        }
        let capability = match request {
            Request::OverlapsFind(_)
            | Request::OverlapsLookup { .. }
            | Request::OverlapsCounts { .. }
            | Request::OverlapsChanges { .. } => Capability::OverlapsRead,
            Request::AccountsUpsert { .. }
            | Request::AccountsUpsertRows { .. }
            | Request::AccountsRemove { .. } => Capability::AccountsWrite,
            Request::TimelineAppend { .. } => Capability::TimelineWrite,
            Request::HttpSend(_) | Request::WasiHttp => Capability::HttpEgress,
            _ => Capability::State,
        };
        let why = match (self, capability) {
            (Self::Check, Capability::HttpEgress) | (Self::Migrate, Capability::State) => {
                return Ok(());
            }
            (Self::Check, _) => {
                "check() runs before the install is enabled: it has no data and no effects"
            }
            _ => "migrate() may use state only",
        };
        Err(Denial {
            capability: Cow::Borrowed(capability.name()),
            what: request.name().to_owned(),
            why: why.to_owned(),
            who_can_change_it: Cow::Borrowed("publisher"),
        }
        .into())
    }
}

/// Who answers.
pub(crate) enum Side {
    Live(Live),
    Replay(Playback),
}

/// What host calls work on.
pub(crate) struct Core {
    pub(crate) facts: Arc<Facts>,
    pub(crate) mode: Mode,
    pub(crate) side: Side,
    pub(crate) effects: Draft,
    pub(crate) log: RunLog,
    pub(crate) entries: Vec<Entry>,
    pub(crate) calls: u64,
    taped_bytes: u64,
    egress: Option<Arc<RunEgress>>,
    pub(crate) scratch: OwnFiles,
    pub(crate) waiting: Option<Waiting>,
}

/// The host call that runs now.
pub(crate) struct Waiting {
    call: &'static str,
    /// What goes over the network.
    http: Option<Arc<HttpRequest>>,
    since: Instant,
}

impl Waiting {
    /// Its name, and where it calls.
    pub(crate) fn shown(&self) -> String {
        match &self.http {
            Some(http) => format!("{} {}", self.call, shown_url(&http.url)),
            None => self.call.to_owned(),
        }
    }
}

/// The run's scratch files: how many there may be, and where.
pub(crate) struct OwnFiles {
    /// All runs' directories are made here.
    pub(crate) folder: Arc<Path>,
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    /// The guest has looked for them, so it is decided whether there are any.
    pub(crate) decided: bool,
    /// They, if there may be any.
    pub(crate) own: Option<Arc<Scratch>>,
}

impl OwnFiles {
    pub(crate) const fn new(folder: Arc<Path>, limits: &RunLimits) -> Self {
        let (bytes, files) = (limits.scratch_bytes, limits.scratch_files);
        Self { folder, bytes, files, decided: false, own: None }
    }

    /// Removes them; the limit that refused something last.
    pub(crate) fn end(&mut self) -> Option<&'static str> {
        self.own.take()?.refused()
    }
}

/// What one run may leave on its tape: it is held in memory until the run ends.
const TAPE_BYTES: u64 = 64 << 20;

impl Core {
    pub(crate) fn new(facts: Arc<Facts>, mode: Mode, side: Side, scratch: OwnFiles) -> Self {
        let log = RunLog::new(Arc::clone(&facts.clock));
        Self {
            facts,
            mode,
            side,
            effects: Draft::default(),
            log,
            entries: Vec::new(),
            calls: 0,
            taped_bytes: 0,
            egress: None,
            scratch,
            waiting: None,
        }
    }

    /// Counts a host call; a million tiny ones are an attack, not work.
    pub(crate) fn count_call(&mut self) -> Result<(), Stop> {
        if let Some(stop) = self.facts.stop.get() {
            return Err(stop.clone());
        }
        self.calls += 1;
        if self.calls > limits::RUN_HOST_CALLS {
            return Err(Stop::Limit("run.calls"));
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, request: &Request) -> Result<(), Stop> {
        self.count_call()?;
        let http = match request {
            Request::HttpSend(http) => Some(Arc::clone(http)),
            _ => None,
        };
        self.waiting = Some(Waiting { call: request.name(), http, since: Instant::now() });
        Ok(())
    }

    /// Keeps what the call did, and writes the tape.
    pub(crate) fn finish(&mut self, request: Request, answer: &Answer) -> Result<(), Stop> {
        let began = self.waiting.take().map(|waiting| waiting.since.elapsed());
        let wall_us = began.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.absorb(&request, answer);
        self.taped_bytes += weight(&request, answer);
        if self.taped_bytes > TAPE_BYTES {
            return Err(Stop::Limit("run.tape"));
        }
        self.entries.push(Entry { request, answer: answer.clone(), wall_us });
        Ok(())
    }

    fn absorb(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (_, Answer::Page(page)) => self.effects.reads(&page.read_from),
            (_, Answer::Changes(changes)) => self.effects.reads(&changes.read_from),
            (Request::StateGet { partnership: Some(id), .. }, Answer::Value(Some(_))) => {
                self.effects.reads(partition(Some(id)).as_slice());
            }
            (Request::StateSet { partnership, key, value }, Answer::Done) => {
                let value: Blob = value.clone();
                self.effects.write(partition(partnership.as_ref()), key, Some(value));
            }
            (Request::StateRemove { partnership, key }, Answer::Done) => {
                self.effects.write(partition(partnership.as_ref()), key, None);
            }
            (Request::TimelineAppend { entries }, Answer::Done) => {
                self.effects.append(timeline_effects(entries, self.facts.started_at));
            }
            (Request::AccountsUpsertRows { rows }, Answer::Upserted { .. }) => {
                self.effects.write_accounts(account_upserts(rows));
            }
            (Request::AccountsRemove { external_ids }, Answer::Number(_)) => {
                self.effects.write_accounts(account_removals(external_ids));
            }
            (_, Answer::Refused(Refusal::Denied(denial))) => self.facts.note(denial),
            (_, Answer::Http(answer)) => {
                if let HttpResult::Refused(Refusal::Denied(denial)) = &answer.result {
                    self.facts.note(denial);
                }
            }
            _ => {}
        }
    }

    /// The newest denial of this run.
    pub(crate) fn last_denial(&self) -> Option<Denial> {
        self.facts.denial.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The run's outbound side, made with its first call.
    pub(crate) fn egress(&mut self) -> Result<Arc<RunEgress>, Declined> {
        if let Some(egress) = &self.egress {
            return Ok(Arc::clone(egress));
        }
        let Side::Live(live) = &self.side else {
            let what = "a replay asked for the network".to_owned();
            return Err(Declined::Stop(Stop::HostFailed(what)));
        };
        let egress = Arc::new(RunEgress::new(live, Arc::clone(&self.facts), self.mode));
        self.egress = Some(Arc::clone(&egress));
        Ok(egress)
    }

    /// The outbound side, if there was any call.
    pub(crate) fn egress_used(&self) -> Option<&RunEgress> {
        self.egress.as_deref()
    }
}

/// A URL without its query, for people: queries carry values.
pub(crate) fn shown_url(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    super::log::plain(url.get(..end).unwrap_or_default(), 256)
}

/// The partition of an accepted call; it was checked before it was answered.
fn partition(text: Option<&String>) -> Option<PartnershipId> {
    text.and_then(|text| text.parse().ok())
}

/// A row of a source may be large, so it is counted.
fn row_bytes(row: &crate::bindings::accounts::AccountRow) -> usize {
    let texts = [&row.external_id, &row.name, &row.website, &row.owner, &row.stage];
    let core: usize = texts.into_iter().map(String::len).sum();
    let extra = row.extra.iter().map(|one| one.name.len() + one.value.len());
    size_of_val(row) + core + extra.sum::<usize>()
}

/// Roughly what an entry holds in memory beyond its own size.
fn weight(request: &Request, answer: &Answer) -> u64 {
    /// A row's strings; counting them would cost more than it tells.
    const ROW_BYTES: usize = 512;
    let asked = match request {
        Request::StateSet { value, .. } => value.0.len(),
        Request::HttpSend(http) => http.body.0.len(),
        Request::TimelineAppend { entries } => entries.len() * ROW_BYTES,
        Request::AccountsUpsertRows { rows } => rows.iter().map(row_bytes).sum(),
        Request::AccountsRemove { external_ids } => external_ids.len() * ROW_BYTES,
        _ => 0,
    };
    let answered = match answer {
        Answer::Page(page) => page.page.items.len() * ROW_BYTES,
        Answer::Changes(changes) => changes.page.items.len() * ROW_BYTES,
        Answer::Value(Some(blob)) | Answer::Bytes(blob) => blob.0.len(),
        Answer::Http(http) => match &http.result {
            HttpResult::Response { body, .. } => body.0.len(),
            _ => 0,
        },
        _ => 0,
    };
    (asked + answered + size_of::<Entry>()) as u64
}
