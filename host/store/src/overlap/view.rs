//! A partnership as one reader sees it: which side is ours, and the joins
//! through which its rows are read.
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, OrganizationId, PartnershipId},
    sharing::{Level, Purpose, SharingRule},
};

use crate::{StoreError, partnership, row::Row, sql::Sql};

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reader {
    /// People of our organization: any purpose will do.
    People,
    /// An install of ours, with the purpose that it needs.
    Install(InstallId, Purpose),
}

impl Reader {
    /// Whether a rule lets this reader see the overlaps of its population.
    pub(super) fn reads(&self, rule: &SharingRule) -> bool {
        rule.level >= Level::Overlaps && self.purpose_fits(rule)
    }

    /// Whether a rule lets this reader see counts of its population.
    pub(super) fn counts(&self, rule: &SharingRule) -> bool {
        rule.level >= Level::Counts && self.purpose_fits(rule)
    }

    fn purpose_fits(&self, rule: &SharingRule) -> bool {
        match self {
            Self::People => true,
            Self::Install(_, needed) => rule.purpose >= *needed,
        }
    }
}

/// An active partnership, from our side.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) id: PartnershipId,
    pub(super) us: OrganizationId,
    pub(super) partner: OrganizationId,
    pub(super) partner_name: String,
    pub(super) ours_is_left: bool,
    /// The newest change.
    pub(super) change_no: i64,
    /// Where an install's cursor starts; 0 for people.
    pub(super) start_no: i64,
    pub(super) reader: Reader,
    /// The partner's rules. For what is told about rules; rows are read through
    /// the live ones.
    pub(super) rules: Vec<SharingRule>,
}

/// Finds a partnership of ours that is active now, and granted if an install reads.
pub(super) async fn find(
    connection: &mut AnyConnection,
    us: &OrganizationId,
    id: &PartnershipId,
    reader: Reader,
) -> Result<Option<View>, StoreError> {
    let mut sql = Sql::default();
    let start = if matches!(reader, Reader::People) { "0" } else { "ip.start_no" };
    sql.add("SELECT p.id, p.left_id, p.change_no, q.id AS partner_id, q.name, ");
    sql.add(&format!("CAST({start} AS bigint) AS start_no FROM partnership p "));
    sql.add("JOIN organization q ON q.id = CASE WHEN p.left_id = ").text(us);
    sql.add(" THEN p.right_id ELSE p.left_id END");
    granted(&mut sql, us, &reader);
    sql.add(" WHERE p.state = 'active' AND p.id = ").text(id);
    sql.add(" AND (p.left_id = ").text(us).add(" OR p.right_id = ").text(us).add(")");
    let rows = sql.rows(connection).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let row = Row::new("partnership", row);
    let partner: OrganizationId = row.parsed("partner_id")?;
    let rules = partnership::rules_of(connection, id, &partner).await?;
    Ok(Some(View {
        id: id.clone(),
        us: us.clone(),
        partner,
        partner_name: row.text("name")?,
        ours_is_left: row.text("left_id")? == us.as_str(),
        change_no: row.number("change_no")?,
        start_no: row.number("start_no")?,
        reader,
        rules,
    }))
}

/// For an install: the live grant of the partnership `p`.
fn granted(sql: &mut Sql, us: &OrganizationId, reader: &Reader) {
    if let Reader::Install(install, _) = reader {
        sql.add(" JOIN install_partnership ip ON ip.partnership_id = p.id AND ip.install_id = ");
        sql.text(install);
        sql.add(" JOIN install i ON i.id = ip.install_id AND i.state = 'active'");
        sql.add(" AND i.organization_id = ").text(us);
    }
}

impl View {
    /// The columns of our and of the partner's side: `left` or `right`.
    pub(super) const fn sides(&self) -> (&'static str, &'static str) {
        if self.ours_is_left { ("left", "right") } else { ("right", "left") }
    }

    /// `FROM overlap o …`: our account `oa`, the partner's `ta`, its live rule
    /// `s`. Ends where `WHERE` follows.
    pub(super) fn joins(&self, sql: &mut Sql) {
        self.joins_with(sql, "JOIN", "ta.population");
    }

    /// The same for removed overlaps too, whose accounts may be gone: their rule
    /// is that of the population in which the account was last seen.
    pub(super) fn joins_removed_too(&self, sql: &mut Sql) {
        let (_, theirs) = self.sides();
        let population =
            format!("CASE WHEN o.live = 1 THEN ta.population ELSE o.{theirs}_population END");
        self.joins_with(sql, "LEFT JOIN", &population);
    }

    fn joins_with(&self, sql: &mut Sql, join: &str, population: &str) {
        let (ours, theirs) = self.sides();
        sql.add(" FROM overlap o JOIN partnership p ON p.id = o.partnership_id");
        sql.add(" AND p.state = 'active'");
        granted(sql, &self.us, &self.reader);
        sql.add(&format!(" {join} account oa ON oa.id = o.{ours}_account"));
        sql.add(" AND oa.organization_id = ").text(&self.us);
        sql.add(&format!(" {join} account ta ON ta.id = o.{theirs}_account"));
        sql.add(" AND ta.organization_id = ").text(&self.partner);
        sql.add(" JOIN sharing_rule s ON s.partnership_id = o.partnership_id AND s.owner_id = ");
        sql.text(&self.partner);
        sql.add(&format!(" AND s.population = {population}"));
        sql.add(" AND s.level IN ('overlaps', 'all')");
        sql.add(match &self.reader {
            Reader::People | Reader::Install(_, Purpose::View) => "",
            Reader::Install(_, Purpose::Plugins) => " AND s.purpose IN ('plugins', 'egress')",
            Reader::Install(_, Purpose::Egress) => " AND s.purpose = 'egress'",
        });
    }
}
