//! A guest that was built for another shape of `overlaps.counts`. Used by the
//! contract suite: refused at publish, and the text says that it differs.
#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes_without_reason,
    reason = "mostly generated: lifting and lowering values needs pointers"
)]
wit_bindgen::generate!({ path: "wit-newer/differs.wit", world: "newer" });

use exports::venn::plugin::entry::{Draft, Event, Fault, Finding, Guest, Report};

struct Newer;

impl Guest for Newer {
    fn handle(event: Event) -> Result<Report, Fault> {
        let result = venn::plugin::overlaps::counts(Some(&event.subject));
        let summary = format!("{result:?}");
        Ok(Report { summary, again: None, done: 0, total: 0, answer: None })
    }

    fn check(_: Draft) -> Result<Vec<Finding>, Fault> {
        Ok(Vec::new())
    }

    fn migrate(_: String) -> Result<(), Fault> {
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
export!(Newer);
#[cfg(not(target_arch = "wasm32"))]
const _: fn(Event) -> Result<Report, Fault> = Newer::handle;
