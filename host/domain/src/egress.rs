//! Egress policy: which outbound HTTP call may go out, and to which address.
//!
//! The only place that decides; `wasi:http` and `http.send` both end here.
//! Pure: the caller resolves names and dials what [`address::vet_all`] let through.
//! - [`url`]: one canonical form of a URL, or the reason it is refused.
//! - [`host`]: the host's part of that: names only, in A-label form.
//! - [`customer_host`]: hosts that the customer completes.
//! - [`path`]: the path's and query's part of that.
//! - [`address`]: special-purpose addresses are refused.
//! - [`header`]: which headers a guest may not set, and message framing.
//! - [`rule`]: scheme, host, port, method and path of what is allowed.
pub mod address;
pub mod customer_host;
pub mod header;
pub mod host;
pub mod path;
pub mod rule;
pub mod url;

#[cfg(test)]
mod tests;

pub use rule::EgressRule;
pub use url::{BadUrl, Target};
