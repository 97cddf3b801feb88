//! The first verdict: pure, from one run's signals alone. It drives the retry
//! and is shown at once; blast radius and replay may overturn it later.
//!
//! How the run ended counts before its calls, and of these the last one that
//! the guest did not get over. A claim only adds what the host can see for
//! itself: the evidence decides, and without evidence it is `unknown`.
use serde_json::Value;

use super::{
    ALGORITHM_VERSION, Class, Kind, Owner, Verdict,
    evidence::{describe, fingerprint},
    signal::{self, Signal, signals},
};
use crate::{
    authority::Denial,
    limits,
    manifest::Manifest,
    run::{CallResult, CallSummary, Claim, Ending, Outcome},
};

/// What the host knows beside the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The plugin's key.
    pub plugin: &'a str,
    /// The release's version.
    pub version: &'a semver::Version,
    /// The release's manifest.
    pub manifest: &'a Manifest,
    /// The install's configuration.
    pub config: &'a Value,
}

/// A rule's conclusion, before the rest of the evidence is added.
struct Row {
    class: Class,
    kind: Kind,
    owner: Owner,
    /// 900 and more: the host saw the cause itself. 600 to 900: the usual
    /// cause. 500 and less: little speaks for it.
    confidence_permille: u16,
    retryable: bool,
    field: Option<String>,
    retry_after_s: Option<u32>,
    /// The first sentence of the evidence.
    sentence: String,
}

impl Row {
    fn new(class: Class, kind: Kind, confidence_permille: u16, sentence: &str) -> Self {
        let owner = match class {
            // One plugin's view of a service: its publisher knows the service.
            Class::Plugin | Class::ThirdParty => Owner::Publisher,
            Class::CustomerConfig | Class::GrantMissing => Owner::CustomerAdmin,
            Class::Platform | Class::Unknown => Owner::PlatformAdmin,
        };
        Self {
            class,
            kind,
            owner,
            confidence_permille,
            retryable: matches!(kind, Kind::Transient | Kind::Quota),
            field: None,
            retry_after_s: None,
            sentence: sentence.to_owned(),
        }
    }

    fn field(mut self, field: Option<&str>) -> Self {
        self.field = field.map(str::to_owned);
        self
    }

    /// Permanent for this release; but back-off lasts a day, and a later
    /// attempt may meet a corrected one.
    const fn retried(mut self) -> Self {
        self.retryable = true;
        self
    }
}

/// The most that a guest's own word puts an attempt off: five minutes. A third
/// party's `Retry-After`, which the host saw itself, counts in full.
const CLAIMED_RETRY_S_MAX: u32 = 300;

/// The verdict that one run's outcome allows; none if it ended well.
pub fn provisional(outcome: &Outcome, facts: &Facts<'_>) -> Option<Verdict> {
    let claim = match &outcome.ending {
        Ending::Ok(_) => return None,
        Ending::Fault(claim) => Some(claim),
        _ => None,
    };
    let seen = signals(outcome);
    let row = match seen.first() {
        Some(signal) => judge(signal, seen.get(1), claim, facts),
        None => without_evidence(claim, facts),
    };
    let place = place(seen.first(), claim, facts);
    let mut evidence = vec![row.sentence];
    for signal in seen.iter().skip(1) {
        if let Signal::Failed(call) = signal {
            evidence.push(format!("before that, {}", describe(call)));
        }
    }
    evidence.push(format!("the release was {}", facts.version));
    let asked = claim.and_then(|claim| claim.retry_after_s).map(|s| s.min(CLAIMED_RETRY_S_MAX));
    Some(Verdict {
        class: row.class,
        kind: row.kind,
        owner: row.owner,
        confidence_permille: row.confidence_permille,
        evidence,
        claimed_class: claim.map(|claim| claim.cause.chars().take(64).collect()),
        retryable: row.retryable,
        retry_after_s: row.retry_after_s.or(asked).filter(|_| row.retryable),
        fingerprint: fingerprint(row.class, row.kind, facts.plugin, &place),
        field: row.field,
        algorithm_version: ALGORITHM_VERSION,
    })
}

/// What is equal for equal failures.
fn place(signal: Option<&Signal<'_>>, claim: Option<&Claim>, facts: &Facts<'_>) -> String {
    match signal {
        Some(Signal::Trap(code)) => format!("trap {code}"),
        Some(Signal::Limit(limit)) => format!("limit {limit}"),
        Some(Signal::WaitedIn(call)) => format!("waited in {call}"),
        Some(Signal::HostFailed) => "host failed".to_owned(),
        Some(Signal::Failed(call)) => describe(call),
        // Only declared codes: a guest cannot make up groups.
        None => {
            let code = claim.and_then(|claim| facts.manifest.fault(&claim.code));
            format!("fault {}", code.map_or("(undeclared)", |fault| fault.code.as_str()))
        }
    }
}

