//! Who calls: a token's hash, and the membership of the moment, read together in one
//! query, and remembered until anything is written that it could depend on.
//!
//! Every write forgets all logins once its group has its fate, before anybody is
//! answered; only what goes through `Store::write_data` does not. So nobody is let in
//! with what an answered call took away. While the database is away nothing is
//! remembered: another server may have it; nor beside other servers, which write, too.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;
use venn_domain::{
    id::TokenId,
    organization::{Kinds, Principal, Role},
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    among::Among,
    authority::AuthorityNumber,
    row::Row,
    token::{Kind, nouns, scopes},
};

/// Remembered at most; some hundred bytes each.
const REMEMBERED: usize = 10_000;

/// What a request's token stands for.
pub struct LoginToken {
    /// What made it.
    pub kind: Kind,
    /// Who, where, with which role and scopes.
    pub principal: Principal,
    /// SHA-256 of the secret part.
    pub hash: Vec<u8>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What was read since anything was last written.
pub(crate) struct Logins {
    generation: AtomicU64,
    authority: Arc<AuthorityNumber>,
    among: Arc<Among>,
    read: Cache<TokenId, (u64, Arc<LoginToken>)>,
}

impl Logins {
    pub(crate) fn new(authority: Arc<AuthorityNumber>, among: Arc<Among>) -> Self {
        let (generation, read) = (AtomicU64::default(), Cache::new(REMEMBERED));
        Self { generation, authority, among, read }
    }

    /// Nothing that was read before counts from now on.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// To be asked before reading: what a write overtakes is not kept.
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn get(&self, id: &TokenId, generation: u64) -> Option<Arc<LoginToken>> {
        let (kept, login) = self.read.get(id)?;
        let is_newest = self.authority.is_trusted() && self.among.is_alone();
        (kept == generation && is_newest).then_some(login)
    }

    fn keep(&self, id: &TokenId, generation: u64, login: Arc<LoginToken>) {
        self.read.insert(id.clone(), (generation, login));
    }
}

impl Store {
    /// What a token stands for; none if it is unknown or its user is no member any more.
    /// Without a look at the database where nothing was written that it could depend on.
    pub async fn token_for_login(
        &self,
        id: &TokenId,
    ) -> Result<Option<Arc<LoginToken>>, StoreError> {
        let logins = self.logins();
        let generation = logins.generation();
        if let Some(login) = logins.get(id, generation) {
            return Ok(Some(login));
        }
        let login = self.read_login(id).await?.map(Arc::new);
        if let Some(login) = &login {
            logins.keep(id, generation, login.clone());
        }
        Ok(login)
    }

    async fn read_login(&self, id: &TokenId) -> Result<Option<LoginToken>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT token.id AS id, token.hash AS hash, token.scopes AS scopes,
                    token.nouns AS nouns, token.kind AS kind, token.expires_at AS expires_at, token.revoked_at AS revoked_at,
                    token.user_id AS user_id, token.organization_id AS organization_id,
                    member.role AS role, organization.is_customer AS is_customer,
                    organization.is_publisher AS is_publisher, organization.is_platform AS is_platform
             FROM token
             JOIN member ON member.organization_id = token.organization_id
                        AND member.user_id = token.user_id
             JOIN organization ON organization.id = token.organization_id
             WHERE token.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let row = Row::new("token", &row);
        Ok(Some(LoginToken {
            kind: row.named("kind", Kind::parse)?,
            principal: Principal {
                user: row.parsed("user_id")?,
                organization: row.parsed("organization_id")?,
                kinds: Kinds {
                    customer: row.truth("is_customer")?,
                    publisher: row.truth("is_publisher")?,
                    platform: row.truth("is_platform")?,
                },
                role: row.named("role", Role::parse)?,
                scopes: row.named("scopes", scopes)?,
                nouns: nouns(&row)?,
            },
            hash: row.blob("hash")?,
            revoked: row.time_or_none("revoked_at")?.is_some(),
            expires_at: row.time("expires_at")?,
        }))
    }
}

#[cfg(test)]
mod tests;
