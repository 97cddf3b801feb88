//! How the platform knows who a publisher is: it answers for a domain, or an admin
//! of the platform vouches for it; the newer word stands. What is proved, and who may
//! say so, is decided by the server.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    plugin::{Reviewer, states},
    row::Row,
};

states! {
    /// How a publisher was verified.
    How {
        /// It put a line of ours where only the domain's owner can.
        Domain = "domain",
        /// An admin of the platform says so.
        Vouched = "vouched",
    }
}

/// That it was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// That the platform knows who a publisher is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How.
    pub how: How,
    /// The domain, or why.
    pub what: String,
    /// Who asked for it, or said so.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

pub(crate) async fn find(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<Option<Verification>, StoreError> {
    let row = sqlx::query(
        "SELECT organization_id AS id, how, what, verified_by, verified_at
         FROM publisher_verification WHERE organization_id = $1 AND ended_at IS NULL",
    )
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = &row else { return Ok(None) };
    let row = Row::new("publisher_verification", row);
    Ok(Some(Verification {
        how: row.named("how", How::parse)?,
        what: row.text("what")?,
        by: row.parsed("verified_by")?,
        at: row.time("verified_at")?,
    }))
}

impl Store {
    /// How a publisher was verified, if it was.
    pub async fn verification(
        &self,
        organization: &OrganizationId,
    ) -> Result<Option<Verification>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, organization).await
    }

    /// Keeps that a publisher is verified, in the place of what was known before.
    /// `by` is of the publisher for a domain, of the platform for its word.
    pub async fn verify_publisher(
        &self,
        organization: &OrganizationId,
        how: How,
        what: &str,
        by: &Reviewer,
    ) -> Result<Verification, StoreError> {
        let (store, organization, by) = (self.clone(), organization.clone(), by.clone());
        let made = Verification { how, what: what.to_owned(), by: by.user.clone(), at: self.now() };
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO publisher_verification
                         (organization_id, how, what, verified_by, verified_at)
                     VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (organization_id) DO UPDATE SET how = excluded.how,
                         what = excluded.what, verified_by = excluded.verified_by,
                         verified_at = excluded.verified_at, ended_reason = '', ended_at = NULL",
                )
                .bind(organization.to_string())
                .bind(made.how.name())
                .bind(made.what.clone())
                .bind(made.by.to_string())
                .bind(made.at.0)
                .execute(&mut *connection)
                .await?;
                let detail = serde_json::json!({ "how": made.how.name(), "what": made.what });
                tell(&store, connection, &organization, &by, "publisher.verified", &detail).await?;
                Ok(made)
            })
        })
        .await
    }

    /// That a publisher's verification was taken back, if it was and there is no newer one.
    pub async fn verification_ended(
        &self,
        organization: &OrganizationId,
    ) -> Result<Option<Ended>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT organization_id AS id, ended_reason, ended_at
             FROM publisher_verification WHERE organization_id = $1 AND ended_at IS NOT NULL",
        )
        .bind(organization.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = &row else { return Ok(None) };
        let row = Row::new("publisher_verification", row);
        Ok(Some(Ended { reason: row.text("ended_reason")?, at: row.time("ended_at")? }))
    }

    /// Takes it back; whether there was anything. The publisher reads why.
    pub async fn unverify_publisher(
        &self,
        organization: &OrganizationId,
        reason: &str,
        by: &Reviewer,
    ) -> Result<bool, StoreError> {
        let (store, organization, by) = (self.clone(), organization.clone(), by.clone());
        let reason = reason.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let Some(before) = find(connection, &organization).await? else { return Ok(false) };
                sqlx::query(
                    "UPDATE publisher_verification SET ended_reason = $1, ended_at = $2
                     WHERE organization_id = $3",
                )
                .bind(reason.clone())
                .bind(store.now().0)
                .bind(organization.to_string())
                .execute(&mut *connection)
                .await?;
                let detail = serde_json::json!({
                    "how": before.how.name(), "what": before.what, "reason": reason,
                });
                tell(&store, connection, &organization, &by, "publisher.unverified", &detail)
                    .await?;
                Ok(true)
            })
        })
        .await
    }
}

/// In the publisher's audit, and in that of whoever else did it.
async fn tell(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    by: &Reviewer,
    action: &'static str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    let mut whose = vec![organization.clone()];
    if by.organization != *organization {
        whose.push(by.organization.clone());
    }
    for audited in whose {
        let entry = NewAudit {
            organization: audited,
            actor: by.user.to_string(),
            action,
            subject: organization.to_string(),
            detail: detail.clone(),
        };
        audit::append(store, connection, &entry).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::TestStore;

    #[tokio::test]
    async fn the_newest_word_stands_until_it_is_taken_back_and_both_audits_have_it() {
        let test = TestStore::open().await;
        let publisher = test.organization("taskworks", "publisher").await;
        let platform = test.organization("platform", "platform").await;
        let own = Reviewer {
            user: test.member(&publisher, "admin").await,
            organization: publisher.clone(),
        };
        let admin = Reviewer {
            user: test.member(&platform, "admin").await,
            organization: platform.clone(),
        };
        assert_eq!(test.verification(&publisher).await.unwrap(), None);
        assert!(!test.unverify_publisher(&publisher, "No.", &admin).await.unwrap());
        test.verify_publisher(&publisher, How::Vouched, "We met.", &admin).await.unwrap();
        let proved = test
            .verify_publisher(&publisher, How::Domain, "taskworks.example", &own)
            .await
            .unwrap();
        assert_eq!(test.verification(&publisher).await.unwrap(), Some(proved));
        assert_eq!(test.verification(&platform).await.unwrap(), None);
        assert_eq!(test.verification_ended(&publisher).await.unwrap(), None);
        assert!(test.unverify_publisher(&publisher, "Sold.", &admin).await.unwrap());
        assert!(!test.unverify_publisher(&publisher, "Sold.", &admin).await.unwrap());
        assert_eq!(test.verification(&publisher).await.unwrap(), None);
        let ended = Ended { reason: "Sold.".to_owned(), at: test.now() };
        assert_eq!(test.verification_ended(&publisher).await.unwrap(), Some(ended));
        for (whose, count) in [(&publisher, 3), (&platform, 2)] {
            let query = format!(
                "SELECT COUNT(*) FROM audit WHERE organization_id = '{whose}' AND action LIKE 'publisher.%'"
            );
            assert_eq!(test.number(&query).await, count);
        }
    }
}
