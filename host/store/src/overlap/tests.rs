#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
//! Who sees what. Every field of every account carries a canary, so a value
//! that a rule withholds is found wherever it turns up.
use venn_domain::{
    capability::OverlapFields,
    id::InstallId,
    overlap::OverlapQuery,
    sharing::{Level, Purpose},
};

use super::{OverlapFilter, counts::DAY_MS};
use crate::pairing::fixture::{ACTOR, Two, rule};

mod changes;

const CUSTOMERS: [&str; 2] = ["customers", "customers"];
const FIELDS: [&str; 7] = ["name", "website", "owner", "stage", "amount", "created-on", "tier"];

fn all_fields() -> OverlapFields {
    let mut fields = OverlapFields::default();
    for field in FIELDS {
        fields.insert(&format!("our-{field}"));
        fields.insert(&format!("their-{field}"));
    }
    fields
}

fn query(limit: u32, cursor: Option<String>) -> OverlapQuery {
    OverlapQuery { limit, cursor, ..OverlapQuery::default() }
}

/// One overlap of `mine` (left) and `secret` (right), by a link, and an install
/// on the left.
async fn one_overlap() -> (Two, InstallId) {
    let two = Two::agreed().await;
    two.account(&two.left, "mine", "acme.com", "customers").await;
    two.account(&two.right, "secret", "acme.com", "customers").await;
    two.store.sql("UPDATE account SET name = 'canary-' || name || '-name'").await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let batch = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    let (left, right) = (batch.left[0].id.clone(), batch.right[0].id.clone());
    let pair = crate::pairing::FoundPair { left, right, evidence: "host", confidence: "likely" };
    let found = crate::pairing::Found { pairs: vec![pair], unpaired: vec![] };
    let install = two.install(&two.left, "").await;
    two.store.sql("UPDATE install_partnership SET start_no = 0").await;
    two.store.write_pairing(batch, found).await.unwrap();
    (two, install)
}

/// Everything that the left side's install is told, as one text.
async fn told_to_plugin(two: &Two, install: &InstallId, needed: Purpose) -> String {
    let scope = two.scope(&two.left, install, needed);
    let fields = all_fields();
    let store = &two.store;
    let found = store.plugin_overlaps(&scope, &query(10, None), &fields).await.unwrap();
    let looked = store.plugin_lookup(&scope, "acme.com", &fields, 10).await.unwrap();
    let counts = store.plugin_counts(&scope).await.unwrap();
    let changes = store.plugin_changes(&scope, &two.id, None, &fields, 10).await.unwrap();
    format!(
        "{} {} {} {}",
        serde_json::to_string(&found).unwrap(),
        serde_json::to_string(&looked).unwrap(),
        serde_json::to_string(&counts).unwrap(),
        serde_json::to_string(&changes).unwrap()
    )
}

/// Everything that the left side's people are told, as one text.
async fn told_to_people(two: &Two) -> String {
    let store = &two.store;
    let filter = OverlapFilter::default();
    let overlaps = store.people_overlaps(&two.left, &two.id, &filter, None, 10).await.unwrap();
    let unpaired = store.people_unpaired(&two.left, &two.id, None, 10).await.unwrap();
    let matrix = store.people_matrix(&two.left, &two.id).await.unwrap();
    let overlaps: Vec<_> = overlaps.unwrap().items.into_iter().map(|seen| seen.overlap).collect();
    format!("{} {unpaired:?} {matrix:?}", serde_json::to_string(&overlaps).unwrap())
}

