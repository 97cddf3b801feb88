//! A throw-away PostgreSQL for tests: a cluster in a temporary folder, and
//! databases of one test each in it.
//!
//! `cargo xtask test` starts one [`Cluster`] and names it in [`VARIABLE`]; each
//! test makes its own [`Scratch`] there. A test that stops the server starts a
//! cluster of its own. Both go away when they are dropped, also when a test fails.
//! It speaks to PostgreSQL by PostgreSQL's own programs and links no driver.
mod cluster;
mod scratch;

pub use cluster::{Cluster, tools};
pub use scratch::Scratch;

/// The environment variable with the test server's URL.
pub const VARIABLE: &str = "VENN_TEST_POSTGRES";
