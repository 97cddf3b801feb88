//! With which token the caller of the moment acts, so that the audit can say it: a
//! person's name alone does not tell their own call from one with a token that somebody
//! else made for them.
use venn_domain::id::TokenId;

tokio::task_local! {
    static TOKEN: TokenId;
}

/// Answers a call that is made with this token or session: what it appends to an audit
/// in its person's name tells the token, too.
pub async fn with_token<F: Future>(token: TokenId, call: F) -> F::Output {
    TOKEN.scope(token, call).await
}

/// The token of this call, if it is one.
pub(crate) fn token() -> Option<TokenId> {
    TOKEN.try_with(Clone::clone).ok()
}

/// Does a call's work elsewhere.
pub(crate) async fn for_call<F: Future>(token: Option<TokenId>, work: F) -> F::Output {
    match token {
        Some(token) => with_token(token, work).await,
        None => work.await,
    }
}
