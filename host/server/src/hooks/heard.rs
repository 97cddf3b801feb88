//! What is heard at webhooks, in memory: how fast each may be called, and how many calls of
//! the last day were refused, and why. A stranger's calls write nothing.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use venn_domain::{
    id::{InstallId, OrganizationId, PluginId, WebhookId},
    limits,
    time::Timestamp,
    webhook::Refusal,
};
use venn_store::webhook::OpenWebhook;

use crate::rate::Rate;

const HOUR_US: i64 = 3_600_000_000;
/// A day, of hours that have begun.
const HOURS: i64 = 24;

/// Of a webhook, for a reason: hours, each with how many calls were refused in it.
type Refusals = HashMap<(WebhookId, &'static str), Vec<(i64, u64)>>;

/// Of all webhooks.
#[derive(Debug)]
pub struct Heard {
    installs: Rate<InstallId>,
    organizations: Rate<OrganizationId>,
    plugins: Rate<PluginId>,
    refused: Mutex<Refusals>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            installs: Rate::a_minute(limits::WEBHOOK_CALLS_INSTALL),
            organizations: Rate::a_minute(limits::WEBHOOK_CALLS_ORGANIZATION),
            plugins: Rate::a_minute(limits::WEBHOOK_CALLS_PLUGIN),
            refused: Mutex::default(),
        }
    }
}

impl Heard {
    /// Counts a new call that is the sender's, or says how many milliseconds to wait. What an
    /// organization may not spend costs the plugin's other customers nothing.
    pub fn spend(&self, to: &OpenWebhook, now: Timestamp) -> Result<(), u64> {
        self.installs.spend(&to.install, now)?;
        self.organizations.spend(&to.organization, now)?;
        self.plugins.spend(&to.plugin, now)
    }

    /// Counts a call that was refused. Only webhooks that are open get here.
    pub fn refused(&self, webhook: &WebhookId, why: &Refusal, now: Timestamp) {
        let hour = now.0.div_euclid(HOUR_US);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = refused.entry((webhook.clone(), why.name())).or_default();
        hours.retain(|(one, _)| hour - one < HOURS);
        match hours.last_mut() {
            Some((last, count)) if *last == hour => *count += 1,
            _ => hours.push((hour, 1)),
        }
    }

    /// How many calls of the last day were refused, by reason.
    pub fn refusals(&self, webhook: &WebhookId, now: Timestamp) -> Vec<(&'static str, u64)> {
        let hour = now.0.div_euclid(HOUR_US);
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = refused.iter().filter(|((of, _), _)| of == webhook);
        let sums = of_it.map(|((_, why), hours)| {
            let recent = hours.iter().filter(|(one, _)| hour - one < HOURS);
            (*why, recent.map(|(_, count)| count).sum())
        });
        let mut sums: Vec<_> = sums.filter(|(_, count)| *count > 0).collect();
        sums.sort_unstable();
        sums
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_organization_takes_a_fifth_of_a_plugins_room_however_many_installs_it_has() {
        let (heard, now) = (Heard::default(), Timestamp(1_764_000_000_000_000));
        let open = |organization: u32, install: u32| OpenWebhook {
            id: format!("whk_{install:026}").parse().unwrap(),
            organization: format!("org_{organization:026}").parse().unwrap(),
            install: format!("ins_{install:026}").parse().unwrap(),
            plugin: format!("plg_{:026}", 1).parse().unwrap(),
            name: "shop".to_owned(),
            routing_key: String::new(),
            secret_version: 1,
            previous_until: None,
            received_at: None,
            created_at: now,
            updated_at: now,
        };
        let calls = (0..40 * 600).map(|n| heard.spend(&open(1, n % 40), now));
        assert_eq!(calls.flatten().count(), 1_200);
        for other in 2..6 {
            for n in 0..1_200 {
                let install = 100 * other + n % 2;
                assert_eq!(heard.spend(&open(other, install), now), Ok(()), "{other} {n}");
            }
        }
        assert!(heard.spend(&open(6, 600), now).is_err(), "the plugin's limit stays");
    }

    #[test]
    fn refusals_are_counted_by_reason_for_a_day() {
        let (heard, start) = (Heard::default(), Timestamp(1_764_000_000_000_000));
        let id = |n: u32| format!("whk_{n:026}").parse::<WebhookId>().unwrap();
        let hours = |n: i64| start.plus_ms(n * 3_600_000);
        heard.refused(&id(1), &Refusal::Stale, start);
        heard.refused(&id(1), &Refusal::WrongSignature, hours(1));
        heard.refused(&id(1), &Refusal::WrongSignature, hours(23));
        heard.refused(&id(2), &Refusal::Stale, start);
        let told = |n, at| heard.refusals(&id(n), at);
        assert_eq!(told(1, hours(23)), [("stale", 1), ("wrong-signature", 2)]);
        assert_eq!(told(1, hours(24)), [("wrong-signature", 2)]);
        assert_eq!(told(1, hours(47)), []);
        assert_eq!(told(2, start), [("stale", 1)]);
        assert_eq!(told(3, start), []);
    }
}
