//! Steps that look: at every address of the API that reads, by random people, with ids of
//! their own, of others and of nobody. The status is held against the model, what has a
//! comparison is compared whole, and every text is searched for what is others'.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    chance::Chance,
    matrix::{Answer, Bond, Key, Need, Reader},
    told::Tells,
    town::{ADMIN, CUSTOMERS, Checked, MEMBER, OWNER, PLATFORM, PUBLISHER, Reply, Town},
};
use crate::access::table::{Needs, ROWS, Row};

mod whole;

/// What an address stands for, as a supporter is let look at it.
fn thing(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix("/organizations/{org}/")?;
    match path {
        "runs" | "runs/{run}" => Some("runs"),
        "runs/{run}/log" => Some("logs"),
        "deliveries" | "deliveries/{delivery}" => Some("deliveries"),
        _ => None,
    }
}

/// Where the past is told, too.
fn tells(path: &str) -> Tells {
    let before = ["runs", "timeline", "audit", "inbox", "incidents", "deliveries", "waiting"];
    if before.iter().any(|word| path.contains(word)) { Tells::Before } else { Tells::Now }
}

/// An address with its ids in place.
struct Address {
    org: usize,
    text: String,
    /// By what stands for them.
    ids: BTreeMap<&'static str, String>,
}

impl Town {
    /// One look.
    pub async fn look(&mut self, chance: &mut Chance) -> Checked {
        let org = chance.below(CUSTOMERS.len());
        match chance.below(100) {
            0..=29 => self.look_at_overlaps(chance, org).await,
            30..=37 => self.look_at_counts(chance, org).await,
            38..=43 => self.look_at_accounts(org).await,
            44..=49 => self.look_at_leftovers(chance, org).await,
            50..=54 => self.look_as_supporter(chance).await,
            _ => {
                let rows: Vec<&Row> = ROWS.iter().filter(|row| row.method == "GET").collect();
                let row = *chance.pick(&rows);
                let org = if row.path.contains("/plugins") && !row.path.contains("marketplace") {
                    PUBLISHER
                } else if row.needs.is_of_platform() {
                    PLATFORM
                } else {
                    chance.below(CUSTOMERS.len())
                };
                let token = self.caller(chance, org);
                self.look_at(chance, row, org, token).await
            }
        }
    }

    // ── Any address ─────────────────────────────────────────────────────────

    /// Somebody of the publisher or the platform at what a customer may have let them see.
    async fn look_as_supporter(&mut self, chance: &mut Chance) -> Checked {
        let leaves = self.matrix.leaves.iter();
        let leave =
            chance.any(leaves.map(|leave| (leave.to, self.matrix.installs[leave.install].org)));
        let Some((supporter, customer)) = leave else { return Ok(()) };
        let row = chance.any(ROWS.iter().filter(|row| thing(row.path).is_some())).unwrap();
        let token = self.caller(chance, supporter);
        self.look_at(chance, row, customer, token).await
    }

    async fn look_at(
        &mut self,
        chance: &mut Chance,
        row: &Row,
        org: usize,
        token: usize,
    ) -> Checked {
        let address = self.address(chance, row.path, org);
        let reply = self.call(token, "GET", &address.text, None).await;
        let reader = self.matrix.people[self.matrix.tokens[token].person].org;
        let what = format!("GET {} by {}", address.text, self.orgs[reader][0]);
        let (wanted, as_supporter) = self.wanted(row, token, &address);
        if let Some(wanted) = wanted {
            self.expect(&what, wanted, &reply)?;
        } else if reply.status >= 500 {
            return Err(format!("{what}: {}", reply.text));
        }
        if reply.status != 200 {
            return Ok(());
        }
        let text = with_answer(&reply);
        self.says(reader, &address.text, &["pty_"]);
        if as_supporter {
            return self.nothing_for_supporters(&what, (reader, address.org), &text);
        }
        self.nothing_else(&what, reader, &text, tells(row.path))?;
        if row.path.ends_with("/matrix") {
            // It may be the day's first look.
            let at = self.place_of(&address);
            self.matrix.counts(reader, at, Reader::People);
        }
        self.is_what_it_was_made(row, reader, &address, &reply)?;
        self.learn(row.path, reader, &reply.body);
        Ok(())
    }