fn judge(
    signal: &Signal<'_>,
    before: Option<&Signal<'_>>,
    claim: Option<&Claim>,
    facts: &Facts<'_>,
) -> Row {
    match signal {
        Signal::Trap(code) => match before {
            // A host call that failed by our fault explains a trap; every
            // other answer is one that a plugin has to be ready for.
            Some(Signal::Failed(call)) if call.result == CallResult::HostFailed => {
                failed_call(call, claim, facts)
            }
            before => {
                let confidence = if before.is_some() { 700 } else { 900 };
                let sentence = format!("the plugin's code trapped: {code}");
                Row::new(Class::Plugin, Kind::Permanent, confidence, &sentence).retried()
            }
        },
        // Neither waiting nor computing: perhaps the node was starved.
        Signal::Limit(limit) if signal::is_wall(limit) => {
            let sentence = "the time was used up, and not in a host call";
            Row::new(Class::Unknown, Kind::Transient, 200, sentence)
        }
        Signal::Limit(limits::LOOP) => {
            // No attempt at the last one changes what the plugin does in all of them.
            let sentence = "what the plugin writes causes its own next event, over and over: \
                            the limit `event.loop` stopped it";
            Row::new(Class::Plugin, Kind::Permanent, 950, sentence)
        }
        Signal::Limit(limit) => {
            let sentence = format!("the plugin reached the limit `{limit}`");
            let row = Row::new(Class::Plugin, Kind::Permanent, 900, &sentence);
            // That there are too many steps, no attempt at the last one changes.
            if *limit == limits::STEPS { row } else { row.retried() }
        }
        Signal::WaitedIn(call) => waited(call),
        Signal::HostFailed => {
            let sentence = "something of the platform failed during the run";
            Row::new(Class::Platform, Kind::Transient, 950, sentence)
        }
        Signal::Failed(call) => failed_call(call, claim, facts),
    }
}

/// The time ran out in a host call: the fault is with whoever was waited for.
fn waited(call: &str) -> Row {
    let sentence = format!("the time was used up waiting in {call}");
    if signal::is_http(call) {
        return Row::new(Class::ThirdParty, Kind::Transient, 700, &sentence);
    }
    // Timers are the guest's own wish; every other call is ours to answer.
    if call.contains("poll") || call.contains("clock") {
        return Row::new(Class::Plugin, Kind::Permanent, 600, &sentence).retried();
    }
    Row::new(Class::Platform, Kind::Transient, 800, &sentence)
}

fn failed_call(call: &CallSummary, claim: Option<&Claim>, facts: &Facts<'_>) -> Row {
    let sentence = describe(call);
    let row = |class, kind, confidence| Row::new(class, kind, confidence, &sentence);
    match &call.result {
        CallResult::Denied { denial, .. } => denied(call, denial, &sentence),
        CallResult::NetworkFailed { kind } => match kind.as_str() {
            "dns" if call.host_from_config => {
                row(Class::CustomerConfig, Kind::Permanent, 700).field(claimed(claim, facts))
            }
            "body-too-large" => row(Class::Plugin, Kind::Contract, 600),
            "dns" | "connect" | "tls" | "timeout" | "protocol" | "credential" => {
                row(Class::ThirdParty, Kind::Transient, 750)
            }
            _ => row(Class::Unknown, Kind::Transient, 300),
        },
        CallResult::Status { status, retry_after_s } => {
            let mut row = answered(call, *status, claim, facts, &sentence);
            row.retry_after_s = *retry_after_s;
            row
        }
        CallResult::Error { kind, .. } => match kind.as_str() {
            "invalid" => row(Class::Plugin, Kind::Contract, 850),
            "limit" => row(Class::Plugin, Kind::Quota, 850),
            "conflict" => row(Class::Plugin, Kind::Transient, 700),
            "decode" => row(Class::ThirdParty, Kind::Contract, 700).retried(),
            "unavailable" => row(Class::Platform, Kind::Transient, 850),
            _ => row(Class::Unknown, Kind::Transient, 200),
        },
        CallResult::HostFailed | CallResult::Ok => row(Class::Platform, Kind::Transient, 950),
    }
}

