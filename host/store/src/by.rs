//! With which token the caller of the moment acts, so that the audit can say it: a
//! person's name alone does not tell their own call from one with a token that somebody
//! else made for them. It is for their own organization to know: others' audits do not
//! name it.
use venn_domain::id::{OrganizationId, TokenId};

tokio::task_local! {
    static BY: By;
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct By {
    /// With which token or session.
    pub token: TokenId,
    /// Of which organization.
    pub organization: OrganizationId,
}

/// Answers a call that is made with this token or session: what it appends to the audit of
/// its organization in its person's name tells the token, too.
pub async fn with_token<F: Future>(by: By, call: F) -> F::Output {
    BY.scope(by, call).await
}

/// Who makes this call, if it is one.
pub(crate) fn caller() -> Option<By> {
    BY.try_with(Clone::clone).ok()
}

/// Does a call's work elsewhere.
pub(crate) async fn for_call<F: Future>(by: Option<By>, work: F) -> F::Output {
    match by {
        Some(by) => with_token(by, work).await,
        None => work.await,
    }
}
