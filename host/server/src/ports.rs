//! What a running guest reads: the sandbox's ports, answered by the store.
//!
//! The sandbox has asked the authority before it calls; the statements ask
//! again, of the live rows. Nothing here takes an organization or an install
//! from the guest: both are the run's.
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use venn_domain::{
    account::{AccountChange, IMPORT, SourceRow},
    authority::{Authority, Control},
    capability::{Capability, OverlapFields},
    id::{InstallId, PartnershipId, RunId},
    limits,
    overlap::{Overlap, OverlapCount, OverlapQuery},
    run::PartnerReads,
    sharing::Purpose,
};
use venn_mapping::Host;
use venn_sandbox::{ChangeAnswer, CheckJob, OverlapAnswer, PortError, Ports, RunInfo, Secret};
use venn_store::{
    StoreError, crash,
    import::ImportRow,
    install::{CheckFinding, CheckRecord},
    overlap::{InstallScope, ReadError},
    state::StateSeen,
};

use crate::{account_row, app::App, credential, error::ApiError, releases, turns};

/// The ports of one run of one install.
pub struct InstallPorts {
    /// What the server's parts share.
    pub(crate) app: App,
    /// Whose run it is.
    pub(crate) install: InstallId,
    /// A draft is checked before it is enabled.
    for_check: bool,
    reads: Mutex<PartnerReads>,
    seen: Mutex<StateSeen>,
}

impl InstallPorts {
    /// The ports of a run.
    pub fn new(app: App, install: InstallId) -> Self {
        let (reads, seen) = (Mutex::default(), Mutex::default());
        Self { app, install, for_check: false, reads, seen }
    }

    /// The same of a run that begins where this was the last write to the install's state,
    /// and has read this by being told of its event.
    pub fn since(app: App, install: InstallId, state_no: u64, reads: PartnerReads) -> Self {
        let (seen, reads) = (Mutex::new(StateSeen::since(state_no)), Mutex::new(reads));
        Self { reads, seen, ..Self::new(app, install) }
    }

    /// The same for an install as it is being set up, or looked at.
    pub fn for_check(app: App, install: InstallId) -> Self {
        Self { for_check: true, ..Self::new(app, install) }
    }

    /// The same for what goes on after a call: it reads nothing of partners.
    pub(crate) fn again(&self) -> Self {
        let for_check = self.for_check;
        Self { for_check, ..Self::new(self.app.clone(), self.install.clone()) }
    }

    /// What was handed over of partners' accounts so far, for their audit.
    pub fn reads(&self) -> PartnerReads {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read of the install's state so far.
    pub fn seen(&self) -> StateSeen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note<'o>(&self, overlaps: impl IntoIterator<Item = &'o Overlap>) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        for overlap in overlaps {
            let read = reads.entry(overlap.partnership.clone()).or_default();
            read.rows += 1;
            for field in overlap.their_fields() {
                if !read.fields.contains(field) {
                    read.fields.insert(field.to_owned());
                }
            }
        }
    }

    fn scope(&self, authority: &Authority) -> InstallScope {
        let (readable, _) = authority.readable_partnerships();
        InstallScope {
            install: self.install.clone(),
            organization: authority.organization().clone(),
            partnerships: readable.into_iter().map(|partnership| partnership.id.clone()).collect(),
            our_populations: authority.populations().to_vec(),
            needed: Purpose::needed(authority.has_egress()),
            cursor_key: self.app.keys.cursor,
        }
    }

    /// The install's control data as it stands now.
    pub(crate) async fn control(&self) -> Result<Option<Control>, StoreError> {
        let found = if self.for_check {
            self.app.store.control_for_check(&self.install).await?
        } else {
            self.app.store.control(&self.install).await?
        };
        Ok(found.map(|(control, _)| control))
    }
}

fn failed(error: &StoreError) -> PortError {
    tracing::error!(error = error as &dyn std::error::Error, "ports.read failed");
    PortError::Failed("the store failed".to_owned())
}

fn read_failed(error: &ReadError) -> PortError {
    match error {
        ReadError::Cursor(cursor) => PortError::Invalid(cursor.to_string()),
        ReadError::Store(error) => failed(error),
    }
}

#[async_trait]
impl Ports for InstallPorts {
    fn authority_number(&self) -> u64 {
        self.app.store.authority_no()
    }

    async fn confirmed_number(&self) -> u64 {
        self.app.store.confirmed_authority_no().await
    }

