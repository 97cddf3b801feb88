//! Steps that look: at every address of the API that reads, by random people, with ids of
//! their own, of others and of nobody. The status is held against the model, what has a
//! comparison is compared whole, and every text is searched for what is others'.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    chance::Chance,
    matrix::{Answer, Bond, Key, Need, Partnership, Reader, Shown, Standing},
    told::Tells,
    town::{ADMIN, CUSTOMERS, Checked, MEMBER, OWNER, PLATFORM, PUBLISHER, Reply, Town},
};
use crate::access::table::{Needs, ROWS, Row};

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
            if thing(row.path) == Some("logs") {
                // What a plugin wrote is the customer's to judge: it may be what it was told.
                return self.nothing_else(&what, address.org, &text, Tells::Before);
            }
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

    /// What the model has whole.
    fn is_what_it_was_made(
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

    fn place_of(&self, address: &Address) -> usize {
        let id = &address.ids["partnership"];
        self.matrix.partnerships.iter().position(|one| one.id == *id).unwrap()
    }

    /// Both sides' rules; of theirs those that hide a population are hidden.
    fn rules_are(&self, org: usize, address: &Address, reply: &Reply) -> Checked {
        let at = self.place_of(address);
        let side = self.matrix.side(at, org).unwrap();
        let Partnership { rules, .. } = &self.matrix.partnerships[at];
        for (name, side, is_ours) in [("ours", side, true), ("theirs", 1 - side, false)] {
            let told = reply.body[name].as_array().unwrap();
            let told: BTreeSet<String> =
                told.iter().map(|rule| in_order(rule).to_string()).collect();
            let shown = rules[side]
                .iter()
                .filter(|(_, rule)| is_ours || rule.level != super::matrix::Level::Hidden);
            let made = shown.map(|(population, rule)| {
                let text = super::change::rule_as_sent(population, rule).to_string();
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

    async fn look_at_accounts(&mut self, org: usize) -> Checked {
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
    fn looked_at(&self, chance: &mut Chance, org: usize) -> Option<usize> {
        let all = 0..self.matrix.partnerships.len();
        chance.any(all.filter(|at| {
            let one = &self.matrix.partnerships[*at];
            one.bond == Bond::Active && one.sides.contains(&org)
        }))
    }

    /// All pages of the overlaps, narrowed at random, are what is shown, and nothing else.
    async fn look_at_overlaps(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let Some(at) = self.looked_at(chance, org) else { return Ok(()) };
        let token = self.reader(chance, org);
        let mut shown: BTreeMap<Key, Value> = BTreeMap::new();
        let ours = chance.any(super::matrix::POPULATIONS).filter(|_| chance.percent(20));
        let theirs = chance.any(super::matrix::POPULATIONS).filter(|_| chance.percent(20));
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
    fn reader(&self, chance: &mut Chance, org: usize) -> usize {
        let token = self.caller(chance, org);
        let may = self.matrix.may(&self.matrix.tokens[token], "partnerships", MEMBER, org);
        if may == Answer::Yes { token } else { org }
    }

    /// An overlap as people of an organization see it, but for its id and its times.
    fn as_people_see(&self, org: usize, one: &Shown<'_>) -> Value {
        let side = self.matrix.side(one.partnership, org).unwrap();
        let Partnership { id, sides, .. } = &self.matrix.partnerships[one.partnership];
        let mut item = json!({
            "partnership": id, "partner": self.orgs[sides[1 - side]][2],
            "domain": format!("firm-{}.com", one.key.0), "evidence": "host", "confidence": "likely",
            "our_account": one.ours.id, "our_population": one.ours.population,
            "their_account": one.theirs.id, "their_population": one.theirs.population, "extra": {},
        });
        for (whose, account) in [("our", one.ours), ("their", one.theirs)] {
            for field in super::matrix::FIELDS {
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

    async fn look_at_counts(&mut self, chance: &mut Chance, org: usize) -> Checked {
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

    async fn look_at_leftovers(&mut self, chance: &mut Chance, org: usize) -> Checked {
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
