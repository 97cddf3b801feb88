//! Who may call: private app tokens and their scopes. An unknown token is 401 and a known one
//! without the scope 403; HubSpot says which scopes would do.

use super::error::Problem;
use super::state::State;
use crate::party::{Call, Token};

impl State {
    /// The token that the call carries, if the portal knows it.
    pub(super) fn authorize(&self, call: &Call) -> Result<Token, Problem> {
        let known = |bearer: &str| self.tokens.iter().find(|token| token.value == bearer).cloned();
        call.bearer().and_then(known).ok_or_else(Problem::unauthenticated)
    }
}

/// Any one of these scopes will do.
pub(super) fn require(token: &Token, any_of: &[String]) -> Result<(), Problem> {
    match &token.scopes {
        Some(scopes) if !scopes.iter().any(|scope| any_of.contains(scope)) => {
            Err(Problem::missing_scopes(any_of))
        }
        _ => Ok(()),
    }
}