    async fn authority(&self) -> Result<Arc<Authority>, PortError> {
        let control = self.control().await.map_err(|error| failed(&error))?;
        let control = control.ok_or_else(|| PortError::Failed("the install is gone".to_owned()))?;
        Ok(Arc::new(Authority::new(control)))
    }

    async fn overlaps_find(
        &self,
        authority: &Authority,
        query: &OverlapQuery,
    ) -> Result<OverlapAnswer, PortError> {
        let mut fields = OverlapFields::default();
        for name in &query.fields {
            fields.insert(name);
        }
        if query.fields.is_empty() {
            fields = authority.fields().clone();
        }
        let scope = self.scope(authority);
        let page = self.app.store.plugin_overlaps(&scope, query, &fields).await;
        let mut page = page.map_err(|error| read_failed(&error))?;
        self.note(&page.items);
        // Partners that let this install read nothing at all were left out of the scope.
        let (_, withheld) = authority.readable_partnerships();
        if query.partnership.is_none() {
            page.withheld_partners.extend(withheld);
        }
        Ok(page.into())
    }

    async fn overlaps_lookup(
        &self,
        authority: &Authority,
        domain: &str,
        fields: &OverlapFields,
    ) -> Result<OverlapAnswer, PortError> {
        let host = Host::parse(domain);
        let Ok(registrable) =
            host.as_ref().map_err(|_| ()).and_then(|host| host.registrable().map_err(|_| ()))
        else {
            return Err(PortError::Invalid(
                "`domain` has no registrable domain: give a URL, a host or a domain such as `example.com`"
                    .to_owned(),
            ));
        };
        let scope = self.scope(authority);
        let page = self.app.store.plugin_lookup(&scope, registrable, fields, LOOKUP_ITEMS).await;
        let mut page = page.map_err(|error| read_failed(&error))?;
        self.note(&page.items);
        page.withheld_partners.extend(authority.readable_partnerships().1);
        Ok(page.into())
    }

    async fn overlaps_counts(
        &self,
        authority: &Authority,
        partnership: Option<&PartnershipId>,
    ) -> Result<Vec<OverlapCount>, PortError> {
        let mut scope = self.scope(authority);
        scope.partnerships.retain(|id| partnership.is_none_or(|only| id == only));
        let counts = self.app.store.plugin_counts(&scope).await.map_err(|error| failed(&error))?;
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        for count in counts.iter().filter(|count| !count.suppressed) {
            reads.entry(count.partnership.clone()).or_default().counts += 1;
        }
        drop(reads);
        Ok(counts)
    }

    async fn overlaps_changes(
        &self,
        authority: &Authority,
        partnership: &PartnershipId,
        cursor: Option<&str>,
        fields: &OverlapFields,
        limit: u32,
    ) -> Result<ChangeAnswer, PortError> {
        let scope = self.scope(authority);
        let page = self.app.store.plugin_changes(&scope, partnership, cursor, fields, limit).await;
        let page = page.map_err(|error| read_failed(&error))?;
        // Ended between the authority's answer and the read.
        let gone = || PortError::Unavailable("the partnership has just ended".to_owned());
        let page = page.ok_or_else(gone)?;
        self.note(page.items.iter().map(|change| &change.overlap));
        Ok(page.into())
    }

    async fn accounts_compare(
        &self,
        authority: &Authority,
        rows: &[SourceRow],
    ) -> Result<Vec<AccountChange>, PortError> {
        let rows = account_row::of_source(rows).map_err(PortError::Invalid)?;
        let ids: Vec<String> = rows.iter().map(|row| row.external_id.clone()).collect();
        let known = self.app.store.known_accounts(authority.organization(), &ids).await;
        let known = known.map_err(|error| failed(&error))?;
        let change = |(at, row): (usize, &ImportRow)| {
            let Some(account) = known.get(&row.external_id) else {
                return Ok(AccountChange::Added);
            };
            if account.source != IMPORT && account.source != self.install.as_str() {
                return Err(PortError::Invalid(format!(
                    "row {at}, external-id: it is that of an account that another source keeps. \
                     Give the ids of this source a prefix."
                )));
            }
            // What is in a population that was not granted is out of reach.
            authority
                .allows_population(Capability::AccountsWrite, &account.population)
                .map_err(PortError::Denied)?;
            let same = account.rev == row.rev();
            Ok(if same { AccountChange::Unchanged } else { AccountChange::Changed })
        };
        let changes: Vec<_> =
            rows.iter().enumerate().map(change).collect::<Result<_, PortError>>()?;
        let added = changes.iter().filter(|change| **change == AccountChange::Added).count() as u64;
        if added > 0 {
            let kept = self.app.store.accounts_kept(authority.organization(), &self.install).await;
            if kept.map_err(|error| failed(&error))? + added > limits::ACCOUNTS_SOURCE {
                let limit = limits::ACCOUNTS_SOURCE;
                return Err(PortError::Limit(format!(
                    "accounts.source: a source keeps at most {limit} accounts"
                )));
            }
        }
        Ok(changes)
    }