    /// What answers an address; none where it depends on what the model does not follow.
    fn wanted(&self, row: &Row, token: usize, address: &Address) -> (Option<Answer>, bool) {
        let matrix = &self.matrix;
        let caller = &matrix.tokens[token];
        let own = matrix.people[caller.person].org;
        let noun = noun(row.path);
        let entry = matrix.may(caller, noun, MEMBER, own);
        if entry != Answer::Yes {
            return (Some(entry), false);
        }
        let (need, org): (Need, usize) = match row.needs {
            // Of themselves: the model has no sessions and no second factors.
            _ if row.path.contains("{plugin}/releases/{release}") => return (None, false),
            Needs::Anyone | Needs::Enrolling | Needs::Oneself | Needs::Public => {
                return (None, false);
            }
            Needs::Platform => (MEMBER, PLATFORM),
            Needs::PlatformAdmin => (OWNER, PLATFORM),
            Needs::Owner => (OWNER, address.org),
            Needs::Admin => (ADMIN, address.org),
            _ => (MEMBER, address.org),
        };
        if row.path == "/organizations/{org}" && own == PLATFORM {
            return (Some(Answer::Yes), false);
        }
        let mut wanted = matrix.may(caller, noun, need, org);
        let mut installs = None;
        if let (Answer::NotThere, Some(thing)) = (wanted, thing(row.path)) {
            let leave = matrix.leave(own, address.org, thing);
            if !leave.is_empty() {
                (wanted, installs) = (Answer::Yes, Some(leave));
            }
        }
        if wanted != Answer::Yes {
            return (Some(wanted), false);
        }
        let of_install = ["run", "delivery"].iter().any(|kind| address.ids.contains_key(kind));
        if installs.is_some() && of_install {
            // Of which install a run is, is learnt from the customer's own listing.
            return (None, true);
        }
        (Some(self.wanted_of_ids(row, address)), installs.is_some())
    }

    /// What is its own organization's is there, in the state for it or not.
    fn wanted_of_ids(&self, row: &Row, address: &Address) -> Answer {
        let is_own = |(kind, id): (&&str, &String)| {
            let org = if row.needs.is_of_platform() { PUBLISHER } else { address.org };
            self.things.get(&(*kind, org)).is_some_and(|things| things.contains(id))
                || (*kind == "account" && self.key_of(address.org, id).is_some())
                || (*kind == "overlap" && self.overlap_shown(address))
        };
        let bond = address.ids.get("partnership").and_then(|id| {
            let one = self.matrix.partnerships.iter().find(|one| one.id == *id)?;
            one.sides.contains(&address.org).then_some(one.bond)
        });
        let needs_bond = ["matrix", "/overlaps", "unpaired", "why-not"];
        let needs_bond = needs_bond.iter().any(|word| row.path.contains(word));
        let first = |kind: &&&str| **kind != "partnership" && **kind != "overlap";
        if !address.ids.keys().filter(first).all(|kind| is_own((kind, &address.ids[*kind]))) {
            return Answer::NotThere;
        }
        let Some(bond) = bond.filter(|_| needs_bond) else {
            // How much a backfill would bring is none of what is not granted.
            let backfill = row.path.contains("backfill");
            let all = address.ids.iter().all(is_own);
            return if all || backfill { Answer::Yes } else { Answer::NotThere };
        };
        match bond {
            Bond::Active if address.ids.iter().all(is_own) => Answer::Yes,
            Bond::Active => Answer::NotThere,
            _ => Answer::WrongState,
        }
    }

    fn overlap_shown(&self, address: &Address) -> bool {
        let id = &address.ids["overlap"];
        let all = 0..self.matrix.partnerships.len();
        let mut here =
            all.filter(|at| self.matrix.partnerships[*at].id == address.ids["partnership"]);
        here.any(|at| {
            let shown = self.matrix.shown(address.org, at, Reader::People);
            shown.iter().any(|one| self.overlap_ids.get(&(at, one.key)) == Some(id))
        })
    }

    /// The account of an organization that has this id now.
    fn key_of(&self, org: usize, id: &str) -> Option<Key> {
        let found = self.matrix.accounts[org].iter().find(|(_, account)| account.id == id);
        found.map(|(key, _)| *key)
    }

