//! After a run: the provisional verdict, who is told, and what becomes of the
//! delivery. The decisions are the domain's; this gathers what they need.
use serde_json::{Value, json};
use venn_domain::{
    admission::Refusal,
    authority::Control,
    id::{OrganizationId, RunId},
    manifest::Manifest,
    retry,
    run::{Claim, Ending, Outcome},
    verdict::{self, Facts, Owner, RouteKind, RoutePlan, Verdict},
};
use venn_store::{
    StoreError,
    delivery::Leased,
    install::InstallFacts,
    run::{NewRoute, Next},
};

use crate::{app::App, bundle};

/// What is concluded from one run.
pub struct Conclusion {
    /// Whose fault, if it failed.
    pub verdict: Option<Verdict>,
    /// The step to the owner, and to those who are told.
    pub routes: Vec<NewRoute>,
    /// What becomes of the delivery.
    pub next: Next,
}

/// Concludes from what the host saw.
pub async fn conclude(
    app: &App,
    leased: &Leased,
    control: &Control,
    facts: &InstallFacts,
    run: &RunId,
    outcome: &Outcome,
) -> Result<Conclusion, StoreError> {
    let Some(verdict) = judge(app, control, facts, outcome).await? else {
        return Ok(Conclusion { verdict: None, routes: Vec::new(), next: after_ok(outcome) });
    };
    let claim = match &outcome.ending {
        Ending::Fault(claim) => Some(claim),
        _ => None,
    };
    let plan = verdict::route(&verdict, &control.manifest, claim);
    let parties = Parties {
        customer: leased.organization.clone(),
        publisher: facts.proof.publisher.clone(),
        platform: app.store.platform().await?,
    };
    let case = bundle::Case {
        control,
        facts,
        run,
        event_kind: &leased.event.kind,
        outcome,
        verdict: &verdict,
    };
    let routes = routes(&plan, &verdict, &parties, &case);
    let next = after_failure(app, leased, &verdict);
    Ok(Conclusion { verdict: Some(verdict), routes, next })
}

/// Where the plugin blames the configuration, that is checked against its schema: off the
/// threads that deliver.
async fn judge(
    app: &App,
    control: &Control,
    facts: &InstallFacts,
    outcome: &Outcome,
) -> Result<Option<Verdict>, StoreError> {
    let judge = |manifest: &Manifest, config: &Value, outcome: &Outcome| {
        let (plugin, version) = (&manifest.name, &manifest.version);
        verdict::provisional(outcome, &Facts { plugin, version, manifest, config })
    };
    let blamed = |claim: &Claim| claim.cause == "customer-config";
    if !matches!(&outcome.ending, Ending::Fault(claim) if blamed(claim)) {
        return Ok(judge(&control.manifest, &facts.config, outcome));
    }
    let (manifest, config) = (control.manifest.clone(), facts.config.clone());
    let outcome = outcome.clone();
    let judged = app.checking.done(move || judge(&manifest, &config, &outcome)).await;
    judged.map_err(|_| StoreError::Closed)
}

/// The organizations that a failure can concern.
struct Parties {
    customer: OrganizationId,
    publisher: OrganizationId,
    platform: OrganizationId,
}

impl Parties {
    /// The data owner is reached through the customer until rules can be asked
    /// for directly: an inbox item elsewhere would tell it what it need not know.
    fn of(&self, owner: Owner) -> OrganizationId {
        match owner {
            Owner::Publisher => self.publisher.clone(),
            Owner::CustomerAdmin | Owner::DataOwner => self.customer.clone(),
            Owner::PlatformAdmin => self.platform.clone(),
        }
    }
}

fn routes(
    plan: &RoutePlan,
    verdict: &Verdict,
    parties: &Parties,
    case: &bundle::Case<'_>,
) -> Vec<NewRoute> {
    let told = plan.also_tell.iter().map(|owner| (*owner, false));
    // One step each: who owns it is not told of it besides.
    let mut seen = Vec::new();
    std::iter::once((plan.to, true))
        .chain(told)
        .filter(|(owner, _)| {
            let organization = parties.of(*owner);
            let fresh = !seen.contains(&organization);
            seen.push(organization);
            fresh
        })
        .map(|(owner, is_owner)| NewRoute {
            kind: plan.kind.name(),
            organization: parties.of(owner),
            is_owner,
            title: title(plan.kind, case),
            text: text(plan, owner, case),
            detail: detail(plan, verdict, owner, case),
        })
        .collect()
}

fn title(kind: RouteKind, case: &bundle::Case<'_>) -> String {
    let name = &case.control.manifest.title;
    match kind {
        RouteKind::Faq => format!("{name} needs something of you"),
        RouteKind::ApproveLink => format!("{name} needs a permission"),
        RouteKind::StatusNote => format!("{name}: a service that it uses has trouble"),
        RouteKind::PublisherInbox => format!("{name} failed"),
        RouteKind::PlatformInbox => format!("{name} failed, and it is ours"),
        RouteKind::Triage => format!("{name} failed, and it is not known why"),
    }
}

/// The customer reads the whole; others what the bundle may say.
fn text(plan: &RoutePlan, owner: Owner, case: &bundle::Case<'_>) -> String {
    match owner {
        Owner::CustomerAdmin | Owner::DataOwner => plan.text.clone(),
        Owner::Publisher | Owner::PlatformAdmin => bundle::text(case),
    }
}

/// What goes along: the customer gets the FAQ entry and where to look, others
/// the redacted bundle.
fn detail(
    plan: &RoutePlan,
    verdict: &Verdict,
    owner: Owner,
    case: &bundle::Case<'_>,
) -> serde_json::Value {
    if matches!(owner, Owner::CustomerAdmin | Owner::DataOwner) {
        return json!({
            "faq": plan.faq,
            "install": case.control.install,
            "run": case.run,
            "verdict": verdict,
        });
    }
    bundle::redacted(case)
}

fn after_ok(outcome: &Outcome) -> Next {
    match &outcome.ending {
        Ending::Ok(report) => match &report.again {
            Some(continuation) => Next::Again {
                continuation: continuation.clone(),
                done: report.done,
                total: report.total,
            },
            None => Next::Done,
        },
        _ => Next::Done,
    }
}

fn after_failure(app: &App, leased: &Leased, verdict: &Verdict) -> Next {
    let decide = if leased.is_probe { retry::after_probe } else { retry::next_attempt };
    let next = if leased.event.is_asked() {
        retry::after_ask()
    } else {
        let next = decide(leased.attempt, app.store.now(), verdict, app.store.jitter_permille());
        retry::in_time(next, leased.expires_at)
    };
    match next {
        retry::Next::At(at) => Next::Retry { at },
        retry::Next::Held => Next::Held,
        retry::Next::Parked { until } => Next::Parked { reason: format!("waits until {until}") },
        retry::Next::Dead { why } => Next::Dead { reason: why.to_owned() },
    }
}

/// A refused delivery waits for the person who can change it, or is done with.
pub fn after_refusal(refusal: &Refusal) -> Next {
    if refusal.waits {
        Next::Parked { reason: refusal.why.to_owned() }
    } else {
        Next::Dead { reason: refusal.why.to_owned() }
    }
}
