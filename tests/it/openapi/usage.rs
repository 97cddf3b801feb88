//! Which calls were made with which token: counted, written in batches, kept
//! for a time.
use std::sync::Arc;

use serde_json::{Value, json};
use venn_domain::id::{IdSource, OrganizationId};
use venn_store::{Store, api_usage::UsageFilter};

use crate::support::{Actor, Host};

async fn usage(actor: &Actor, host: &Host) -> Vec<Value> {
    host.app.write_usage().await.unwrap();
    actor.all("api-usage").await
}

fn brief(items: &[Value]) -> Vec<(String, String, String, u64, u64)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let brief = |item: &Value| {
        let (calls, errors) = (item["calls"].as_u64().unwrap(), item["errors"].as_u64().unwrap());
        (text(item, "day"), text(item, "token_name"), text(item, "call"), calls, errors)
    };
    items.iter().map(brief).collect()
}

fn row(
    day: &str,
    token: &str,
    call: &str,
    calls: u64,
    errors: u64,
) -> (String, String, String, u64, u64) {
    (day.to_owned(), token.to_owned(), call.to_owned(), calls, errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_per_token_call_and_day_and_forgotten_after_a_quarter() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let globex = host.organization("globex", true, false).await;
    let body = json!({ "name": "ci", "scopes": ["read"], "expires_in_days": 365 });
    let made = acme.post(&acme.own("tokens"), &body).await.good();
    let ci = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    for _ in 0..3 {
        ci.get(&ci.own("accounts")).await.good();
    }
    ci.get(&ci.own("accounts?limit=0")).await.refused(400, "bad-query");
    ci.post(&ci.own("populations"), &json!({ "key": "k", "title": "t" }))
        .await
        .refused(403, "scope-too-small");
    // No token, no count; somebody else's are theirs.
    Actor::new(&acme.url, "acme", "").get("/v1/me").await.refused(401, "unauthenticated");
    globex.get("/v1/me").await.good();
    let seen = usage(&acme, &host).await;
    let day = "2026-01-01";
    let expected = [
        row(day, "first token", "token-create", 1, 0),
        row(day, "ci", "account-list", 4, 1),
        row(day, "ci", "population-create", 1, 1),
    ];
    assert_eq!(brief(&seen), expected);
    assert_eq!(seen[1]["last_at"], "2026-01-01T00:00:00.000000Z");

    // The next day is another row, above; a filter narrows it.
    host.advance_ms(24 * 60 * 60 * 1_000);
    ci.get(&ci.own("accounts")).await.good();
    host.app.write_usage().await.unwrap();
    let path =
        acme.own(&format!("api-usage?call=account-list&token={}", made["id"].as_str().unwrap()));
    let page = acme.get(&path).await.good();
    let days =
        [row("2026-01-02", "ci", "account-list", 1, 0), row(day, "ci", "account-list", 4, 1)];
    assert_eq!(brief(page["items"].as_array().unwrap()), days);

    let organization = organization(&ci).await;
    host.advance_ms(89 * 24 * 60 * 60 * 1_000);
    host.app.store.forget_usage().await.unwrap();
    let left = host.app.store.usage_page(&organization, &UsageFilter::default(), None, 100).await;
    let left = left.unwrap().items;
    assert!(!left.is_empty() && left.iter().all(|record| record.day_text() == "2026-01-02"));
}

async fn organization(actor: &Actor) -> OrganizationId {
    let me = actor.get("/v1/me").await.good();
    me["organization_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_stays_a_read_and_a_stop_writes_what_was_counted() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let organization = organization(&acme).await;
    let before = usage(&acme, &host).await;
    for _ in 0..20 {
        acme.get(&acme.own("accounts")).await.good();
    }
    let store = host.app.store.clone();
    let page = store.usage_page(&organization, &UsageFilter::default(), None, 100).await.unwrap();
    assert_eq!(page.items.len(), before.len(), "written with the requests themselves");
    let clock = host.clock.clone();
    let data = host.stop().await;
    let settings = venn_store::Settings {
        folder: data.path().to_owned(),
        database: data.database(),
        clock,
        ids: Arc::new(NoIds),
        observer: Arc::new(venn_store::Unobserved),
    };
    let store = Store::open(settings).await.unwrap();
    let page = store.usage_page(&organization, &UsageFilter::default(), None, 100).await;
    let counted = page.unwrap().items.into_iter().find(|record| record.call == "account-list");
    assert_eq!(counted.map(|record| (record.calls, record.errors)), Some((20, 0)));
}

/// Nothing is made.
struct NoIds;

impl IdSource for NoIds {
    fn next(&self) -> (u64, u128) {
        (0, 0)
    }
}