    async fn accounts_of_source(
        &self,
        authority: &Authority,
        external_ids: &[String],
    ) -> Result<Vec<bool>, PortError> {
        let store = &self.app.store;
        let known = store.known_accounts(authority.organization(), external_ids).await;
        let known = known.map_err(|error| failed(&error))?;
        let pending = store.pending_removals(&self.install, external_ids).await;
        let pending = pending.map_err(|error| failed(&error))?;
        let ours = |id: &String| {
            let mine = known.get(id).is_some_and(|one| one.source == self.install.as_str());
            mine && !pending.contains(id)
        };
        Ok(external_ids.iter().map(ours).collect())
    }

    async fn state_get(
        &self,
        partnership: Option<&PartnershipId>,
        key: &str,
    ) -> Result<Option<Vec<u8>>, PortError> {
        let got = self.app.store.state_get(&self.install, partnership, key).await;
        let (value, version) = got.map_err(|error| failed(&error))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.value(partnership, key, version);
        drop(seen);
        Ok(value)
    }

    async fn state_keys(
        &self,
        partnership: Option<&PartnershipId>,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, PortError> {
        let keys =
            self.app.store.state_keys(&self.install, partnership, prefix, cursor, limit).await;
        let keys = keys.map_err(|error| failed(&error))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.listing(partnership, (prefix, cursor, limit), &keys);
        drop(seen);
        Ok(keys)
    }

    async fn credential(&self, connection: &str) -> Result<Secret, PortError> {
        crash::point("deliver.before-call");
        let found = credential::of(self, connection, None).await?;
        found.ok_or_else(|| {
            let why = format!("the connection `{connection}` is not in place any more");
            PortError::Unavailable(why)
        })
    }

    async fn credential_after(
        &self,
        connection: &str,
        refused: [u8; 32],
    ) -> Result<Option<Secret>, PortError> {
        credential::of(self, connection, Some(refused)).await
    }
}

/// Overlaps on one domain handed over at once: far more than any domain has.
const LOOKUP_ITEMS: u32 = 1_000;

/// Runs the guest's `check` on an install as it stands, with no partner data
/// and no effects, and returns what it says.
pub async fn check_install(app: &App, install: &InstallId) -> Result<CheckRecord, ApiError> {
    let found = app.store.control_for_check(install).await?;
    let (control, facts) = found.ok_or_else(ApiError::not_found)?;
    let _turn = turns::asked(app, &control.organization)?;
    let prepared = releases::prepared(app, &facts.proof).await?;
    let started_at = app.store.now();
    let job = CheckJob {
        prepared,
        info: RunInfo {
            run: RunId::make(app.store.ids()),
            install: install.clone(),
            plugin: control.manifest.name.clone(),
            version: control.manifest.version.to_string(),
            attempt: 1,
        },
        config: facts.config.to_string(),
        connections: control.connections.clone(),
        authority: Arc::new(Authority::new(control)),
        started_at,
    };
    let ports = InstallPorts::for_check(app.clone(), install.clone());
    let checked = app.sandbox.check(job, Arc::new(ports), app.clock.clone()).await;
    let ended_well = matches!(checked.outcome.ending, venn_domain::run::Ending::Ok(_));
    let mut findings: Vec<CheckFinding> = checked
        .findings
        .into_iter()
        .map(|finding| CheckFinding {
            level: finding.level,
            field: finding.field,
            message: finding.message,
        })
        .collect();
    if !ended_well {
        findings.push(CheckFinding {
            level: "error".to_owned(),
            field: None,
            message: ending_text(&checked.outcome.ending),
        });
    }
    let ok = ended_well && findings.iter().all(|finding| finding.level != "error");
    Ok(CheckRecord { at: started_at, findings, ok })
}

fn ending_text(ending: &venn_domain::run::Ending) -> String {
    use venn_domain::run::Ending;
    match ending {
        Ending::Fault(claim) => format!("the plugin's check failed: {}", claim.message),
        Ending::Limit { limit, .. } => {
            format!("the plugin's check was stopped by the limit {limit}")
        }
        Ending::HostFailed { .. } => "the check could not be run; try again".to_owned(),
        _ => "the plugin's check crashed; its publisher has to fix that".to_owned(),
    }
}