#[tokio::test]
async fn level_purpose_and_fields_decide_what_is_told() {
    let (two, install) = one_overlap().await;
    for level in [Level::Hidden, Level::Counts, Level::Overlaps, Level::All] {
        for purpose in [Purpose::View, Purpose::Plugins, Purpose::Egress] {
            for shared in [&[][..], &["name"], &["owner", "tier"], &FIELDS] {
                two.share(&two.right, vec![rule("customers", level, shared, purpose)]).await;
                let readers = [
                    (told_to_people(&two).await, level >= Level::Overlaps),
                    (
                        told_to_plugin(&two, &install, Purpose::Plugins).await,
                        level >= Level::Overlaps && purpose >= Purpose::Plugins,
                    ),
                    (
                        told_to_plugin(&two, &install, Purpose::Egress).await,
                        level >= Level::Overlaps && purpose == Purpose::Egress,
                    ),
                ];
                for (n, (told, reads)) in readers.iter().enumerate() {
                    let case = format!("reader {n}, {level:?} for {purpose:?} with {shared:?}");
                    assert_eq!(told.contains("ovl_"), *reads, "{case}: {told}");
                    assert_eq!(told.contains("canary-mine-owner"), *reads, "{case}: {told}");
                    for field in FIELDS {
                        let expected = *reads && shared.contains(&field);
                        let canary = format!("canary-secret-{field}");
                        assert_eq!(told.contains(&canary), expected, "{case}, {canary}: {told}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_withheld_is_named_and_the_partner_too() {
    let (two, install) = one_overlap().await;
    let scope = two.scope(&two.left, &install, Purpose::Egress);
    let mut fields = OverlapFields::default();
    for name in ["our-name", "their-name", "their-amount", "their-tier"] {
        fields.insert(name);
    }
    two.share(&two.right, vec![rule("customers", Level::Overlaps, &["name"], Purpose::Egress)])
        .await;
    let page = two.store.plugin_overlaps(&scope, &query(10, None), &fields).await.unwrap();
    assert_eq!(page.withheld, ["their-amount", "their-tier"]);
    assert!(page.withheld_partners.is_empty());
    assert_eq!(page.items[0].their_name, "canary-secret-name");
    assert_eq!(
        (page.items[0].our_owner.as_str(), page.items[0].extra.len()),
        ("", 0),
        "not asked for"
    );
    two.share(&two.right, vec![rule("customers", Level::Overlaps, &["name"], Purpose::Plugins)])
        .await;
    let page = two.store.plugin_overlaps(&scope, &query(10, None), &fields).await.unwrap();
    assert_eq!((page.items.len(), page.withheld.len()), (0, 0));
    assert_eq!(page.withheld_partners, ["Name of right"]);
}

#[tokio::test]
async fn that_hidden_rows_exist_changes_nothing_that_is_told() {
    let told = |two: Two, install: InstallId| async move {
        let mut all = told_to_plugin(&two, &install, Purpose::Plugins).await;
        all += &told_to_people(&two).await;
        // Ids count up with everything that is made.
        all.replace(two.id.as_str(), "pty")
    };
    let rules = || vec![rule("customers", Level::Overlaps, &["name"], Purpose::Plugins)];
    let mut answers = Vec::new();
    for hidden in [true, false] {
        let two = Two::agreed().await;
        two.account(&two.left, "looked for", "acme.com", "customers").await;
        if hidden {
            two.account(&two.right, "looked for", "acme.com", "prospects").await;
            two.account(&two.right, "looked for too", "acme.com", "prospects").await;
        }
        two.pair().await;
        two.share(&two.right, rules()).await;
        let install = two.install(&two.left, "").await;
        let mut answer = told(two, install).await;
        // The cursor is sealed: it tells nothing but that it is another one.
        let at = answer.find(r#""cursor":"#).unwrap();
        let end = answer[at..].find(r#"","more""#).map_or(at, |end| at + end);
        answer.replace_range(at..end, "");
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_rule_taken_back_between_two_pages_ends_the_reading() {
    let two = Two::agreed().await;
    for n in 0..6 {
        two.both("acme", &format!("acme{n}.com"), CUSTOMERS).await;
    }
    two.pair().await;
    two.share_all(&two.right).await;
    let install = two.install(&two.left, "").await;
    let scope = two.scope(&two.left, &install, Purpose::Egress);
    let fields = OverlapFields::core();
    let read = |cursor| {
        let (two, scope, fields) = (&two, &scope, &fields);
        async move { two.store.plugin_overlaps(scope, &query(2, cursor), fields).await.unwrap() }
    };
    let first = read(None).await;
    assert_eq!(first.items.len(), 2);
    let second = read(first.cursor.clone()).await;
    assert_eq!(second.items.len(), 2);
    assert!(first.items[1].id < second.items[0].id);
    let third = read(second.cursor.clone()).await;
    assert_eq!((third.items.len(), third.cursor), (2, None));
    // An account moves to a population that is not shared; pairing has not run yet.
    two.share(&two.right, vec![rule("customers", Level::All, &[], Purpose::Egress)]).await;
    two.store.sql("UPDATE account SET population = 'prospects' WHERE domain = 'acme2.com'").await;
    assert_eq!(read(first.cursor.clone()).await.items[0].domain, "acme3.com");
    // The grant goes, then the rule, then the partnership.
    two.store.sql("UPDATE install SET state = 'paused'").await;
    assert!(read(first.cursor.clone()).await.items.is_empty());
    two.store.sql("UPDATE install SET state = 'active'").await;
    assert!(!read(first.cursor.clone()).await.items.is_empty());
    two.share(&two.right, vec![]).await;
    assert!(read(first.cursor.clone()).await.items.is_empty());
    two.share_all(&two.right).await;
    two.store.end_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    let ended = read(first.cursor).await;
    assert!(ended.items.is_empty() && ended.withheld_partners.is_empty());
}

#[tokio::test]
async fn only_granted_populations_of_ours_are_read() {
    let two = Two::agreed().await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    two.both("beta", "beta.com", ["prospects", "customers"]).await;
    two.share_all(&two.right).await;
    two.pair().await;
    let install = two.install(&two.left, "").await;
    let mut scope = two.scope(&two.left, &install, Purpose::Plugins);
    scope.our_populations = vec!["customers".to_owned()];
    let fields = OverlapFields::core();
    let page = two.store.plugin_overlaps(&scope, &query(10, None), &fields).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].our_name, "acme");
    assert!(
        two.store.plugin_lookup(&scope, "beta.com", &fields, 10).await.unwrap().items.is_empty()
    );
    let counts = two.store.plugin_counts(&scope).await.unwrap();
    assert!(counts.iter().all(|count| count.our_population == "customers"));
    let mut prospects = query(10, None);
    prospects.our_populations = vec!["prospects".to_owned()];
    let page = two.store.plugin_overlaps(&scope, &prospects, &fields).await.unwrap();
    assert!(page.items.is_empty(), "asking does not widen the grant");
    scope.our_populations.clear();
    let page = two.store.plugin_overlaps(&scope, &query(10, None), &fields).await.unwrap();
    assert!(page.items.is_empty(), "no population granted is none");
}

#[tokio::test]
async fn counts_hide_small_numbers_and_hidden_populations() {
    let two = Two::agreed().await;
    for n in 0..4 {
        two.both("acme", &format!("acme{n}.com"), CUSTOMERS).await;
    }
    two.both("beta", "beta.com", ["customers", "prospects"]).await;
    two.pair().await;
    let cells = |rules| {
        let two = &two;
        async move {
            two.share(&two.right, rules).await;
            let matrix = two.store.people_matrix(&two.left, &two.id).await.unwrap().unwrap();
            let cells = matrix.cells.iter().map(|cell| {
                let count = if cell.suppressed { "few".to_owned() } else { cell.count.to_string() };
                format!("{} {} {count}", cell.our_population, cell.their_population)
            });
            (cells.collect::<Vec<_>>(), matrix.overlaps)
        }
    };
    let counts = || rule("customers", Level::Counts, &[], Purpose::View);
    assert_eq!(cells(vec![]).await, (vec![], 0));
    // None and few look the same.
    let few =
        ["customers customers few", "prospects customers few"].map(ToOwned::to_owned).to_vec();
    assert_eq!(cells(vec![counts()]).await, (few, 0));
    let open = vec![counts(), rule("prospects", Level::Overlaps, &[], Purpose::View)];
    let (cells_now, sum) = cells(open).await;
    assert_eq!(cells_now[1], "customers prospects 1");
    assert_eq!(cells_now[3], "prospects prospects 0");
    assert_eq!(sum, 1);
    two.both("acme", "acme9.com", CUSTOMERS).await;
    two.pair().await;
    // The day's first look stands, whatever is imported meanwhile.
    assert_eq!(cells(vec![counts()]).await.0[0], "customers customers few");
    two.store.clock.advance_ms(DAY_MS / 24);
    assert_eq!(cells(vec![counts()]).await.0[0], "customers customers few", "all day");
    two.store.clock.advance_ms(DAY_MS);
    let five = cells(vec![counts()]).await;
    assert_eq!((five.0[0].as_str(), five.1), ("customers customers 5", 5));
    // Six are five, and while something is not paired yet they are few.
    two.both("acme", "acme10.com", CUSTOMERS).await;
    two.store.clock.advance_ms(DAY_MS);
    assert_eq!(cells(vec![counts()]).await.0[0], "customers customers few");
    two.pair().await;
    assert_eq!(cells(vec![counts()]).await.0[0], "customers customers 5");
    two.store.set_count_floor(6);
    assert_eq!(cells(vec![counts()]).await.0[0], "customers customers 6");
    // The partner's other side, and plugins, are told of the same moment; an end forgets it.
    assert_eq!(two.store.number("SELECT COUNT(*) FROM count_snapshot").await, 1);
    two.store.end_partnership(ACTOR, &two.left, &two.id).await.unwrap();
    assert_eq!(two.store.number("SELECT COUNT(*) FROM count_snapshot").await, 0);
}

#[tokio::test]
async fn leftovers_of_the_partner_are_told_at_level_all_only() {
    let two = Two::agreed().await;
    two.account(&two.left, "mine", "acme.com", "customers").await;
    two.account(&two.right, "canary", "acme.com", "customers").await;
    two.pair().await;
    let told = |level, fields: &'static [&'static str]| {
        let two = &two;
        async move {
            two.share(&two.right, vec![rule("customers", level, fields, Purpose::View)]).await;
            let page =
                two.store.people_unpaired(&two.left, &two.id, None, 10).await.unwrap().unwrap();
            page.items.into_iter().map(|item| (item.is_ours, item.name)).collect::<Vec<_>>()
        }
    };
    let mine = || (true, "mine".to_owned());
    // That ours is left over on this domain says that the partner has it too.
    assert_eq!(told(Level::Hidden, &["name"]).await, []);
    assert_eq!(told(Level::Counts, &["name"]).await, []);
    assert_eq!(told(Level::Overlaps, &["name"]).await, [mine()]);
    assert_eq!(told(Level::All, &[]).await, [mine(), (false, String::new())]);
    assert_eq!(told(Level::All, &["name"]).await, [mine(), (false, "canary".to_owned())]);
}

#[tokio::test]
async fn why_not_knows_nothing_of_hidden_accounts() {
    let mut answers = Vec::new();
    for hidden in [true, false] {
        let two = Two::agreed().await;
        two.share(&two.right, vec![rule("customers", Level::Overlaps, &["name"], Purpose::View)])
            .await;
        let ours = two.account(&two.left, "acme", "acme.com", "customers").await;
        if hidden {
            two.account(&two.right, "acme", "acme.com", "prospects").await;
            two.account(&two.right, "left over", "acme.com", "customers").await;
        }
        two.pair().await;
        answers.push(two.store.why_not(&two.left, &two.id, &ours).await.unwrap().unwrap());
    }
    for answer in &mut answers {
        // Ids count up with everything that is made.
        answer.account.id.clear();
        answer.ours[0].id.clear();
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].theirs.is_empty() && answers[0].paired.is_none());
}

#[tokio::test]
async fn people_filter_their_overlaps() {
    let two = Two::agreed().await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    two.both("beta", "beta.com", ["customers", "prospects"]).await;
    two.share_all(&two.right).await;
    two.pair().await;
    let told = |filter: OverlapFilter| {
        let two = &two;
        async move {
            let page = two.store.people_overlaps(&two.left, &two.id, &filter, None, 1).await;
            let page = page.unwrap().unwrap();
            (page.items[0].overlap.domain.clone(), page.next.is_some())
        }
    };
    assert_eq!(told(OverlapFilter::default()).await, ("acme.com".to_owned(), true));
    let filter = OverlapFilter { their_population: Some("prospects".into()), ..Default::default() };
    assert_eq!(told(filter).await, ("beta.com".to_owned(), false));
    let filter = OverlapFilter { domain: Some("beta.com".into()), ..Default::default() };
    assert_eq!(told(filter).await, ("beta.com".to_owned(), false));
    // The other side sees the same overlap from its side.
    two.share_all(&two.left).await;
    let filter = OverlapFilter { our_population: Some("prospects".into()), ..Default::default() };
    let page =
        two.store.people_overlaps(&two.right, &two.id, &filter, None, 10).await.unwrap().unwrap();
    let overlap = &page.items[0].overlap;
    assert_eq!(overlap.their_owner, "canary-beta-owner");
    assert_eq!((overlap.partner.as_str(), page.items.len()), ("Name of left", 1));
}
