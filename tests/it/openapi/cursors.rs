//! Cursors belong to what they page.
use serde_json::Value;

use crate::support::{Actor, World};

const SAID: &str = "The cursor is not one that this listing gave out for these filters.";

async fn next(actor: &Actor, path: &str) -> String {
    actor.get(path).await.good()["next"].as_str().expect("there is more").to_owned()
}

async fn refused(actor: &Actor, path: &str) {
    let refused = actor.get(path).await.refused(400, "bad-cursor");
    assert_eq!(refused["detail"], SAID, "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_the_listing_that_gave_it_out_and_for_nothing_else() {
    let world = World::with_overlaps(3).await;
    let (acme, globex) = (&world.acme, &world.globex);
    let accounts = acme.own("accounts?limit=1");
    let cursor = next(acme, &accounts).await;
    // Its own listing, with another page size and other fields.
    let two = acme.own(&format!("accounts?limit=2&fields=id&cursor={cursor}"));
    assert_eq!(acme.get(&two).await.good()["items"].as_array().unwrap().len(), 2);
    // Another listing, other filters, another organization, an address of one's own.
    refused(acme, &acme.own(&format!("populations?cursor={cursor}"))).await;
    refused(acme, &acme.own(&format!("accounts?population=customers&cursor={cursor}"))).await;
    refused(globex, &globex.own(&format!("accounts?cursor={cursor}"))).await;
    let overlaps = acme.own(&format!("partnerships/{}/overlaps", world.partnership));
    refused(acme, &format!("{overlaps}?cursor={cursor}")).await;
    // The same filters in another order are the same.
    let filtered = acme.own("accounts?limit=1&population=customers&q=comp");
    let cursor = next(acme, &filtered).await;
    let turned = acme.own(&format!("accounts?q=comp&cursor={cursor}&population=customers"));
    assert_eq!(acme.get(&turned).await.good()["items"].as_array().unwrap().len(), 2);
    // What somebody else's listing gave out says nothing of theirs here.
    let theirs = next(globex, &globex.own("accounts?limit=1")).await;
    refused(acme, &acme.own(&format!("accounts?cursor={theirs}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_gave_out_is_refused_and_never_an_error_of_ours() {
    let world = World::with_overlaps(6).await;
    let acme = &world.acme;
    let listings = [
        acme.own("accounts"),
        acme.own("members"),
        acme.own("tokens"),
        acme.own("populations"),
        acme.own("imports"),
        acme.own("partnerships"),
        acme.own("connections"),
        acme.own("installs"),
        acme.own("deliveries"),
        acme.own("runs"),
        acme.own("inbox"),
        acme.own("incidents"),
        acme.own("audit"),
        acme.own("api-usage"),
        acme.own(&format!("partnerships/{}/overlaps", world.partnership)),
        acme.own(&format!("partnerships/{}/unpaired", world.partnership)),
        "/v1/directory".to_owned(),
        "/v1/organizations".to_owned(),
        "/v1/marketplace/plugins".to_owned(),
    ];
    let good = next(acme, &acme.own("accounts?limit=1")).await;
    let mut flipped = good.clone().into_bytes();
    flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
    let account = acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let forged = [
        "x".to_owned(),
        String::new(),
        account,
        "A".repeat(60),
        "-_".repeat(4_000),
        "%27%20OR%201=1".to_owned(),
        String::from_utf8(flipped).unwrap(),
        good[..good.len() - 2].to_owned(),
        format!("{good}AA"),
    ];
    for listing in &listings {
        for cursor in &forged {
            refused(acme, &format!("{listing}?cursor={cursor}")).await;
        }
    }
    // What was on the page is gone: the page after it is what comes after.
    let last = acme.get(&acme.own("accounts?limit=1")).await.good();
    acme.import("replace", crate::support::world::rows(1..6, "A")).await;
    let path = acme.own(&format!("accounts?cursor={}", last["next"].as_str().unwrap()));
    let rest = acme.get(&path).await.good();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (5, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_every_size_is_the_same_listing() {
    let world = World::with_overlaps(5).await;
    let acme = &world.acme;
    let all = acme.all("accounts").await;
    for size in [1, 2, 3, 5, 200] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = acme.get(&acme.own(&format!("accounts?limit={size}{cursor}"))).await.good();
            seen.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, all, "{size}");
    }
}
