//! Pairs: counts that agree with the list, leftovers, "why not?", and what
//! people decide, which outlives every import.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::put_rules;
use crate::support::{Actor, World, list};

/// Shows everything of all populations to the partner.
fn everything() -> Value {
    let rule = |population: &str| json!({ "population": population, "level": "all", "fields": ["name", "owner"], "purpose": "egress" });
    json!(["customers", "open-opportunities", "prospects"].map(rule))
}

/// Two customers with these lists, everything shared.
async fn paired(acme: impl Into<Vec<u8>>, globex: impl Into<Vec<u8>>) -> World {
    let world = World::start().await;
    world.acme.import("replace", acme).await;
    world.globex.import("replace", globex).await;
    put_rules(&world.acme, &world.partnership, everything()).await;
    put_rules(&world.globex, &world.partnership, everything()).await;
    world.paired().await;
    world
}

fn salesforce(rows: &[(&str, &str, &str)]) -> String {
    let row = |(id, name, website): &(&str, &str, &str)| {
        format!("{id},\"{name}\",{website},Customer,,\n")
    };
    "Id,Name,Website,Type,Owner.Name,Open_Opportunity_Amount\n".to_owned()
        + &rows.iter().map(row).collect::<String>()
}

async fn of(actor: &Actor, world: &World, what: &str) -> Vec<Value> {
    actor.all(&format!("partnerships/{}/{what}", world.partnership)).await
}

