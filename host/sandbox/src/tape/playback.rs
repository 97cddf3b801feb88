//! The answering side of a replay: the tape, call by call. No port, no
//! network, no clock; a guest that asks something else has diverged.
use std::sync::Arc;

use super::entry::{Answer, Entry, Request};
use crate::run::{core::shown_url, stop::Stop};

/// Where a replay stands on its tape.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    entries: Arc<Vec<Entry>>,
    next: usize,
}

impl Playback {
    pub(crate) const fn new(entries: Arc<Vec<Entry>>) -> Self {
        Self { entries, next: 0 }
    }

    /// How many calls were answered.
    pub(crate) const fn position(&self) -> usize {
        self.next
    }

    /// Whether the guest asked this next.
    pub(crate) fn is_next(&self, request: &Request) -> bool {
        self.entries.get(self.next).is_some_and(|entry| entry.request == *request)
    }

    /// The taped answer, if the guest asks what it asked then.
    pub(crate) fn answer(&mut self, request: &Request) -> Result<Answer, Stop> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(Stop::TapeEnds(self.next));
        };
        if entry.request != *request {
            let (expected, mut got) = (shown(&entry.request), shown(request));
            if expected == got {
                got.push_str(" with other arguments");
            }
            return Err(Stop::Diverged { at_call: self.next, expected, got });
        }
        self.next += 1;
        Ok(entry.answer.clone())
    }
}

/// A call's shape without values.
fn shown(request: &Request) -> String {
    match request {
        Request::HttpSend(http) => {
            format!("http.send {} {}", http.method, shown_url(&http.url))
        }
        Request::Scratch { call } => format!("scratch {call}"),
        other => other.name().to_owned(),
    }
}