fn denied(call: &CallSummary, denial: &Denial, sentence: &str) -> Row {
    let row = |class, kind, confidence| Row::new(class, kind, confidence, sentence);
    let egress = denial.capability == "http:egress";
    let who = denial.who_can_change_it.as_ref();
    if egress && call.host_from_config && matches!(who, "publisher" | "customer-admin") {
        return row(Class::CustomerConfig, Kind::Permanent, 800);
    }
    let connection = denial.what.strip_prefix("connection ").filter(|_| egress);
    match (Owner::parse(who), connection) {
        // What the publisher has to put or correct itself: its OAuth client.
        (Some(Owner::Publisher), _) if egress && denial.what.starts_with("credential ") => {
            row(Class::Plugin, Kind::Contract, 900).retried()
        }
        (Some(Owner::Publisher), _) if egress => row(Class::Plugin, Kind::Security, 900),
        (Some(Owner::Publisher), _) => row(Class::Plugin, Kind::Contract, 900),
        (Some(Owner::CustomerAdmin), Some(name)) => {
            row(Class::CustomerConfig, Kind::Permanent, 950).field(Some(name))
        }
        (Some(owner), _) => Row { owner, ..row(Class::GrantMissing, Kind::Permanent, 950) },
        (None, _) => row(Class::Unknown, Kind::Permanent, 200),
    }
}

/// A third party answered with an error status.
fn answered(
    call: &CallSummary,
    status: u16,
    claim: Option<&Claim>,
    facts: &Facts<'_>,
    sentence: &str,
) -> Row {
    let row = |class, kind, confidence| Row::new(class, kind, confidence, sentence);
    match status {
        401..=403 if call.connection.is_some() => {
            row(Class::CustomerConfig, Kind::Permanent, 850).field(call.connection.as_deref())
        }
        // The customer connected a credential for this host, and the plugin
        // called without it.
        401 | 403 if connection_for(call, facts.manifest) => {
            row(Class::Plugin, Kind::Contract, 700)
        }
        401..=403 => row(Class::CustomerConfig, Kind::Permanent, 500).field(claimed(claim, facts)),
        408 | 425 => row(Class::ThirdParty, Kind::Transient, 750),
        429 => row(Class::ThirdParty, Kind::Quota, 800),
        500.. => row(Class::ThirdParty, Kind::Transient, 800),
        404 if call.host_from_config => {
            row(Class::CustomerConfig, Kind::Permanent, 600).field(claimed(claim, facts))
        }
        _ => match config_field_in(call, claim, facts) {
            Some(field) => row(Class::CustomerConfig, Kind::Permanent, 600).field(Some(field)),
            None if status == 404 => row(Class::Plugin, Kind::Permanent, 600),
            None => row(Class::Plugin, Kind::Contract, 700),
        },
    }
}

/// Without any evidence a claim is believed only against the plugin itself,
/// or where the host can check it: the configuration breaks its own schema.
fn without_evidence(claim: Option<&Claim>, facts: &Facts<'_>) -> Row {
    match claim.map(|claim| claim.cause.as_str()) {
        Some("plugin") => {
            let sentence = "the plugin names itself as the cause";
            return Row::new(Class::Plugin, Kind::Permanent, 700, sentence).retried();
        }
        Some("customer-config") => {
            if let Some(field) = broken_setting(claim, facts) {
                let sentence = format!("the configuration breaks its schema at `{field}`");
                let row = Row::new(Class::CustomerConfig, Kind::Permanent, 800, &sentence);
                return row.field(Some(field));
            }
        }
        _ => {}
    }
    let sentence = "the plugin reported a fault, and the host saw nothing fail";
    Row::new(Class::Unknown, Kind::Transient, 100, sentence)
}

/// The claimed field, if the configuration breaks its schema there, or completes
/// no host.
fn broken_setting<'a>(claim: Option<&'a Claim>, facts: &Facts<'_>) -> Option<&'a str> {
    let field = claimed(claim, facts)?;
    let problems = facts.manifest.check_config(facts.config).err()?;
    let concerns = |place: &str| place.split('/').nth(1) == Some(field);
    problems.iter().any(|problem| concerns(&problem.place)).then_some(field)
}

/// The claimed field, if it is something that the customer can correct.
fn claimed<'a>(claim: Option<&'a Claim>, facts: &Facts<'_>) -> Option<&'a str> {
    let field = claim?.field.as_deref()?;
    (facts.manifest.has_setting(field) || facts.config.get(field).is_some()).then_some(field)
}

/// The claimed configuration field whose value stands in the failed call's
/// path or host: the plugin sent what the customer entered.
fn config_field_in<'a>(
    call: &CallSummary,
    claim: Option<&'a Claim>,
    facts: &Facts<'_>,
) -> Option<&'a str> {
    let field = claimed(claim, facts)?;
    let value = match facts.config.get(field)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let mut parts = call.target.split(['/', ' ', '?', '.', ':']);
    // Shorter values (`eu`, `1`) stand in a path by chance.
    (value.len() >= 4 && parts.any(|part| part == value)).then_some(field)
}

/// Whether the manifest has a connection for this call's host.
fn connection_for(call: &CallSummary, manifest: &Manifest) -> bool {
    let host = signal::http_host(call);
    manifest.connections.iter().any(|connection| host == Some(connection.host.as_str()))
}
