//! Answers that are compared whole with what the model has.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    super::{chance::Chance, change::rule_as_sent, matrix::*, town::*},
    Address, in_order, same_rows,
};

use crate::access::table::Row;

impl Town {
    /// What the model has whole.
    pub(super) fn is_what_it_was_made(
        &mut self,
        row: &Row,
        org: usize,
        address: &Address,
        reply: &Reply,
    ) -> Checked {
        let items = reply.body["items"].as_array();
        let told = |member: &str| -> BTreeSet<String> {
            let items = items.into_iter().flatten();
            items.map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
        };
        let same = |what: &str, told: BTreeSet<String>, made: BTreeSet<String>| {
            if told == made { Ok(()) } else { Err(format!("{what}: told {told:?}, made {made:?}")) }
        };
        let matrix = &self.matrix;
        match row.path.trim_start_matches("/organizations/{org}/") {
            "partnerships" => {
                let ours = matrix.partnerships.iter().filter(|one| one.sides.contains(&org));
                same("partnerships", told("id"), ours.map(|one| one.id.clone()).collect())
            }
            "members" => {
                let ours = matrix.people.iter().filter(|one| one.org == org && !one.gone);
                same("members", told("user_id"), ours.map(|one| one.id.clone()).collect())
            }
            "installs" => {
                let ours = matrix.installs.iter();
                let ours = ours.filter(|one| one.org == org && one.standing != Standing::Gone);
                same("installs", told("id"), ours.map(|one| one.id.clone()).collect())
            }
            "support-grants" => {
                let ours =
                    matrix.leaves.iter().filter(|one| matrix.installs[one.install].org == org);
                same("support grants", told("id"), ours.map(|one| one.id.clone()).collect())
            }
            "/support-grants" => {
                let ours = matrix
                    .leaves
                    .iter()
                    .filter(|one| one.to == org && !one.revoked && matrix.now_ms < one.ends_at_ms);
                same("leave", told("id"), ours.map(|one| one.id.clone()).collect())
            }
            "/organizations" => {
                let all = self.orgs.iter().enumerate();
                let ours = all.filter(|(at, _)| *at == org || org == PLATFORM);
                same("organizations", told("id"), ours.map(|(_, one)| one[1].clone()).collect())
            }
            "partnerships/{partnership}/sharing-rules" => self.rules_are(org, address, reply),
            "accounts/{account}/timeline" => {
                let account = &address.ids["account"];
                let made = self.timeline.get(account).cloned().unwrap_or_default();
                same("timeline", told("text"), made)
            }
            "accounts/{account}/why-not?partnership={partnership}" => {
                let (account, at) = (&address.ids["account"], self.place_of(address));
                let shown = matrix.shown(org, at, Reader::People);
                let paired = shown.iter().any(|shown| shown.ours.id == *account);
                if paired == (reply.body["answer"] == "paired") {
                    return Ok(());
                }
                Err(format!("why not {account}: {}", reply.text))
            }
            "installs/{install}/backfill?partnership={partnership}" => {
                let install = matrix.installs.iter();
                let install =
                    install.clone().position(|one| one.id == address.ids["install"]).unwrap();
                let at =
                    matrix.partnerships.iter().position(|one| one.id == address.ids["partnership"]);
                let would =
                    at.map_or(0, |at| matrix.shown(org, at, Reader::Install(install)).len());
                let told = reply.body["overlaps"].as_u64().unwrap();
                let idle = matrix.installs[install].standing != Standing::Active && told == 0;
                if told == would as u64 || idle {
                    return Ok(());
                }
                Err(format!("a backfill would bring {would}, and {told} is told"))
            }
            "audit/verify" if reply.body["whole"] != true => Err(reply.text.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn place_of(&self, address: &Address) -> usize {
        let id = &address.ids["partnership"];
        self.matrix.partnerships.iter().position(|one| one.id == *id).unwrap()
    }

    /// Both sides' rules; of theirs those that hide a population are hidden.
    pub(super) fn rules_are(&self, org: usize, address: &Address, reply: &Reply) -> Checked {
        let at = self.place_of(address);
        let side = self.matrix.side(at, org).unwrap();
        let Partnership { rules, .. } = &self.matrix.partnerships[at];
        for (name, side, is_ours) in [("ours", side, true), ("theirs", 1 - side, false)] {
            let told = reply.body[name].as_array().unwrap();
            let told: BTreeSet<String> =
                told.iter().map(|rule| in_order(rule).to_string()).collect();
            let shown =
                rules[side].iter().filter(|(_, rule)| is_ours || rule.level != Level::Hidden);
            let made = shown.map(|(population, rule)| {
                let text = rule_as_sent(population, rule).to_string();
                let rule: Value = serde_json::from_str(&text.replace("extra.", "")).unwrap();
                in_order(&rule).to_string()
            });
            let made: BTreeSet<String> = made.collect();
            if told != made {
                return Err(format!("rules of {name}: told {told:?}, made {made:?}"));
            }
        }
        Ok(())
    }

    // ── What is compared whole ──────────────────────────────────────────────

    pub async fn look_at_accounts(&mut self, org: usize) -> Checked {
        let path = self.at(org, "accounts?limit=200");
        let page = self.call(org, "GET", &path, None).await;
        self.expect("accounts", Answer::Yes, &page)?;
        self.accounts_are(org, &page)
    }

    /// An organization's own accounts are all there, whole, and no other.
    pub fn accounts_are(&mut self, org: usize, page: &Reply) -> Checked {
        let items = page.body["items"].as_array().unwrap();
        let told = items.iter().map(|item| {
            let key = item["external_id"].as_str().unwrap().to_owned();
            let names =
                ["id", "name", "website", "stage", "owner", "amount", "created_on", "population"];
            let mut values: Vec<Value> = names.iter().map(|name| item[name].clone()).collect();
            values.push(item["extra"]["Tier"].clone());
            (key, values)
        });
        let made = self.matrix.accounts[org].iter().map(|((company, place), account)| {
            let value = |field: &str| json!(account.values.get(field).map_or("", String::as_str));
            let fields = ["name", "website", "stage", "owner", "amount", "created-on"];
            let mut values = vec![json!(account.id)];
            values.extend(fields.iter().map(|field| value(field)));
            values.push(json!(account.population));
            values.push(account.values.get("Tier").map_or(Value::Null, |tier| json!(tier)));
            (format!("{company}-{place}"), values)
        });
        let (told, made): (BTreeMap<_, _>, BTreeMap<_, _>) = (told.collect(), made.collect());
        if told == made {
            return Ok(());
        }
        Err(format!("accounts of {}: told {told:?}, made {made:?}", self.orgs[org][0]))
    }

    /// Somebody's own partnership that is active, and who looks at it.
    pub fn looked_at(&self, chance: &mut Chance, org: usize) -> Option<usize> {
        let all = 0..self.matrix.partnerships.len();
        chance.any(all.filter(|at| {
            let one = &self.matrix.partnerships[*at];
            one.bond == Bond::Active && one.sides.contains(&org)
        }))
    }

    /// All pages of the overlaps, narrowed at random, are what is shown, and nothing else.
    pub async fn look_at_overlaps(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let Some(at) = self.looked_at(chance, org) else { return Ok(()) };
        let token = self.reader(chance, org);
        let mut shown: BTreeMap<Key, Value> = BTreeMap::new();
        let ours = chance.any(POPULATIONS).filter(|_| chance.percent(20));
        let theirs = chance.any(POPULATIONS).filter(|_| chance.percent(20));
        for one in self.matrix.shown(org, at, Reader::People) {
            let fits = ours.is_none_or(|key| key == one.ours.population)
                && theirs.is_none_or(|key| key == one.theirs.population);
            if fits {
                shown.insert(one.key, self.as_people_see(org, &one));
            }
        }
        let id = self.matrix.partnerships[at].id.clone();
        let limit = 1 + chance.below(20);
        let mut path = format!("partnerships/{id}/overlaps?limit={limit}");
        for (name, key) in [("our_population", ours), ("their_population", theirs)] {
            if let Some(key) = key {
                path.extend(["&", name, "=", key]);
            }
        }
        let (mut told, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let page = self.at(org, &format!("{path}{cursor}"));
            let page = self.call(token, "GET", &page, None).await;
            self.expect("overlaps", Answer::Yes, &page)?;
            for item in page.body["items"].as_array().unwrap() {
                let mut item = item.clone();
                let key = self.key_of(org, item["our_account"].as_str().unwrap());
                let key = key.ok_or_else(|| format!("an overlap of no account of ours: {item}"))?;
                let members = item.as_object_mut().unwrap();
                let overlap = members.remove("id").unwrap().as_str().unwrap().to_owned();
                members.remove("paired_at");
                members.remove("our_synced_at");
                let known = self.overlap_ids.insert((at, key), overlap.clone());
                if known.is_some_and(|known| known != overlap) {
                    return Err(format!("the id of an overlap has changed: {item}"));
                }
                if told.insert(key, item).is_some() {
                    return Err(format!("an overlap is told twice: {overlap}"));
                }
            }
            match page.body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        same_rows(&format!("overlaps of {} in {id}", self.orgs[org][0]), &told, &shown)
    }

    /// Somebody of the organization who may read, not always its first admin.
    pub fn reader(&self, chance: &mut Chance, org: usize) -> usize {
        let token = self.caller(chance, org);
        let may = self.matrix.may(&self.matrix.tokens[token], "partnerships", MEMBER, org);
        if may == Answer::Yes { token } else { org }
    }

    /// An overlap as people of an organization see it, but for its id and its times.
    pub fn as_people_see(&self, org: usize, one: &Shown<'_>) -> Value {
        let side = self.matrix.side(one.partnership, org).unwrap();
        let Partnership { id, sides, .. } = &self.matrix.partnerships[one.partnership];
        let mut item = json!({
            "partnership": id, "partner": self.orgs[sides[1 - side]][2],
            "domain": format!("firm-{}.com", one.key.0), "evidence": "host", "confidence": "likely",
            "our_account": one.ours.id, "our_population": one.ours.population,
            "their_account": one.theirs.id, "their_population": one.theirs.population, "extra": {},
        });
        for (whose, account) in [("our", one.ours), ("their", one.theirs)] {
            for field in FIELDS {
                let shared = whose == "our" || one.fields.contains(field);
                let value = account.values.get(field).filter(|_| shared);
                if field == "Tier" {
                    if let Some(value) = value {
                        item["extra"][format!("{whose}-Tier")] = json!(value);
                    }
                } else {
                    let name = format!("{whose}_{}", field.replace('-', "_"));
                    item[name] = json!(value.map_or("", String::as_str));
                }
            }
        }
        item
    }

    pub async fn look_at_counts(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let Some(at) = self.looked_at(chance, org) else { return Ok(()) };
        let token = self.reader(chance, org);
        let path = format!("partnerships/{}/matrix", self.matrix.partnerships[at].id);
        let path = self.at(org, &path);
        let reply = self.call(token, "GET", &path, None).await;
        self.expect("counts", Answer::Yes, &reply)?;
        let told = reply.body["cells"].as_array().unwrap().iter().map(|cell| {
            let text = |name: &str| cell[name].as_str().unwrap().to_owned();
            let count = (cell["suppressed"] == false).then(|| cell["count"].as_u64().unwrap());
            ([text("our_population"), text("their_population")], count)
        });
        let told: BTreeMap<_, _> = told.collect();
        let made = self.matrix.counts(org, at, Reader::People);
        let made = made.into_iter().map(|(cell, count)| (cell.map(str::to_owned), count));
        let made: BTreeMap<_, _> = made.collect();
        let sum: u64 = made.values().flatten().sum();
        if told == made && reply.body["overlaps"] == sum {
            return Ok(());
        }
        Err(format!("counts: told {}, made {made:?}", reply.text))
    }

    pub async fn look_at_leftovers(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let Some(at) = self.looked_at(chance, org) else { return Ok(()) };
        let token = self.reader(chance, org);
        let path = format!("partnerships/{}/unpaired?limit=200", self.matrix.partnerships[at].id);
        let path = self.at(org, &path);
        let reply = self.call(token, "GET", &path, None).await;
        self.expect("leftovers", Answer::Yes, &reply)?;
        let told = reply.body["items"].as_array().unwrap().iter().map(|item| {
            ["account", "name", "domain", "side"]
                .map(|name| item[name].as_str().unwrap().to_owned())
        });
        let told: BTreeSet<_> = told.collect();
        let side = self.matrix.side(at, org).unwrap();
        let Partnership { sides, rules, .. } = &self.matrix.partnerships[at];
        let (ours, theirs) = self.matrix.leftovers(org, at);
        let item = |org: usize, key: &Key, whose: &str| {
            let account = &self.matrix.accounts[org][key];
            let rule = rules[1 - side].get(account.population);
            let shared = whose == "ours" || rule.is_some_and(|rule| rule.fields.contains("name"));
            let name = account.values.get("name").filter(|_| shared).cloned().unwrap_or_default();
            [account.id.clone(), name, format!("firm-{}.com", key.0), whose.to_owned()]
        };
        let other = sides[1 - side];
        let made = ours.iter().map(|key| item(org, key, "ours"));
        let made: BTreeSet<_> =
            made.chain(theirs.iter().map(|key| item(other, key, "theirs"))).collect();
        if told == made {
            return Ok(());
        }
        Err(format!("leftovers of {}: told {told:?}, made {made:?}", self.orgs[org][0]))
    }
}
