//! Live sources of accounts: plugins that keep a customer's list in step with
//! its CRM.
//!
//! - [`writes`]: what a guest may write, and what it is told
//! - [`hubspot`]: the example source against a simulated HubSpot
mod hubspot;
mod writes;
