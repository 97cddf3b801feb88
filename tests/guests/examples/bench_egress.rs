//! Calls out again and again, one call after the other, and counts the bytes
//! that came back: a run with nothing but the way out in it. Used by
//! `cargo xtask bench` (`egress`).
//!
//! Payload: `{"url": "https://…", "calls": 100}`. Summary: the calls that were
//! answered with 200, a space, the bytes of their bodies.
use serde::Deserialize;
use venn_guests::payload;
use venn_sdk::{Event, Fault, Plugin, Report, http::Request};

struct Bench;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    url: String,
    calls: u32,
}

impl Plugin for Bench {
    fn handle(event: Event) -> Result<Report, Fault> {
        let Payload { url, calls } = payload(&event);
        let (mut good, mut bytes) = (0, 0);
        for _ in 0..calls {
            let answer = Request::get(url.clone()).send()?;
            good += u32::from(answer.status == 200);
            bytes += answer.body.len();
        }
        Ok(Report::new(format!("{good} {bytes}")))
    }
}

venn_sdk::plugin!(Bench);
