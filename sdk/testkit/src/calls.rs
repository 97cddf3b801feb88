//! The call log: what reached the third party, in order, as it saw it. Header values are not
//! kept and a token only as a fingerprint, so a log can be printed in a failing test's output.

use std::sync::Mutex;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::party::Call;

/// One call of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// From 1, in the order of arrival.
    pub order: u64,
    pub method: String,
    /// As sent, still percent-encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// The `Host` that the caller asked for; empty if there was none.
    pub host: String,
    /// The answer's status; `None` while it is held, or if none was sent.
    pub status: Option<u16>,
    /// In lower case, in the order sent.
    pub header_names: Vec<String>,
    /// Whether `Authorization` was there, whatever it said.
    pub authorized: bool,
    /// Of the bearer token: see [`fingerprint`].
    pub token_fingerprint: Option<String>,
    pub body_bytes: usize,
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// The scripted fault that hit the call.
    pub fault: Option<crate::Fault>,
}

/// The first 12 hex digits of the SHA-256 of a token: enough to tell two test tokens apart.
pub fn fingerprint(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    let leading = digest.iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{leading:012x}")
}

impl CallRecord {
    fn of(call: &Call) -> Self {
        let host = call.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        Self {
            order: call.order,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            host: host.unwrap_or_default().to_owned(),
            status: None,
            header_names: call.headers.keys().map(ToString::to_string).collect(),
            authorized: call.headers.contains_key(http::header::AUTHORIZATION),
            token_fingerprint: call.bearer().map(fingerprint),
            body_bytes: call.body.len(),
            body: String::from_utf8_lossy(&call.body).into_owned(),
            fault: None,
        }
    }
}

/// The log. Counting and adding happen under one lock, so the order is the order of the list.
pub(crate) struct CallLog {
    records: Mutex<Log>,
    arrived: watch::Sender<u64>,
}

#[derive(Default)]
struct Log {
    /// Calls of an older generation must not write into the log that a reset began.
    generation: u64,
    records: Vec<CallRecord>,
}

/// Which record an answer belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    generation: u64,
    position: usize,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { records: Mutex::default(), arrived: watch::Sender::new(0) }
    }
}

impl CallLog {
    /// Writes the call down and gives it its number.
    pub(crate) fn arrive(&self, call: &mut Call) -> Ticket {
        let mut log = crate::lock(&self.records);
        let position = log.records.len();
        call.order = position as u64 + 1;
        log.records.push(CallRecord::of(call));
        self.arrived.send_replace(call.order);
        Ticket { generation: log.generation, position }
    }

    pub(crate) fn update(&self, ticket: Ticket, change: impl FnOnce(&mut CallRecord)) {
        let mut log = crate::lock(&self.records);
        if log.generation == ticket.generation
            && let Some(record) = log.records.get_mut(ticket.position)
        {
            change(record);
        }
    }

    pub(crate) fn all(&self) -> Vec<CallRecord> {
        crate::lock(&self.records).records.clone()
    }

    pub(crate) fn clear(&self) {
        let mut log = crate::lock(&self.records);
        log.generation += 1;
        log.records.clear();
        self.arrived.send_replace(0);
    }

    /// Waits until that many calls have arrived since the last reset.
    pub(crate) async fn wait_for(&self, calls: u64) {
        let mut arrived = self.arrived.subscribe();
        // The sender lives in `self`, so the wait cannot end with an error.
        let _ = arrived.wait_for(|arrived| *arrived >= calls).await;
    }
}