fn counted(overlaps: &[Value]) -> BTreeMap<(String, String), u64> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    overlaps.iter().fold(BTreeMap::new(), |mut counts, overlap| {
        let pair = (text(&overlap["our_population"]), text(&overlap["their_population"]));
        *counts.entry(pair).or_default() += 1;
        counts
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_of_the_real_lists_is_what_a_recount_gives_on_both_sides() {
    let world =
        paired(list("hubspot-companies-export.csv"), list("salesforce-accounts-export.csv")).await;
    let mut seen = Vec::new();
    for side in [&world.acme, &world.globex] {
        let overlaps = of(side, &world, "overlaps").await;
        assert!(overlaps.len() > 300, "{}", overlaps.len());
        let path = side.own(&format!("partnerships/{}/matrix", world.partnership));
        let matrix = side.get(&path).await.good();
        assert_eq!(matrix["overlaps"], overlaps.len());
        let recount = counted(&overlaps);
        assert_eq!(matrix["cells"].as_array().unwrap().len(), 9);
        for cell in matrix["cells"].as_array().unwrap() {
            let pair = ["our_population", "their_population"]
                .map(|key| cell[key].as_str().unwrap().to_owned());
            let query = format!("overlaps?our_population={}&their_population={}", pair[0], pair[1]);
            let key: (String, String) = pair.clone().into();
            let expected = recount.get(&key).copied().unwrap_or_default();
            assert_eq!(
                (&cell["count"], &cell["suppressed"]),
                (&json!(expected), &json!(false)),
                "{cell}"
            );
            assert_eq!(of(side, &world, &query).await.len() as u64, expected);
        }
        // One account of ours is paired with one of theirs.
        for key in ["our_account", "their_account", "id"] {
            let distinct: BTreeSet<_> =
                overlaps.iter().map(|overlap| overlap[key].to_string()).collect();
            assert_eq!(distinct.len(), overlaps.len(), "{key}");
        }
        let by_confidence = ["sure", "likely"].map(|level| format!("overlaps?confidence={level}"));
        let [sure, likely] = by_confidence;
        let split = of(side, &world, &sure).await.len() + of(side, &world, &likely).await.len();
        assert_eq!(split, overlaps.len());
        // A leftover is in no overlap.
        let unpaired = of(side, &world, "unpaired").await;
        assert!(!unpaired.is_empty());
        for leftover in unpaired {
            let key = if leftover["side"] == "ours" { "our_account" } else { "their_account" };
            assert!(
                overlaps.iter().all(|overlap| overlap[key] != leftover["account"]),
                "{leftover}"
            );
        }
        seen.push(overlaps);
    }
    let ids = |overlaps: &[Value]| {
        overlaps.iter().map(|one| one["id"].to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&seen[0]), ids(&seen[1]), "both sides see the same pairs");
}

/// "Why not?" for the account of that id in the CRM: the answer and its text.
async fn why_not(actor: &Actor, world: &World, external_id: &str) -> (String, String) {
    let accounts = actor.all("accounts").await;
    let account = accounts.iter().find(|one| one["external_id"] == external_id).unwrap();
    let path = format!(
        "accounts/{}/why-not?partnership={}",
        account["id"].as_str().unwrap(),
        world.partnership
    );
    let answer = actor.get(&actor.own(&path)).await.good();
    (answer["answer"].as_str().unwrap().to_owned(), answer["text"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn why_not_has_an_answer_for_every_account() {
    let ours = [
        ("a1", "Acme Cloud", "acme.com"),
        ("a2", "Initech", "initech.com"),
        ("a3", "Nowhere", ""),
        ("a4", "Mailer", "gmail.com"),
        ("a5", "Initech Labs", "labs.initech.com"),
        ("a6", "Alone", "alone.com"),
    ];
    let theirs = [
        ("g1", "Acme Cloud", "acme.com"),
        ("g2", "Initech", "www.initech.com"),
        ("g3", "Zebra", "zoo.alone.com"),
    ];
    let world = paired(salesforce(&ours), salesforce(&theirs)).await;
    let acme = &world.acme;
    let nothing = "Nothing that Globex shares with you pairs with this account. It may have no account of this company, or not share it with you.";
    assert_eq!(
        why_not(acme, &world, "a1").await,
        (
            "paired".to_owned(),
            "Paired with \u{201c}Acme Cloud\u{201d}: equal host and equal name (sure).".to_owned()
        )
    );
    let (answer, text) = why_not(acme, &world, "a5").await;
    assert_eq!(answer, "unpaired");
    assert!(
        text.starts_with(
            "\u{201c}Initech\u{201d} is paired with \u{201c}Initech\u{201d} already: "
        ),
        "{text}"
    );
    let (answer, text) = why_not(acme, &world, "a6").await;
    assert_eq!(answer, "unpaired");
    assert!(text.starts_with("The name of \u{201c}Zebra\u{201d} is too different: "), "{text}");
    for none in ["a3", "a4"] {
        let (answer, text) = why_not(acme, &world, none).await;
        assert_eq!(answer, "no-domain", "{text}");
        assert!(!text.is_empty());
    }
    // Hidden and not there are one answer, to the letter.
    put_rules(&world.globex, &world.partnership, json!([])).await;
    for id in ["a1", "a2", "a5", "a6"] {
        assert_eq!(
            why_not(acme, &world, id).await,
            ("nothing-visible".to_owned(), nothing.to_owned())
        );
    }
}

/// Decides about two accounts by their ids in the CRMs.
async fn decide(world: &World, ours: &str, theirs: &str, decision: &str) {
    let id = |accounts: Vec<Value>, external: &str| {
        accounts.iter().find(|one| one["external_id"] == external).unwrap()["id"].clone()
    };
    let body = json!({
        "our_account": id(world.acme.all("accounts").await, ours),
        "their_account": id(world.globex.all("accounts").await, theirs),
        "decision": decision,
    });
    let path = world.acme.own(&format!("partnerships/{}/pairings", world.partnership));
    world.acme.post(&path, &body).await.good();
    world.paired().await;
}

/// Names on both sides, evidence and confidence.
async fn pairs(actor: &Actor, world: &World) -> BTreeSet<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let overlaps = of(actor, world, "overlaps").await;
    let members = ["our_name", "their_name", "evidence", "confidence"];
    overlaps.iter().map(|overlap| members.map(|key| text(&overlap[key]))).collect()
}

fn set<const N: usize>(pairs: [[&str; 4]; N]) -> BTreeSet<[String; 4]> {
    pairs.map(|pair| pair.map(str::to_owned)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decide_counts_for_both_and_outlives_imports() {
    let ours =
        [("a1", "Acme", "acme.com"), ("a2", "Brand", "brand.com"), ("a3", "Old Name", "old.com")];
    let theirs = [
        ("g1", "Acme", "acme.com"),
        ("g2", "Other Brand", "brand.com"),
        ("g3", "New Name", "new.com"),
    ];
    let (ours_csv, theirs_csv) = (salesforce(&ours), salesforce(&theirs));
    let world = paired(ours_csv.clone(), theirs_csv.clone()).await;
    let sure = ["Acme", "Acme", "host-and-name", "sure"];
    assert_eq!(
        pairs(&world.acme, &world).await,
        set([sure, ["Brand", "Other Brand", "host", "likely"]])
    );

    decide(&world, "a1", "g1", "reject").await;
    decide(&world, "a2", "g2", "confirm").await;
    decide(&world, "a3", "g3", "link").await;
    let confirmed = ["Brand", "Other Brand", "confirmed", "sure"];
    let linked = ["Old Name", "New Name", "linked", "sure"];
    let decided = set([confirmed, linked]);
    assert_eq!(pairs(&world.acme, &world).await, decided);
    let mirrored: BTreeSet<_> =
        decided.iter().map(|[a, b, c, d]| [b.clone(), a.clone(), c.clone(), d.clone()]).collect();
    assert_eq!(pairs(&world.globex, &world).await, mirrored);
    let (answer, text) = why_not(&world.acme, &world, "a1").await;
    assert_eq!(answer, "unpaired");
    assert_eq!(
        text,
        "Not paired with \u{201c}Acme\u{201d}: a person said that they are different companies."
    );

    // The same lists again; then one account goes and comes back.
    world.acme.import("replace", ours_csv.clone()).await;
    world.globex.import("replace", theirs_csv).await;
    world.paired().await;
    assert_eq!(pairs(&world.acme, &world).await, decided);
    let fewer = world.acme.import("replace", salesforce(&ours[..2])).await;
    let confirm = world.acme.own(&format!("imports/{}/confirm", fewer["id"].as_str().unwrap()));
    world.acme.post(&confirm, &json!({})).await.good();
    let path = confirm.strip_suffix("/confirm").unwrap();
    world.acme.until(path, |import| import["state"] == "done").await;
    world.paired().await;
    assert_eq!(pairs(&world.acme, &world).await, set([confirmed]));
    world.acme.import("replace", ours_csv).await;
    world.paired().await;
    assert_eq!(pairs(&world.acme, &world).await, decided, "the link is remembered");
    for side in [&world.acme, &world.globex] {
        assert_eq!(side.all("audit?action=pairing.").await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_what_they_cannot_see() {
    let world = paired(
        salesforce(&[("a1", "Acme", "acme.com")]),
        salesforce(&[("g1", "Acme", "acme.com")]),
    )
    .await;
    let overlap = of(&world.acme, &world, "overlaps").await.remove(0);
    put_rules(&world.globex, &world.partnership, json!([])).await;
    let path = world.acme.own(&format!("partnerships/{}/pairings", world.partnership));
    let mut texts = BTreeSet::new();
    let nobody = json!("acc_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    for (ours, theirs) in [
        (&overlap["our_account"], &overlap["their_account"]),
        (&overlap["our_account"], &nobody),
        (&nobody, &overlap["their_account"]),
        (&overlap["their_account"], &overlap["our_account"]),
        (&overlap["our_account"], &overlap["our_account"]),
    ] {
        let body = json!({ "our_account": ours, "their_account": theirs, "decision": "link" });
        let answer = world.acme.post(&path, &body).await;
        texts.insert(answer.text.clone());
        answer.refused(404, "not-found");
    }
    assert_eq!(texts.len(), 1, "hidden, not there and not a partner's are one answer: {texts:?}");
    let body = json!({ "our_account": nobody, "their_account": nobody, "decision": "maybe" });
    let refused = world.acme.post(&path, &body).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "decision: it is none of `confirm`, `reject` and `link`.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_of_both_sees_nothing_of_what_is_between_them() {
    let world = paired(
        salesforce(&[("a1", "Acme", "acme.com")]),
        salesforce(&[("g1", "Acme", "acme.com")]),
    )
    .await;
    let hooli = world.host.organization("hooli", true, false).await;
    hooli.import("replace", salesforce(&[("h1", "Acme", "acme.com")])).await;
    let own = super::propose(&world.acme, "hooli").await;
    hooli.post(&hooli.own(&format!("partnerships/{own}/accept")), &json!({})).await.good();
    let path = hooli.own(&format!("partnerships/{own}"));
    hooli.until(&path, |one| one["pending_domains"] == 0).await;
    // Rules towards Globex are not rules towards Hooli.
    assert_eq!(hooli.all(&format!("partnerships/{own}/overlaps")).await, Vec::<Value>::new());
    assert_eq!(hooli.all("partnerships").await.len(), 1);
    for what in ["", "/matrix", "/overlaps", "/unpaired", "/sharing-rules"] {
        let path = hooli.own(&format!("partnerships/{}{what}", world.partnership));
        hooli.get(&path).await.refused(404, "not-found");
    }
    let directory = hooli.get("/v1/directory?limit=200").await.good();
    let keys = ["id", "slug", "name", "customer", "publisher"];
    for entry in directory["items"].as_array().unwrap() {
        assert_eq!(entry.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
    }
}
