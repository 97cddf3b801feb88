//! Level, fields and purpose: what the partner's people see is what the rule
//! says, and a value that it hides is in no answer whatsoever.
use serde_json::{Value, json};

use super::{propose, put_rules, two};
use crate::support::{Actor, Host, world::rows};

/// Globex's companies: each value of each field is a canary of its own.
/// 1 to 6 are Acme's too; 7 is on a domain of Acme's but not paired; 8 on none.
fn canaries() -> String {
    let row = |n: usize, host: &str| {
        format!(
            "canaryid{n},Canaryname{n},https://{host}/canarywebsite{n},canarystage,canaryowner{n},7770{n},1999-01-0{n},canarytier{n}\n"
        )
    };
    let mut list = "Nr,Company,Web,State,Who,Sum,Since,Tier\n".to_owned();
    for n in 1..=6 {
        list += &row(n, &format!("company-{n}.com"));
    }
    list + &row(7, "other.company-1.com") + &row(8, "canarydomain.com")
}

/// Every field by the name of a rule, with what its canaries begin with.
const FIELDS: [(&str, &str, &str); 7] = [
    ("name", "Canaryname", "their_name"),
    ("website", "canarywebsite", "their_website"),
    ("stage", "canarystage", "their_stage"),
    ("owner", "canaryowner", "their_owner"),
    ("amount", "7770", "their_amount"),
    ("created-on", "1999-01-0", "their_created_on"),
    ("Tier", "canarytier", "their-Tier"),
];

struct Pair {
    host: Host,
    acme: Actor,
    globex: Actor,
    id: String,
}

impl Pair {
    async fn start() -> Self {
        let (host, acme, globex) = two().await;
        acme.import("replace", rows(0..7, "A")).await;
        let body = json!({
            "mode": "merge", "file_name": "canaries.csv", "stages": { "canarystage": "customers" },
            "columns": { "external_id": "Nr", "name": "Company", "website": "Web", "stage": "State",
                         "owner": "Who", "amount": "Sum", "created_on": "Since", "extra": ["Tier"] },
        });
        globex.import("replace", "Id,Name,Website\nx,X,canarydomain.com\n").await;
        let stale = globex.all("imports").await[0]["id"].as_str().unwrap().to_owned();
        globex.post(&globex.own(&format!("imports/{stale}/confirm")), &json!({})).await.good();
        globex.until(&globex.own(&format!("imports/{stale}")), |one| one["state"] == "done").await;
        let import = globex.import_with(&body, canaries()).await;
        assert_eq!(import["added"], 8, "{import}");
        let id = propose(&acme, "globex").await;
        globex.post(&globex.own(&format!("partnerships/{id}/accept")), &json!({})).await.good();
        acme.until(&acme.own(&format!("partnerships/{id}")), |one| one["pending_domains"] == 0)
            .await;
        Self { host, acme, globex, id }
    }

    async fn rule(&self, level: &str, fields: &[&str], purpose: &str) {
        let rule = json!({ "population": "customers", "level": level, "fields": fields, "purpose": purpose });
        put_rules(&self.globex, &self.id, json!([rule])).await;
    }

    async fn overlaps(&self) -> Vec<Value> {
        self.acme.all(&format!("partnerships/{}/overlaps", self.id)).await
    }

