//! Reads one page of overlaps and adds up the length of its texts: a run with
//! nothing but the host's work in it. Used by `cargo xtask bench` (`run`), also
//! as the raw component of the baseline: it imports `overlaps` and `log` only.
//!
//! Payload: `{"limit": 100, "fields": ["their-name"]}`; with limit 0 it calls
//! nothing. Summary: the number of overlaps, a space, the bytes of their texts.
use serde::Deserialize;
use venn_guests::payload;
use venn_sdk::{
    Event, Fault, Plugin, Report,
    overlaps::{Overlap, Query},
};

struct Bench;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    limit: u32,
    fields: Vec<String>,
}

impl Plugin for Bench {
    fn handle(event: Event) -> Result<Report, Fault> {
        let Payload { limit, fields } = payload(&event);
        if limit == 0 {
            return Ok(Report::new("0 0"));
        }
        let page = Query::new().fields(fields.iter().map(String::as_str)).limit(limit).send()?;
        let bytes: usize = page.items.iter().map(text_bytes).sum();
        Ok(Report::new(format!("{} {bytes}", page.items.len())))
    }
}

fn text_bytes(overlap: &Overlap) -> usize {
    let Overlap {
        our_name, our_website, our_owner, their_name, their_website, their_owner, ..
    } = overlap;
    [our_name, our_website, our_owner, their_name, their_website, their_owner]
        .into_iter()
        .map(String::len)
        .sum()
}

venn_sdk::plugin!(Bench);
