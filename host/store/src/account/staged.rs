//! Writing accounts from rows that were staged: what an import and a live source
//! have in common. The accounts become what the rows say, and the domains that
//! were touched, old and new, go to the pairing of each active partnership.
//!
//! Whoever writes may change what no live source keeps, and what it keeps
//! itself; rows of accounts that another source keeps are left out. An account
//! keeps its id for as long as its external id is known (`account_key`).
use sqlx::AnyConnection;
use venn_domain::{
    account::IMPORT,
    id::{AccountId, OrganizationId},
    lineage::Lineage,
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    event::written,
    import::ImportRow,
    many::places,
    pairing::cause,
    row::{Row, json},
};

/// Rows of one INSERT: 7,001 values, of the 32,766 that SQLite takes at most.
const ROWS_PER_INSERT: usize = 500;

/// Values of a row besides the key of its stage.
const ROW_VALUES: usize = 14;

/// Where rows wait, and for whom.
pub(crate) struct Stage<'a> {
    /// `import_row` or `source_row`.
    table: &'static str,
    /// The column that holds `key`.
    column: &'static str,
    key: String,
    /// What written accounts have as their source.
    source: String,
    organization: &'a OrganizationId,
    /// Of what the rows change.
    lineage: Lineage,
}

/// What the rows come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    /// Rows of accounts that another source keeps.
    pub(crate) kept_by_source: u64,
    /// Accounts of this source that are there before.
    pub(crate) present: u64,
    /// Of those, how many the rows name.
    pub(crate) named: u64,
}

impl<'a> Stage<'a> {
    /// The rows of an import.
    pub(crate) fn of_import(id: &impl ToString, organization: &'a OrganizationId) -> Self {
        let (key, source) = (id.to_string(), IMPORT.to_owned());
        let lineage = Lineage::default();
        Self { table: "import_row", column: "import_id", key, source, organization, lineage }
    }

    /// The rows of a source's run.
    pub(crate) fn of_source(
        install: &impl ToString,
        organization: &'a OrganizationId,
        lineage: Lineage,
    ) -> Self {
        let (key, source) = (install.to_string(), install.to_string());
        Self { table: "source_row", column: "install_id", key, source, organization, lineage }
    }

    /// The staged rows `r` with their accounts `a`, joined by `how`.
    fn joined(&self, how: &str) -> String {
        format!(
            "{} r {how} account a ON a.organization_id = $1 AND a.external_id = r.external_id
             WHERE r.{} = $2",
            self.table, self.column
        )
    }

    /// Puts rows aside.
    pub(crate) async fn add(
        &self,
        store: &Store,
        connection: &mut AnyConnection,
        rows: &[ImportRow],
    ) -> Result<(), StoreError> {
        for rows in rows.chunks(ROWS_PER_INSERT) {
            self.insert(store, connection, rows).await?;
        }
        Ok(())
    }

    async fn insert(
        &self,
        store: &Store,
        connection: &mut AnyConnection,
        rows: &[ImportRow],
    ) -> Result<(), StoreError> {
        // A full statement comes again and again and is worth keeping prepared.
        let full = rows.len() == ROWS_PER_INSERT;
        let sql = sqlx::AssertSqlSafe(self.insert_sql(rows.len()));
        let mut query = sqlx::query(sql).persistent(full).bind(self.key.clone());
        for row in rows {
            query = query
                .bind(row.external_id.clone())
                // Used if the account was never there; see `account_key`.
                .bind(AccountId::make(store.ids()).to_string())
                .bind(row.name.clone())
                .bind(row.website.clone())
                .bind(row.host.clone())
                .bind(row.domain.clone())
                .bind(row.name_key.clone())
                .bind(row.owner.clone())
                .bind(row.stage.clone())
                .bind(row.amount.clone())
                .bind(row.created_on.clone())
                .bind(row.population.clone())
                .bind(json(&row.extra))
                .bind(row.rev());
        }
        query.execute(connection).await?;
        Ok(())
    }