    /// Everything that Acme can ask of anything, as one text.
    async fn all_that_acme_sees(&self) -> String {
        let mut paths = vec![
            "accounts?limit=200".to_owned(),
            "partnerships".to_owned(),
            "audit?limit=200".to_owned(),
            "inbox".to_owned(),
            "incidents".to_owned(),
            "populations".to_owned(),
            "runs".to_owned(),
            format!("partnerships/{}", self.id),
            format!("partnerships/{}/sharing-rules", self.id),
            format!("partnerships/{}/matrix", self.id),
            format!("partnerships/{}/overlaps?limit=200", self.id),
            format!("partnerships/{}/unpaired?limit=200", self.id),
        ];
        for account in self.acme.all("accounts").await {
            let id = account["id"].as_str().unwrap();
            paths.push(format!("accounts/{id}/why-not?partnership={}", self.id));
        }
        let mut seen = String::new();
        for path in paths {
            let answer = self.acme.get(&self.acme.own(&path)).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            seen += &answer.text;
        }
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_or_hidden_there_is_nothing_to_see() {
    let pair = Pair::start().await;
    let without = pair.all_that_acme_sees().await;
    pair.rule("hidden", &["name", "owner"], "egress").await;
    let hidden = pair.all_that_acme_sees().await;
    for seen in [&without, &hidden] {
        let lower = seen.to_lowercase();
        assert!(
            !lower.contains("canary") && !lower.contains("7770") && !lower.contains("1999"),
            "{seen}"
        );
    }
    let matrix =
        pair.acme.get(&pair.acme.own(&format!("partnerships/{}/matrix", pair.id))).await.good();
    assert_eq!(
        matrix,
        json!({ "cells": [], "overlaps": 0 }),
        "not even that the population exists"
    );
    assert_eq!(pair.overlaps().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_counts_and_small_ones_are_not_told() {
    let pair = Pair::start().await;
    pair.rule("counts", &["name", "owner"], "egress").await;
    let seen = pair.all_that_acme_sees().await;
    assert!(!seen.to_lowercase().contains("canary") && !seen.contains("7770"), "{seen}");
    assert_eq!(pair.overlaps().await, Vec::<Value>::new());
    let matrix =
        pair.acme.get(&pair.acme.own(&format!("partnerships/{}/matrix", pair.id))).await.good();
    let cell = |ours: &str, count: u64, suppressed: bool| json!({ "our_population": ours, "their_population": "customers", "count": count, "suppressed": suppressed });
    // Six are told as five; where there are none it looks as where there are few.
    let cells = [
        cell("customers", 5, false),
        cell("open-opportunities", 0, true),
        cell("prospects", 0, true),
    ];
    let first = json!({ "cells": cells, "overlaps": 5 });
    assert_eq!(matrix, first);
    // Two of the six become prospects of ours: neither number is told now.
    let list = rows(0..7, "A")
        .replace("https://company-1.com/,Customer", "https://company-1.com/,Prospect");
    let list = list.replace("https://company-2.com/,Customer", "https://company-2.com/,Prospect");
    pair.acme.import("replace", list).await;
    let path = pair.acme.own(&format!("partnerships/{}", pair.id));
    pair.acme.until(&path, |one| one["pending_domains"] == 0).await;
    // Not today: whoever changes a list by one account and looks again learns nothing.
    assert_eq!(pair.acme.get(&format!("{path}/matrix")).await.good(), first);
    pair.host.advance_ms(24 * 60 * 60 * 1_000);
    let matrix = pair.acme.get(&format!("{path}/matrix")).await.good();
    let cells = [
        cell("customers", 0, true),
        cell("open-opportunities", 0, true),
        cell("prospects", 0, true),
    ];
    assert_eq!(matrix, json!({ "cells": cells, "overlaps": 0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_show_the_shared_fields_and_no_other_value() {
    let pair = Pair::start().await;
    let sets: [&[&str]; 5] = [
        &[],
        &["name"],
        &["owner", "Tier"],
        &["amount", "created-on"],
        &["name", "website", "stage", "owner", "amount", "created-on", "Tier"],
    ];
    for level in ["overlaps", "all"] {
        for purpose in ["view", "plugins", "egress"] {
            for fields in sets {
                pair.rule(level, fields, purpose).await;
                check(&pair, level, fields).await;
            }
        }
    }
}

async fn check(pair: &Pair, level: &str, fields: &[&str]) {
    let overlaps = pair.overlaps().await;
    assert_eq!(overlaps.len(), 6, "{level} {fields:?}");
    let seen = pair.all_that_acme_sees().await;
    assert!(!seen.contains("canaryid"), "the partner's own ids stay with it");
    for (field, canary, member) in FIELDS {
        let shared = fields.contains(&field);
        assert_eq!(seen.contains(canary), shared, "{field} at {level} {fields:?}");
        for overlap in &overlaps {
            let value = overlap["extra"].get(member).or_else(|| overlap.get(member));
            let value = value.cloned().unwrap_or_default();
            let value = value.as_str().unwrap_or_default();
            assert_eq!(!value.is_empty(), shared, "{member} of {overlap}");
        }
    }
    // The leftovers of the partner only where every account is shared, and a
    // domain that we do not have at no level.
    let theirs = |side: &Value| side["side"] == "theirs";
    let unpaired = pair.acme.all(&format!("partnerships/{}/unpaired", pair.id)).await;
    let count = unpaired.iter().filter(|side| theirs(side)).count();
    assert_eq!(count, usize::from(level == "all"), "{unpaired:?}");
    let named = |n: usize| seen.contains(&format!("Canaryname{n}"));
    assert_eq!(named(7), level == "all" && fields.contains(&"name"));
    assert!(!named(8) && !seen.contains("canarydomain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_counts_at_once_and_each_side_sees_the_other_ones() {
    let pair = Pair::start().await;
    pair.rule("overlaps", &["owner"], "view").await;
    assert_eq!(pair.overlaps().await.len(), 6);
    let path = pair.acme.own(&format!("partnerships/{}/sharing-rules", pair.id));
    let seen = pair.acme.get(&path).await.good();
    let rule = json!({ "population": "customers", "level": "overlaps", "fields": ["owner"], "purpose": "view" });
    assert_eq!(seen, json!({ "ours": [], "theirs": [rule] }));
    // Globex sees nothing: Acme has no rule.
    assert_eq!(
        pair.globex.all(&format!("partnerships/{}/overlaps", pair.id)).await,
        Vec::<Value>::new()
    );
    pair.rule("counts", &["owner"], "view").await;
    assert_eq!(pair.overlaps().await, Vec::<Value>::new());
    put_rules(&pair.globex, &pair.id, json!([])).await;
    let matrix =
        pair.acme.get(&pair.acme.own(&format!("partnerships/{}/matrix", pair.id))).await.good();
    assert_eq!(matrix["cells"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_makes_no_sense_is_refused_at_its_place() {
    let pair = Pair::start().await;
    let path = pair.globex.own(&format!("partnerships/{}/sharing-rules", pair.id));
    let rule = |population: &str| json!({ "population": population, "level": "all", "fields": [], "purpose": "view" });
    let twice = json!({ "rules": [rule("customers"), rule("customers")] });
    let refused = pair.globex.put(&path, &twice).await.refused(422, "invalid");
    assert_eq!(refused["problems"][0]["place"], "rules[1].population");
    assert_eq!(refused["problems"][0]["reason"], "there are two rules for `customers`");
    let unknown = json!({ "rules": [rule("customers"), rule("vip")] });
    let refused = pair.globex.put(&path, &unknown).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "rules[1].population: you have no population `vip`.");
    let mut odd = rule("customers");
    odd["level"] = json!("everything");
    let refused = pair.globex.put(&path, &json!({ "rules": [odd] })).await.refused(400, "bad-body");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.contains("unknown variant, expected one of `hidden`, `counts`, `overlaps`, `all`"),
        "{detail}"
    );
    let rules = pair.globex.get(&path).await.good();
    assert_eq!(rules["ours"], json!([]), "nothing of it was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_names_only_fields_that_there_are_or_says_that_one_will_come() {
    let pair = Pair::start().await;
    let path = pair.globex.own(&format!("partnerships/{}/sharing-rules", pair.id));
    let rules = |fields: &[&str]| json!({ "rules": [{ "population": "customers", "level": "overlaps", "fields": fields, "purpose": "egress" }] });
    let refused =
        pair.globex.put(&path, &rules(&["owner", "nme", "tier"])).await.refused(422, "invalid");
    let allowed = "`name`, `website`, `owner`, `stage`, `amount`, `created-on`, `Tier`";
    let problem = |field: &str, meant: &str| {
        json!({
            "place": "rules[0].fields",
            "reason": format!("none of your accounts has a field `{field}`; did you mean `{meant}`?"),
            "next_step": format!("Use {allowed}; or `extra.{field}` for a further value that a later list brings"),
        })
    };
    assert_eq!(refused["problems"], json!([problem("nme", "name"), problem("tier", "Tier")]));
    assert_eq!(
        refused["detail"],
        "rules[0].fields: none of your accounts has a field `nme`; did you mean `name`?"
    );
    // What a value contains is no name of one.
    for no_name in ["canarytier1", "Tier\",\"canarytier1", "extra."] {
        pair.globex.put(&path, &rules(&[no_name])).await.refused(422, "invalid");
    }
    let hidden = pair.globex.put(&path, &rules(&["extra.name"])).await.refused(422, "invalid");
    assert_eq!(
        hidden["detail"],
        "rules[0].fields: `extra.name` would be a field that every account has."
    );
    let many: Vec<_> = (0..501).map(|number| format!("f{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let refused = pair.globex.put(&path, &rules(&many)).await.refused(422, "invalid");
    let reason = "it has 501 entries, at most 500 are allowed (limit `sharing.fields`)";
    assert_eq!(
        refused["problems"],
        json!([{ "place": "rules[0].fields", "reason": reason, "next_step": "Name fewer fields" }])
    );
    let refused = pair.globex.put(&path, &rules(&many[..500])).await.refused(422, "invalid");
    assert_eq!(refused["problems"].as_array().unwrap().len(), 50, "the first ones");
    // Another organization's accounts do not count.
    let acme = pair.acme.own(&format!("partnerships/{}/sharing-rules", pair.id));
    pair.acme.put(&acme, &rules(&["Tier"])).await.refused(422, "invalid");

    let set = pair.globex.put(&path, &rules(&["extra.Region", "Tier"])).await.good();
    assert_eq!(set["ours"][0]["fields"], json!(["Region", "Tier"]));
    // What is in force can be sent again as it was read.
    let again = json!({ "rules": set["ours"] });
    assert_eq!(pair.globex.put(&path, &again).await.good()["ours"], set["ours"]);
}
