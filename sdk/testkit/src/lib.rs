//! Simulated third parties, reached as the real ones are: by name, over TLS, with HTTP.
//!
//! A plugin under test calls `https://api.hubapi.com`; an override of the operator dials
//! [`Simulator::addr`] instead and trusts [`Simulator::ca_pem`]. Nothing else differs, so what
//! passes here has gone through name checks, certificates, framing and the vendor's own error
//! bodies. A simulator does what the vendor documents **and no more**: an idempotency header that
//! the vendor does not have would make plugins pass here and write twice in production.
//!
//! The crate has two halves:
//! - vendor-independent: [`Simulator`] (TLS listener), [`Control`] (faults, holds, call log) and
//!   the same control as an HTTP listener on another port, for other processes;
//! - one module per third party: [`hubspot`], [`oauth`], [`echo`].
//!
//! What it does not do: persist anything, read the wall clock (see [`Clock`]), or simulate a
//! vendor's latency.
//!
//! # How to add one more third party
//! 1. Make `src/<vendor>/mod.rs` with a type that implements [`ThirdParty`]. Keep all state behind
//!    one lock, number ids with a counter, take the time from the [`Clock`] that it was given.
//! 2. Word the failures of [`Trouble`] as the vendor does (status, headers, body). Where the
//!    vendor's documentation gives no text, say so in a comment beside the text.
//! 3. Add it to `src/bin/venn-sim.rs`, and tests in `tests/it/<vendor>.rs`.
//! 4. Let the vendor's own client library run against it once (`vendor/<vendor>/`): that finds
//!    what you and your plugin author misread in the same way.
//!
//! ```
//! use venn_testkit::{Answer, Call, Clock, ThirdParty, Trouble};
//!
//! struct Greeter;
//!
//! impl ThirdParty for Greeter {
//!     fn name(&self) -> &'static str {
//!         "greeter"
//!     }
//!     fn host_names(&self) -> Vec<String> {
//!         vec!["api.greeter.example".to_owned()]
//!     }
//!     fn answer(&self, call: &Call, _clock: &Clock) -> Answer {
//!         Answer::json(200, &serde_json::json!({ "hello": call.path }))
//!     }
//!     fn trouble(&self, trouble: &Trouble, _call: &Call) -> Answer {
//!         Answer::json(trouble.status(), &serde_json::json!({ "error": trouble.status() }))
//!     }
//! }
//! ```

mod admin;
mod calls;
mod clock;
mod control;
pub mod echo;
mod exchange;
mod fault;
mod hold;
pub mod hubspot;
mod listener;
mod matching;
pub mod oauth;
mod party;
mod simulator;
mod tls;

pub use calls::{CallRecord, fingerprint};
pub use clock::Clock;
pub use control::Control;
pub use echo::Echo;
pub use fault::{Fault, FaultRule};
pub use hold::{Hold, Stage};
pub use hubspot::HubSpot;
pub use matching::Matching;
pub use oauth::OAuth;
pub use party::{Answer, Call, Pace, ThirdParty, Token, Trouble};
pub use simulator::{Options, Simulator};
pub use tls::{Authority, Leaf};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks without a panic: a test that panicked elsewhere must not hide its reason behind ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
