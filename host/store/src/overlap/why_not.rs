//! What the answer to "why not?" for one account of ours may be made of: our
//! accounts on its domain, and of the partner's those that are shared with us.
//!
//! The answer must be a function of what the asker can see: a hidden account
//! and none at all give the same values here, so no wording can differ.
use sqlx::Connection as _;
use venn_domain::{
    capability::FieldSet,
    id::{AccountId, OrganizationId, OverlapId, PartnershipId},
};

use super::view::{self, Reader, View};
use crate::{
    Store, StoreError,
    pairing::{PairDecision, PairingAccount, account_of, decisions_of},
    row::Row,
    sql::Sql,
};

/// An account of the partner's that we can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAccount {
    /// The account; its name must not be shown unless `name_shared`.
    pub account: PairingAccount,
    /// The partner shares its name.
    pub name_shared: bool,
}

/// The overlap that the account is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairedWith {
    /// The overlap.
    pub overlap: OverlapId,
    /// The partner's account.
    pub account: AccountId,
    /// Its name, if shared; else empty.
    pub name: String,
    /// Why they are paired.
    pub evidence: String,
    /// `sure` or `likely`.
    pub confidence: String,
}

/// All that an explanation may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyNot {
    /// The account that is asked about.
    pub account: PairingAccount,
    /// The partner's name.
    pub partner_name: String,
    /// We are the left side.
    pub ours_is_left: bool,
    /// The overlap that it is in, if we can see it.
    pub paired: Option<PairedWith>,
    /// Our accounts on its domain, itself included; empty if it has no domain.
    pub ours: Vec<PairingAccount>,
    /// The partner's accounts on its domain that are shared with us.
    pub theirs: Vec<SharedAccount>,
    /// Every decision, oldest first; also about accounts that cannot be seen.
    pub decisions: Vec<PairDecision>,
}

impl Store {
    /// What "why not?" may use. None if the account is not ours, or the
    /// partnership is not ours or not active.
    pub async fn why_not(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
        account: &AccountId,
    ) -> Result<Option<WhyNot>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let Some(view) = view::find(&mut snapshot, us, id, Reader::People).await? else {
            return Ok(None);
        };
        let mut one = accounts(us);
        one.add(" AND a.id = ").text(account);
        let found = one.rows(&mut snapshot).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let account = account_of(&Row::new("account", found))?;
        let paired = paired(&view, &account).rows(&mut snapshot).await?;
        let paired =
            paired.first().map(|row| paired_with(&Row::new("overlap", row))).transpose()?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        if !account.domain.is_empty() {
            let mut all = accounts(us);
            all.add(" AND a.domain = ").text(&account.domain);
            for row in &all.rows(&mut snapshot).await? {
                ours.push(account_of(&Row::new("account", row))?);
            }
            for row in &shared(&view, &account.domain).rows(&mut snapshot).await? {
                let row = Row::new("account", row);
                let fields: FieldSet = row.json("fields_json")?;
                let name_shared = fields.has_name("name");
                theirs.push(SharedAccount { account: account_of(&row)?, name_shared });
            }
        }
        let decisions = decisions_of(&mut snapshot, id.as_str()).await?;
        snapshot.rollback().await?;
        Ok(Some(WhyNot {
            account,
            partner_name: view.partner_name,
            ours_is_left: view.ours_is_left,
            paired,
            ours,
            theirs,
            decisions,
        }))
    }
}

fn accounts(organization: &OrganizationId) -> Sql {
    let mut sql = Sql::default();
    sql.add("SELECT a.id, a.name, a.website, a.domain, a.population, a.rev FROM account a");
    sql.add(" WHERE a.organization_id = ").text(organization);
    sql
}

fn paired(view: &View, account: &PairingAccount) -> Sql {
    let (ours, _) = view.sides();
    let mut sql = Sql::default();
    sql.add("SELECT o.id, ta.id AS account, ta.name, s.fields_json, o.evidence, o.confidence");
    view.joins(&mut sql);
    sql.add(" WHERE o.live = 1 AND o.partnership_id = ").text(&view.id);
    sql.add(&format!(" AND o.{ours}_account = ")).text(&account.id);
    sql
}

fn paired_with(row: &Row<'_>) -> Result<PairedWith, StoreError> {
    let fields: FieldSet = row.json("fields_json")?;
    let name = row.text("name")?;
    Ok(PairedWith {
        overlap: row.parsed("id")?,
        account: row.parsed("account")?,
        name: if fields.has_name("name") { name } else { String::new() },
        evidence: row.text("evidence")?,
        confidence: row.text("confidence")?,
    })
}

/// Shared at level `all`, or seen in an overlap at level `overlaps`.
fn shared(view: &View, domain: &str) -> Sql {
    let (_, theirs) = view.sides();
    let mut sql = Sql::default();
    sql.add("SELECT a.id, a.name, a.website, a.domain, a.population, a.rev, s.fields_json");
    sql.add(" FROM account a JOIN sharing_rule s ON s.partnership_id = ").text(&view.id);
    sql.add(" AND s.owner_id = a.organization_id AND s.population = a.population");
    sql.add(" WHERE a.organization_id = ").text(&view.partner);
    sql.add(" AND a.domain = ").text(domain);
    sql.add(" AND (s.level = 'all' OR (s.level = 'overlaps' AND EXISTS (SELECT 1 FROM overlap o");
    sql.add(&format!(" WHERE o.{theirs}_account = a.id AND o.live = 1 AND o.partnership_id = "));
    sql.text(&view.id).add(")))");
    sql
}
