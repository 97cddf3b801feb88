//! The pairing worker: takes a batch of domains of one partnership after the
//! other, pairs each domain by the rules of `venn_mapping`, and leaves the
//! store to write what differs.
//!
//! Memory is bounded by a batch, whatever the size of the lists. The work rows
//! are the queue: a crash repeats a batch, and an import that comes in between
//! reading and writing queues its domains anew.
use std::collections::{BTreeMap, HashSet};

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use venn_domain::id::PartnershipId;
use venn_mapping::{
    Confidence, Decision, Decisions, Entry, LiveDecisions, Pair, Rule, Side, pair_crossing,
    pair_domain,
};
use venn_store::pairing::{
    Batch, DecisionKind, Found, FoundPair, FoundUnpaired, PairDecision, PairingAccount,
};

use crate::{app::App, telemetry::trace};

/// Domains in a batch. Real lists have two accounts a domain, so this is about
/// a megabyte of rows and some ten milliseconds of the one writer.
const BATCH_DOMAINS: u32 = 2_000;

/// The pairing worker.
pub async fn run(app: App, stop: CancellationToken) {
    let bell = app.wake.pairing.clone();
    super::every_bell("pairing", &bell, &stop, || turn(&app)).await;
}

/// One batch of every partnership that has work; true if any was written. A
/// partnership that fails does not hold up the others.
async fn turn(app: &App) -> anyhow::Result<bool> {
    if !app.store.leads() {
        return Ok(false);
    }
    let mut last: Option<PartnershipId> = None;
    let mut moved = false;
    while let Some(id) = app.store.partnership_with_work(last.as_ref()).await? {
        if last.as_ref().is_some_and(|last| id <= *last) {
            break;
        }
        match batch(app, &id).await {
            Ok(any) => moved |= any,
            Err(error) => {
                tracing::error!(partnership = %id, error = ?error, "pairing.batch failed");
            }
        }
        last = Some(id);
    }
    Ok(moved)
}

async fn batch(app: &App, id: &PartnershipId) -> anyhow::Result<bool> {
    let domains = app.store.take_pairing(id, BATCH_DOMAINS).await?;
    if domains == 0 {
        return Ok(false);
    }
    let causes = app.store.pairing_causes(id).await?;
    let span = tracing::info_span!("pairing.batch", partnership = %id, domains);
    trace::caused_by(&span, &causes);
    pair_and_write(app, id).instrument(span).await
}

/// Pairs what is taken.
async fn pair_and_write(app: &App, id: &PartnershipId) -> anyhow::Result<bool> {
    let Some(batch) = app.store.pairing_batch(id).await? else { return Ok(false) };
    let (batch, found) = tokio::task::spawn_blocking(move || {
        let found = pair(&batch);
        (batch, found)
    })
    .await?;
    let written = app.store.write_pairing(batch, found).await?;
    app.metrics.paired(&written);
    tracing::info!(
        added = written.added,
        changed = written.changed,
        removed = written.removed,
        "pairing.batch written"
    );
    if written.deliveries > 0 {
        app.wake.deliveries.notify_one();
    }
    Ok(true)
}

/// Pairs each domain of a batch, and all pairs across domains.
fn pair(batch: &Batch) -> Found {
    let tied = |accounts: &[PairingAccount]| -> HashSet<String> {
        accounts.iter().map(|account| account.id.clone()).collect()
    };
    let (lefts, rights) = (tied(&batch.tied_left), tied(&batch.tied_right));
    let live = live_decisions(&batch.decisions, &|side, id| match side {
        Side::Left => lefts.contains(id),
        Side::Right => rights.contains(id),
    });
    let mut domains: BTreeMap<&str, (Vec<Entry>, Vec<Entry>)> = BTreeMap::new();
    for account in &batch.left {
        domains.entry(&account.domain).or_default().0.push(entry(account));
    }
    for account in &batch.right {
        domains.entry(&account.domain).or_default().1.push(entry(account));
    }
    let mut found = Found::default();
    for (domain, (left, right)) in domains {
        let pairing = pair_domain(&left, &right, &live);
        found.pairs.extend(pairing.pairs.iter().map(found_pair));
        for (accounts, is_left) in [(pairing.unpaired_left, true), (pairing.unpaired_right, false)]
        {
            found.unpaired.extend(accounts.into_iter().map(|account| FoundUnpaired {
                account: account.to_string(),
                domain: domain.to_owned(),
                is_left,
            }));
        }
    }
    found.pairs.extend(crossing(batch, &live));
    found
}

/// The pairs that people made across domains. Accounts lie on the domain that
/// their import found, so that is what counts here too.
fn crossing(batch: &Batch, live: &LiveDecisions) -> Vec<FoundPair> {
    let entries = |accounts: &[PairingAccount]| accounts.iter().map(entry).collect::<Vec<_>>();
    let domain = |accounts: &[PairingAccount], id: &str| {
        accounts.iter().find(|account| account.id == id).map(|account| account.domain.clone())
    };
    let pairs = pair_crossing(&entries(&batch.tied_left), &entries(&batch.tied_right), live);
    let crosses = |pair: &&Pair| {
        let left = domain(&batch.tied_left, &pair.left);
        left != domain(&batch.tied_right, &pair.right) || left.is_none_or(|left| left.is_empty())
    };
    pairs.iter().filter(crosses).map(found_pair).collect()
}

fn found_pair(pair: &Pair) -> FoundPair {
    FoundPair {
        left: pair.left.to_string(),
        right: pair.right.to_string(),
        evidence: rule_name(pair.evidence.rule),
        confidence: match pair.confidence {
            Confidence::Sure => "sure",
            Confidence::Likely => "likely",
        },
    }
}

/// The rule as overlaps name it.
const fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Linked => "linked",
        Rule::Confirmed => "confirmed",
        Rule::HostAndName => "host-and-name",
        Rule::Host => "host",
        Rule::Name => "name",
        Rule::Similar => "similar",
    }
}

/// An account as the rules take it.
pub(crate) fn entry(account: &PairingAccount) -> Entry {
    Entry::new(&account.id, &account.name, Some(account.website.as_str()))
}

/// The decisions that bind where `exists` says which accounts there are.
pub(crate) fn live_decisions(
    decisions: &[PairDecision],
    exists: &dyn Fn(Side, &str) -> bool,
) -> LiveDecisions {
    let decision = |decision: &PairDecision| {
        let (left, right) = (decision.left.as_str().into(), decision.right.as_str().into());
        match decision.kind {
            DecisionKind::Confirm => Decision::Confirm(left, right),
            DecisionKind::Reject => Decision::Reject(left, right),
            DecisionKind::Link => Decision::Link(left, right),
        }
    };
    let decisions: Vec<_> = decisions.iter().map(decision).collect();
    Decisions::new(&decisions).live(exists)
}
