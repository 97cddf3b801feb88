//! OAuth 2: tokens for connections.
//!
//! - [`connect`]: a person says yes at the service's page, and comes back
//! - [`renew`]: a token that is good at the moment of a call
//! - [`token`]: asking a token endpoint, through the sandbox's one way out
pub mod connect;
mod page;
pub mod renew;
pub mod token;
