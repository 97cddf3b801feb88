//! One entry of a tape: what the guest asked, and what it was answered.
//!
//! To add a host call: a variant of [`Request`] with its name, and, if none of
//! the [`Answer`]s fits, a variant there. Old tapes must still be read: never
//! change a variant, add one.
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use venn_domain::{authority::Denial, overlap::OverlapQuery};

use crate::{
    bindings::{accounts, overlaps, timeline},
    capability::overlaps::{ChangeAnswer, OverlapAnswer},
};

/// Bytes that are cheap to share and stand as bytes in MessagePack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Blob(pub(crate) Bytes);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Visitor).map(|bytes| Self(bytes.into()))
    }
}

/// What the guest asked of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    OverlapsFind(OverlapQuery),
    OverlapsLookup {
        domain: String,
        fields: Vec<String>,
    },
    OverlapsCounts {
        partnership: Option<String>,
    },
    OverlapsChanges {
        partnership: String,
        cursor: Option<String>,
        fields: Vec<String>,
        limit: u32,
    },
    /// How tapes held it while it was not served: they are still read.
    AccountsUpsert {
        rows: u64,
    },
    AccountsUpsertRows {
        rows: Vec<accounts::AccountRow>,
    },
    AccountsRemove {
        external_ids: Vec<String>,
    },
    TimelineAppend {
        entries: Vec<timeline::Entry>,
    },
    StateGet {
        partnership: Option<String>,
        key: String,
    },
    StateSet {
        partnership: Option<String>,
        key: String,
        value: Blob,
    },
    StateRemove {
        partnership: Option<String>,
        key: String,
    },
    StateKeys {
        partnership: Option<String>,
        prefix: String,
        cursor: Option<String>,
    },
    HttpSend(Arc<HttpRequest>),
    /// Through `wasi:http`. The request itself stands in the answer: it is
    /// complete only when its body is.
    WasiHttp,
    WallClock,
    MonotonicClock,
    Random {
        bytes: u64,
    },
    Poll {
        pollables: u32,
    },
    PollReady,
    /// A call of `wasi:filesystem`, by its name there. Only whether it was
    /// allowed is on the tape: a replay has the same files.
    Scratch {
        call: Cow<'static, str>,
    },
}

impl Request {
    /// The name in transcripts, summaries and `waiting_in`.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::OverlapsFind(_) => "overlaps.find",
            Self::OverlapsLookup { .. } => "overlaps.lookup",
            Self::OverlapsCounts { .. } => "overlaps.counts",
            Self::OverlapsChanges { .. } => "overlaps.changes",
            Self::AccountsUpsert { .. } | Self::AccountsUpsertRows { .. } => "accounts.upsert",
            Self::AccountsRemove { .. } => "accounts.remove",
            Self::TimelineAppend { .. } => "timeline.append",
            Self::StateGet { .. } => "state.get",
            Self::StateSet { .. } => "state.set",
            Self::StateRemove { .. } => "state.remove",
            Self::StateKeys { .. } => "state.keys",
            Self::HttpSend(_) => "http.send",
            Self::WasiHttp => "wasi:http",
            Self::WallClock => "wall-clock.now",
            Self::MonotonicClock => "monotonic-clock.now",
            Self::Random { .. } => "random",
            Self::Poll { .. } => "poll",
            Self::PollReady => "pollable.ready",
            Self::Scratch { .. } => "scratch",
        }
    }

    /// Whether it is a call of the contract, which has values and effects;
    /// clocks, randomness, polling and the run's own files are not.
    pub(crate) const fn is_contract(&self) -> bool {
        !matches!(
            self,
            Self::WallClock
                | Self::MonotonicClock
                | Self::Random { .. }
                | Self::Poll { .. }
                | Self::PollReady
                | Self::Scratch { .. }
        )
    }
}

/// What the host answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Page(OverlapAnswer),
    Changes(ChangeAnswer),
    Counts(Arc<Vec<overlaps::Count>>),
    Value(Option<Blob>),
    Keys(Vec<String>),
    Upserted { added: u32, changed: u32, unchanged: u32 },
    Done,
    Refused(Refusal),
    Http(Arc<HttpAnswer>),
    Exchange(Exchange),
    Number(u64),
    Bytes(Blob),
    Ready(Vec<u32>),
}

/// Why a contract call has no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    Denied(Denial),
    Invalid(String),
    Limit(String),
    Unavailable(String),
}

/// An outbound call as the guest meant it: canonical URL, without what the
/// host adds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    /// As the guest wrote it.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Blob)>,
    pub(crate) body: Blob,
    pub(crate) connection: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) timeout_ms: Option<u32>,
}

/// What came of an outbound call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpAnswer {
    /// Host and path without query, as audit and summaries show it.
    pub(crate) target: String,
    /// The host stands in the configuration, not in the manifest.
    pub(crate) host_from_config: bool,
    /// The credential was added.
    pub(crate) connection: Option<String>,
    /// Whether anything was put on the wire.
    pub(crate) sent: bool,
    pub(crate) result: HttpResult,
}

/// The ways an outbound call ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpResult {
    Response { status: u16, headers: Vec<(String, Blob)>, body: Blob },
    Refused(Refusal),
    Failed { kind: String, message: String },
}

/// A call through `wasi:http`: it is answered later, perhaps never.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange(pub(crate) Arc<OnceLock<(HttpRequest, HttpAnswer)>>);

impl PartialEq for Exchange {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for Exchange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Exchange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let done = Option::<(HttpRequest, HttpAnswer)>::deserialize(deserializer)?;
        Ok(Self(Arc::new(done.map_or_else(OnceLock::new, OnceLock::from))))
    }
}

/// A call with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    /// Wall time of the call, microseconds.
    pub(crate) wall_us: u64,
}
