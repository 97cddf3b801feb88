//! The same thing is the same bytes, by whichever way it comes.
use crate::support::{Actor, World, guest};
use serde_json::{Value, json};

/// The raw text of an item of a page.
fn raw_items(text: &str) -> Vec<String> {
    // Members keep their order and numbers their text, so writing it again is
    // what was sent; that is held here too.
    let page: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&page).unwrap(), text);
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| serde_json::to_string(item).unwrap())
        .collect()
}

async fn items(actor: &Actor, path: &str) -> Vec<String> {
    let answer = actor.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    raw_items(&answer.text)
}

async fn one(actor: &Actor, path: &str) -> String {
    let answer = actor.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text
}

fn id_of(raw: &str) -> String {
    serde_json::from_str::<Value>(raw).unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_the_same_bytes_by_every_route() {
    let world = World::with_overlaps(3).await;
    let acme = &world.acme;
    for whole in items(acme, &acme.own("accounts")).await {
        let account: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(one(acme, &acme.own(&format!("accounts/{}", id_of(&whole)))).await, whole);
        let domain = account["domain"].as_str().unwrap();
        assert_eq!(
            items(acme, &acme.own(&format!("accounts?domain={domain}"))).await,
            std::slice::from_ref(&whole)
        );
        let name = account["name"].as_str().unwrap().replace(' ', "%20");
        assert_eq!(items(acme, &acme.own(&format!("accounts?q={name}"))).await, [whole]);
    }
    let by_id = acme.get("/v1/organizations/acme").await.good()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/organizations/{by_id}/accounts");
    assert_eq!(items(acme, &path).await, items(acme, &acme.own("accounts")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_is_the_same_bytes_by_every_route() {
    let world = World::with_overlaps(3).await;
    for side in [&world.acme, &world.globex] {
        if side.org == "globex" {
            world.share(&world.acme, "overlaps", &["name"], "view").await;
        }
        let place = side.own(&format!("partnerships/{}", world.partnership));
        let all = items(side, &format!("{place}/overlaps")).await;
        assert_eq!(all.len(), 3);
        for whole in &all {
            let overlap: Value = serde_json::from_str(whole).unwrap();
            assert_eq!(one(side, &format!("{place}/overlaps/{}", id_of(whole))).await, *whole);
            let domain = overlap["domain"].as_str().unwrap();
            let by_domain = items(side, &format!("{place}/overlaps?domain={domain}")).await;
            assert_eq!(by_domain, std::slice::from_ref(whole));
        }
        // From a cell of the matrix to what it counts.
        let matrix = side.get(&format!("{place}/matrix")).await.good();
        for cell in matrix["cells"].as_array().unwrap() {
            let (ours, theirs) = (&cell["our_population"], &cell["their_population"]);
            let path = format!(
                "{place}/overlaps?our_population={}&their_population={}",
                ours.as_str().unwrap(),
                theirs.as_str().unwrap()
            );
            let counted = items(side, &path).await;
            assert_eq!(counted.len(), usize::try_from(cell["count"].as_u64().unwrap()).unwrap());
            assert!(counted.iter().all(|overlap| all.contains(overlap)));
        }
    }
    // One that is hidden is not there, and neither is one of another partnership.
    let id = id_of(
        &items(
            &world.acme,
            &world.acme.own(&format!("partnerships/{}/overlaps", world.partnership)),
        )
        .await[0],
    );
    world.share(&world.globex, "counts", &[], "view").await;
    let path = world.acme.own(&format!("partnerships/{}/overlaps/{id}", world.partnership));
    world.acme.get(&path).await.refused(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_listed_is_the_same_alone() {
    let world = World::with_overlaps(2).await;
    world.listed(&World::manifest("script"), guest("script")).await;
    let install = world.enabled("script", &world.grant(), &json!({})).await;
    world.runs(&install).await;
    let acme = &world.acme;
    for noun in ["imports", "connections", "installs", "runs"] {
        for whole in items(acme, &acme.own(noun)).await {
            let path = acme.own(&format!("{noun}/{}", id_of(&whole)));
            assert_eq!(one(acme, &path).await, whole, "{noun}");
        }
    }
    let publisher = &world.publisher;
    let releases = items(publisher, &publisher.own("plugins/script/releases")).await;
    for whole in &releases {
        let path = publisher.own(&format!("plugins/script/releases/{}", id_of(whole)));
        assert_eq!(one(publisher, &path).await, *whole);
    }
    assert_eq!(items(&world.host.platform, "/v1/review/releases").await, releases);
    for whole in items(acme, "/v1/marketplace/plugins").await {
        let name =
            serde_json::from_str::<Value>(&whole).unwrap()["name"].as_str().unwrap().to_owned();
        assert_eq!(one(acme, &format!("/v1/marketplace/plugins/{name}")).await, whole);
    }
}