    /// Ids: mostly of the organization, else of somebody or nobody.
    fn address(&self, chance: &mut Chance, path: &str, org: usize) -> Address {
        let mut address = Address {
            org,
            text: format!("/v1{}", path.replace("{org}", &self.orgs[org][0])),
            ids: BTreeMap::new(),
        };
        while let Some((_, rest)) = address.text.split_once('{') {
            let name = rest.split_once('}').unwrap().0.to_owned();
            let (kind, prefix) = kind(&name, path);
            let from = if chance.percent(75) { org } else { chance.below(self.orgs.len()) };
            let from = if path.starts_with("/review") || path.starts_with("/marketplace") {
                PUBLISHER
            } else {
                from
            };
            let id = self.some_id(chance, kind, from, &address.ids);
            let id = id.filter(|_| chance.percent(95));
            let id = id.unwrap_or_else(|| match prefix {
                "" => "nobodys".to_owned(),
                _ => format!("{prefix}_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            });
            address.text = address.text.replacen(&format!("{{{name}}}"), &id, 1);
            address.ids.insert(kind, id);
        }
        address
    }

    fn some_id(
        &self,
        chance: &mut Chance,
        kind: &'static str,
        org: usize,
        ids: &BTreeMap<&'static str, String>,
    ) -> Option<String> {
        match kind {
            "account" => {
                let accounts = self.matrix.accounts[org].values();
                chance.any(accounts.map(|account| account.id.clone()))
            }
            "overlap" => {
                let partnership = ids.get("partnership");
                let of =
                    |(at, _): &(usize, Key)| Some(&self.matrix.partnerships[*at].id) == partnership;
                let known = self.overlap_ids.iter();
                let here = known.clone().filter(|(place, _)| of(place) || chance_is_far(place));
                chance.any(here.map(|(_, id)| id.clone()))
            }
            _ => chance.any(self.things.get(&(kind, org)).into_iter().flatten().cloned()),
        }
    }

    /// Ids that only listings tell: whose they are is learnt from the owner's own.
    fn learn(&mut self, path: &str, org: usize, body: &Value) {
        let kind = match path {
            "/organizations/{org}/runs" => "run",
            "/organizations/{org}/deliveries" => "delivery",
            "/organizations/{org}/inbox" => "item",
            "/organizations/{org}/plugins/{plugin}/releases" => "release",
            _ => return,
        };
        for item in body["items"].as_array().into_iter().flatten() {
            let id = item["id"].as_str().unwrap().to_owned();
            self.own(kind, org, &id);
        }
    }
}

/// At times an id of another partnership.
fn chance_is_far((at, key): &(usize, Key)) -> bool {
    (at + key.0).is_multiple_of(11)
}

/// What an answer of the API has in place of bytes of a plugin's answer, as text.
fn with_answer(reply: &Reply) -> String {
    let mut text = reply.text.clone();
    let items = reply.body["items"].as_array().into_iter().flatten().chain([&reply.body]);
    for item in items {
        let bytes = item["ending_detail"]["answer"][1].as_array().into_iter().flatten();
        let bytes: Vec<u8> = bytes.filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
        text += &String::from_utf8_lossy(&bytes);
    }
    text
}

/// What a call is about: the first word of its address below the organization's.
fn noun(path: &str) -> &str {
    let path = path.trim_start_matches("/organizations/{org}/").trim_start_matches('/');
    path.split(['/', '?']).next().unwrap()
}

/// What stands for an id in an address: its kind in the model, and how it begins.
fn kind(name: &str, path: &str) -> (&'static str, &'static str) {
    match name {
        "install" if path.contains("/sources/") => ("source", "ins"),
        "install" => ("install", "ins"),
        "account" => ("account", "acc"),
        "partnership" => ("partnership", "pty"),
        "overlap" => ("overlap", "ovl"),
        "import" => ("import", "imp"),
        "run" => ("run", "run"),
        "delivery" => ("delivery", "dlv"),
        "connection" => ("connection", "con"),
        "item" => ("item", "rte"),
        "release" => ("release", "rel"),
        "plugin" | "name" => ("plugin", ""),
        other => panic!("{path}: the model does not know what {{{other}}} is; tell it in `kind`"),
    }
}

/// Members and fields in one order.
fn in_order(rule: &Value) -> Value {
    let mut fields: Vec<String> =
        rule["fields"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().into()).collect();
    fields.sort();
    json!([rule["population"], rule["level"], rule["purpose"], fields])
}

/// The same rows, or the first that differs.
pub fn same_rows(what: &str, told: &BTreeMap<Key, Value>, shown: &BTreeMap<Key, Value>) -> Checked {
    let keys: BTreeSet<&Key> = told.keys().chain(shown.keys()).collect();
    for key in keys {
        match (told.get(key), shown.get(key)) {
            (Some(told), Some(shown)) if told == shown => {}
            (Some(told), None) => {
                return Err(format!("{what}: {key:?} is outside the model: {told}"));
            }
            (None, Some(shown)) => return Err(format!("{what}: {key:?} is not told: {shown}")),
            (told, shown) => {
                return Err(format!("{what}: {key:?} differs: told {told:?}, made {shown:?}"));
            }
        }
    }
    Ok(())
}