    fn insert_sql(&self, rows: usize) -> String {
        let values: Vec<_> = (0..rows)
            .map(|row| format!("($1, {})", places(2 + row * ROW_VALUES, ROW_VALUES)))
            .collect();
        format!(
            "INSERT INTO {} ({}, external_id, account_id, name, website, host, domain,
             name_key, owner, stage, amount, created_on, population, extra_json, rev) VALUES {}",
            self.table,
            self.column,
            values.join(", ")
        )
    }

    /// What the rows do to the accounts as they stand in this transaction.
    pub(crate) async fn figures(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<Figures, StoreError> {
        let (table, column) = (self.table, self.column);
        let known = self.joined("JOIN");
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM {table} WHERE {column} = $2) AS staged,
                    (SELECT COUNT(*) FROM account WHERE organization_id = $1 AND source = $3) AS present,
                    (SELECT COUNT(*) FROM {known}) AS known,
                    (SELECT COUNT(*) FROM {known} AND a.source = $3) AS named,
                    (SELECT COUNT(*) FROM {known} AND a.source <> '{IMPORT}' AND a.source <> $3) AS kept,
                    (SELECT COUNT(*) FROM {known} AND a.rev <> r.rev
                         AND (a.source = '{IMPORT}' OR a.source = $3)) AS changed"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(self.source.clone())
            .fetch_one(connection)
            .await?;
        let row = Row::new(table, &row);
        let (known, changed, kept) =
            (row.count("known")?, row.count("changed")?, row.count("kept")?);
        Ok(Figures {
            added: row.count("staged")?.saturating_sub(known),
            changed,
            unchanged: known.saturating_sub(changed + kept),
            kept_by_source: kept,
            present: row.count("present")?,
            named: row.count("named")?,
        })
    }

    /// Leaves the touched domains to the pairing: of accounts that are new or
    /// differ, as they will be and as they were.
    pub(crate) async fn queue_pairing(
        &self,
        store: &Store,
        connection: &mut AnyConnection,
    ) -> Result<(), StoreError> {
        let (left, inner) = (self.joined("LEFT JOIN"), self.joined("JOIN"));
        let ours = format!("(a.source = '{IMPORT}' OR a.source = $3)");
        let sql = queue_sql(&format!(
            "SELECT r.domain AS domain FROM {left} AND (a.id IS NULL OR (a.rev <> r.rev AND {ours}))
             UNION SELECT a.domain AS domain FROM {inner} AND a.rev <> r.rev AND {ours}"
        ));
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(self.source.clone())
            .bind(written(&self.lineage))
            .bind(self.lineage.runs().cast_signed())
            .execute(&mut *connection)
            .await?;
        cause::note_all(store, connection, self.organization).await
    }

    /// New accounts come in, and known ones are as of now; of those only what
    /// differs counts as a change.
    pub(crate) async fn write(
        &self,
        connection: &mut AnyConnection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (table, column) = (self.table, self.column);
        let sql = format!(
            "INSERT INTO account_key (organization_id, external_id, account_id)
             SELECT $1, external_id, account_id FROM {table} WHERE {column} = $2
             ON CONFLICT (organization_id, external_id) DO NOTHING"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .execute(&mut *connection)
            .await?;
        let sql = format!(
            "INSERT INTO account (id, organization_id, external_id, name, website, host, domain, name_key,
                 owner, stage, amount, created_on, population, extra_json, rev, updated_at, source, synced_at)
             SELECT k.account_id, $1, r.external_id, r.name, r.website, r.host, r.domain, r.name_key,
                 r.owner, r.stage, r.amount, r.created_on, r.population, r.extra_json, r.rev, $3, $4, $3
             FROM {table} r
             JOIN account_key k ON k.organization_id = $1 AND k.external_id = r.external_id
             WHERE r.{column} = $2
             ON CONFLICT (organization_id, external_id) DO UPDATE SET
                 name = excluded.name, website = excluded.website, host = excluded.host,
                 domain = excluded.domain, name_key = excluded.name_key, owner = excluded.owner,
                 stage = excluded.stage, amount = excluded.amount, created_on = excluded.created_on,
                 population = excluded.population, extra_json = excluded.extra_json,
                 rev = excluded.rev, source = excluded.source, synced_at = excluded.synced_at,
                 updated_at = CASE WHEN account.rev <> excluded.rev
                                   THEN excluded.updated_at ELSE account.updated_at END
             WHERE (account.source = '{IMPORT}' AND account.source <> excluded.source)
                OR (account.source = excluded.source AND account.rev <> excluded.rev)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(now.0)
            .bind(self.source.clone())
            .execute(&mut *connection)
            .await?;
        // What did not differ is as of now, too; apart, as it touches no index.
        let sql = format!(
            "UPDATE account SET synced_at = $3
             WHERE organization_id = $1 AND source = $4 AND synced_at < $3 AND EXISTS (
                 SELECT 1 FROM {table} r WHERE r.{column} = $2 AND r.external_id = account.external_id)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(now.0)
            .bind(self.source.clone())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Removes the accounts of this source that `which` names, and leaves their
    /// domains to the pairing. `which` is ours: a condition on `account`, with
    /// `$1` the organization, `$2` the key and `$3` the source.
    pub(crate) async fn remove(
        &self,
        store: &Store,
        connection: &mut AnyConnection,
        which: &str,
    ) -> Result<u64, StoreError> {
        let which = format!("account.organization_id = $1 AND account.source = $3 AND {which}");
        let queue =
            queue_sql(&format!("SELECT account.domain AS domain FROM account WHERE {which}"));
        sqlx::query(sqlx::AssertSqlSafe(queue))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(self.source.clone())
            .bind(written(&self.lineage))
            .bind(self.lineage.runs().cast_signed())
            .execute(&mut *connection)
            .await?;
        let delete = format!("DELETE FROM account WHERE {which}");
        let removed = sqlx::query(sqlx::AssertSqlSafe(delete))
            .bind(self.organization.to_string())
            .bind(self.key.clone())
            .bind(self.source.clone())
            .execute(&mut *connection)
            .await?;
        cause::note_all(store, connection, self.organization).await?;
        Ok(removed.rows_affected())
    }
}

/// Queues the domains that a statement selects for each active partnership of
/// the organization `$1`, with the lineage `$4` of so many runs as `$5` says. The empty
/// domain too: it makes pairing look at pairs that people made across domains.
fn queue_sql(domains: &str) -> String {
    format!(
        "INSERT INTO pairing_work (partnership_id, domain, lineage, lineage_runs)
         SELECT DISTINCT p.id, t.domain, CAST($4 AS text), CAST($5 AS bigint)
         FROM partnership p CROSS JOIN ({domains}) t
         WHERE p.state = 'active' AND (p.left_id = $1 OR p.right_id = $1)
         ON CONFLICT (partnership_id, domain) DO UPDATE SET
             lineage = excluded.lineage, lineage_runs = excluded.lineage_runs
         WHERE excluded.lineage_runs > pairing_work.lineage_runs"
    )
}
