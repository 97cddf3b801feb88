//! Steps that change something: by random people, who mostly may and sometimes may not.
//! Each is made at the server and, if it is allowed, in the model.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    chance::Chance,
    matrix::{
        Account, Answer, Bond, FIELDS, Key, Level, POPULATIONS, Partnership, Purpose, Reader, Rule,
    },
    town::{ADMIN, COMPANIES, CUSTOMERS, Checked, DAY_MS, Reply, Secret, Town, WORKER},
};

mod people;
mod plugin;

impl Town {
    /// What every world begins with: lists, two partnerships with rules, installs.
    pub async fn settle(&mut self, chance: &mut Chance) -> Checked {
        for org in 0..CUSTOMERS.len() {
            self.import_as(chance, org, org, false, 10).await?;
        }
        for (one, other) in [(0, 1), (2, 0)] {
            self.propose_as(one, one, other).await?;
            let partnership = self.matrix.partnerships.len() - 1;
            self.accept_as(other, other, partnership).await?;
            self.rules_as(chance, one, partnership).await?;
            self.rules_as(chance, other, partnership).await?;
        }
        for (org, plugin) in [(0, 0), (0, 1), (1, 1), (2, 0)] {
            self.install_as(chance, org, org, plugin).await?;
        }
        for org in 0..self.orgs.len() {
            self.add_person(chance, org).await?;
            self.add_token(chance, org).await?;
        }
        Ok(())
    }

    /// One change.
    pub async fn change(&mut self, chance: &mut Chance) -> Checked {
        let org = chance.below(CUSTOMERS.len());
        match chance.below(100) {
            0..=13 => {
                let (token, replaces) = (self.caller(chance, org), chance.percent(30));
                self.import_as(chance, org, token, replaces, 5).await
            }
            14..=16 => {
                self.pass(i64::try_from(chance.below(30)).unwrap() * 60 * 60 * 1_000);
                Ok(())
            }
            17..=18 => {
                self.pass(DAY_MS);
                Ok(())
            }
            _ => self.change_authority(chance).await,
        }
    }

    /// One change of who may do what; none of them starts a plugin.
    pub async fn change_authority(&mut self, chance: &mut Chance) -> Checked {
        let org = chance.below(CUSTOMERS.len());
        match chance.below(96) {
            0..=5 => {
                let other = chance.below(CUSTOMERS.len());
                let token = self.caller(chance, org);
                self.propose_as(token, org, other).await
            }
            6..=13 => match self.some_partnership(chance, &[Bond::Proposed]) {
                Some(partnership) => {
                    let org = *chance.pick(&self.matrix.partnerships[partnership].sides);
                    let token = self.caller(chance, org);
                    self.accept_as(token, org, partnership).await
                }
                None => Ok(()),
            },
            14..=16 => self.end(chance, org).await,
            17..=39 => self.rules(chance).await,
            40..=51 => self.grant(chance).await,
            52..=57 => self.pause_or_resume(chance).await,
            58 => self.uninstall(chance).await,
            59..=62 => {
                let token = self.caller(chance, org);
                let plugin = chance.below(2);
                self.install_as(chance, org, token, plugin).await
            }
            63..=68 => self.approve(chance).await,
            69..=71 => self.suspend_or_resume(chance).await,
            72..=74 => {
                let org = chance.below(self.orgs.len());
                self.add_person(chance, org).await
            }
            75..=77 => self.change_role(chance).await,
            78..=79 => self.remove_person(chance).await,
            80..=84 => {
                let org = chance.below(self.orgs.len());
                self.add_token(chance, org).await
            }
            85..=88 => self.revoke_token(chance).await,
            89..=93 => self.give_leave(chance).await,
            _ => self.take_leave_back(chance).await,
        }
    }

    /// Holds how a call was answered against what was to be.
    pub fn expect(&mut self, what: &str, wanted: Answer, reply: &Reply) -> Checked {
        self.figures.answers += 1;
        let code = reply.body["code"].as_str().unwrap_or_default();
        let fits = match wanted {
            Answer::NoEntry => (reply.status, code) == (401, "unauthenticated"),
            Answer::TokenTooSmall => (reply.status, code) == (403, "scope-too-small"),
            Answer::RoleTooSmall => (reply.status, code) == (403, "role-too-small"),
            // To the letter as what never was.
            Answer::NotThere => reply.status == 404 && reply.text == self.not_there,
            Answer::WrongState => reply.status == 409,
            Answer::Yes => (200..300).contains(&reply.status),
        };
        if fits {
            return Ok(());
        }
        Err(format!("{what}: expected {wanted:?}, got {} {}", reply.status, reply.text))
    }

    // ── Lists ───────────────────────────────────────────────────────────────

    /// A customer's list: some accounts, or all that there are from now on.
    async fn import_as(
        &mut self,
        chance: &mut Chance,
        org: usize,
        token: usize,
        replaces: bool,
        most: usize,
    ) -> Checked {
        let mut list: BTreeMap<Key, Account> = BTreeMap::new();
        if replaces {
            let before = self.matrix.accounts[org].clone();
            list.extend(before.into_iter().filter(|_| chance.percent(85)));
        }
        for _ in 0..=most.max(1) {
            let key = (chance.below(COMPANIES), usize::from(chance.percent(25)));
            list.insert(key, account(chance, key));
        }
        let (imports, noun) = (self.at(org, "imports"), "imports");
        let mode = if replaces { "replace" } else { "merge" };
        let columns = json!({ "external_id": "Nr", "name": "Name", "website": "Web", "stage": "State",
            "owner": "Who", "amount": "Sum", "created_on": "Since", "extra": ["Tier"] });
        let body =
            json!({ "mode": mode, "file_name": "list.csv", "columns": columns, "stages": null });
        let wanted = self.matrix.may(&self.matrix.tokens[token], noun, WORKER, org);
        let made = self.call(token, "POST", &imports, Some(&body)).await;
        self.expect("import", wanted, &made)?;
        if wanted != Answer::Yes {
            return Ok(());
        }
        let id = made.body["id"].as_str().unwrap().to_owned();
        self.own("import", org, &id);
        let place = format!("{imports}/{id}");
        let sent =
            self.send(token, "PUT", &format!("{place}/file"), Some(csv(&list)), "text/csv").await;
        self.expect("import's file", Answer::Yes, &sent)?;
        loop {
            let import = self.call(token, "GET", &place, None).await;
            match import.body["state"].as_str() {
                Some("done") => break,
                Some("waiting-for-confirmation") => {
                    let path = format!("{place}/confirm");
                    let confirmed = self.call(token, "POST", &path, None).await;
                    self.expect("import confirmed", Answer::Yes, &confirmed)?;
                }
                Some("failed" | "cancelled") | None => {
                    return Err(format!("import: {}", import.text));
                }
                Some(_) => {}
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        if replaces {
            self.matrix.accounts[org].clear();
        }
        for (key, account) in list {
            for (field, value) in &account.values {
                for word in super::told::words(value) {
                    self.secrets.insert(word.to_owned(), Secret { org, key, field });
                }
            }
            self.matrix.accounts[org].insert(key, account);
        }
        self.paired().await;
        self.learn_accounts(org).await
    }

    /// The ids that the server gave the accounts; an id stays with its account.
    async fn learn_accounts(&mut self, org: usize) -> Checked {
        let path = self.at(org, "accounts?limit=200");
        let page = self.call(org, "GET", &path, None).await;
        self.expect("accounts", Answer::Yes, &page)?;
        for item in page.body["items"].as_array().unwrap() {
            let text = item["external_id"].as_str().unwrap();
            let (company, place) = text.split_once('-').unwrap();
            let key = (company.parse().unwrap(), place.parse().unwrap());
            let id = item["id"].as_str().unwrap();
            self.owners.insert(id.to_owned(), [org].into());
            if let Some(account) = self.matrix.accounts[org].get_mut(&key) {
                id.clone_into(&mut account.id);
            }
        }
        self.accounts_are(org, &page)
    }

    // ── Partnerships and sharing rules ──────────────────────────────────────

    fn some_partnership(&self, chance: &mut Chance, bonds: &[Bond]) -> Option<usize> {
        let all = &self.matrix.partnerships;
        chance.any((0..all.len()).filter(|at| bonds.contains(&all[*at].bond)))
    }

    async fn propose_as(&mut self, token: usize, org: usize, other: usize) -> Checked {
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "partnerships", ADMIN, org);
        let mut pairs = self.matrix.partnerships.iter().filter(|one| one.bond != Bond::Ended);
        let there = pairs.any(|one| one.sides == [org, other] || one.sides == [other, org]);
        if org == other {
            return Ok(());
        }
        if wanted == Answer::Yes && there {
            wanted = Answer::WrongState;
        }
        let (path, body) =
            (self.at(org, "partnerships"), json!({ "partner": self.orgs[other][0] }));
        let reply = self.call(token, "POST", &path, Some(&body)).await;
        self.expect("propose", wanted, &reply)?;
        if wanted == Answer::Yes {
            let id = reply.body["id"].as_str().unwrap().to_owned();
            self.own("partnership", org, &id);
            self.own("partnership", other, &id);
            let rules = [BTreeMap::new(), BTreeMap::new()];
            let sides = [org, other];
            let bond = Bond::Proposed;
            self.matrix.partnerships.push(Partnership { id, sides, bond, rules, counted: None });
        }
        Ok(())
    }

    async fn accept_as(&mut self, token: usize, org: usize, partnership: usize) -> Checked {
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "partnerships", ADMIN, org);
        let Partnership { id, sides, bond, .. } = self.matrix.partnerships[partnership].clone();
        if wanted == Answer::Yes && !sides.contains(&org) {
            wanted = Answer::NotThere;
        } else if wanted == Answer::Yes && (bond != Bond::Proposed || sides[0] == org) {
            wanted = Answer::WrongState;
        }
        let path = self.at(org, &format!("partnerships/{id}/accept"));
        let reply = self.call(token, "POST", &path, None).await;
        self.expect("accept", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.partnerships[partnership].bond = Bond::Active;
            // How much is left to be paired would be the number of companies of both.
            let path = self.at(org, &format!("partnerships/{id}"));
            let now = self.call(org, "GET", &path, None).await;
            if now.body["pending_domains"].as_u64().is_none_or(|pending| pending > 1) {
                return Err(format!("after an acceptance: {}", now.text));
            }
            self.paired().await;
        }
        Ok(())
    }

    async fn end(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let Some(partnership) = chance.any(0..self.matrix.partnerships.len()) else {
            return Ok(());
        };
        let Partnership { id, sides, bond, .. } = self.matrix.partnerships[partnership].clone();
        let org = if chance.percent(80) { *chance.pick(&sides) } else { org };
        let token = self.caller(chance, org);
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "partnerships", ADMIN, org);
        if wanted == Answer::Yes && !sides.contains(&org) {
            wanted = Answer::NotThere;
        } else if wanted == Answer::Yes && bond == Bond::Ended {
            wanted = Answer::WrongState;
        }
        let path = self.at(org, &format!("partnerships/{id}/end"));
        let reply = self.call(token, "POST", &path, None).await;
        self.expect("end", wanted, &reply)?;
        if wanted == Answer::Yes {
            let one = &mut self.matrix.partnerships[partnership];
            (one.bond, one.counted) = (Bond::Ended, None);
            self.state.retain(|(_, of, _), _| *of != Some(partnership));
        }
        Ok(())
    }

    async fn rules(&mut self, chance: &mut Chance) -> Checked {
        let all = [Bond::Proposed, Bond::Active, Bond::Active, Bond::Ended];
        let bond = *chance.pick(&all);
        match self.some_partnership(chance, &[bond]) {
            Some(partnership) => {
                let org = *chance.pick(&self.matrix.partnerships[partnership].sides);
                let org = if chance.percent(5) { chance.below(CUSTOMERS.len()) } else { org };
                self.rules_as(chance, org, partnership).await
            }
            None => Ok(()),
        }
    }

    async fn rules_as(&mut self, chance: &mut Chance, org: usize, partnership: usize) -> Checked {
        let token = self.caller(chance, org);
        let mut rules = BTreeMap::new();
        for population in POPULATIONS {
            if chance.percent(80) {
                rules.insert(population, rule(chance));
            }
        }
        let Partnership { id, bond, .. } = self.matrix.partnerships[partnership].clone();
        let side = self.matrix.side(partnership, org);
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "partnerships", ADMIN, org);
        if wanted == Answer::Yes && side.is_none() {
            wanted = Answer::NotThere;
        } else if wanted == Answer::Yes && bond == Bond::Ended {
            wanted = Answer::WrongState;
        }
        let sent: Vec<_> = rules.iter().map(|(name, rule)| rule_as_sent(name, rule)).collect();
        let path = self.at(org, &format!("partnerships/{id}/sharing-rules"));
        let reply = self.call(token, "PUT", &path, Some(&json!({ "rules": sent }))).await;
        self.expect("sharing rules", wanted, &reply)?;
        if let (Answer::Yes, Some(side)) = (wanted, side) {
            let before = std::mem::replace(
                &mut self.matrix.partnerships[partnership].rules[side],
                rules.clone(),
            );
            // What an install derived while it could read goes once it cannot.
            let now = &self.matrix;
            let reads = |rules: &BTreeMap<_, Rule>, install| {
                let mut rules = rules.values();
                rules.any(|rule| {
                    rule.level >= Level::Overlaps && now.is_for(rule, Reader::Install(install))
                })
            };
            self.state.retain(|(install, of, _), _| {
                let is_owners = now.installs[*install].org == org;
                *of != Some(partnership)
                    || is_owners
                    || !reads(&before, *install)
                    || reads(&rules, *install)
            });
        }
        Ok(())
    }
}

/// An account of a company, each of its values a word that stands nowhere else.
fn account(chance: &mut Chance, (company, place): Key) -> Account {
    const STAGES: [&str; 4] = ["Customer", "Customer", "Opportunity", "Lead"];
    let stage = *chance.pick(&STAGES);
    let population = match stage {
        "Customer" => "customers",
        "Opportunity" => "open-opportunities",
        _ => "prospects",
    };
    let host = ["", "shop."][place];
    let website = format!("https://{host}firm-{company}.com/{}", chance.word());
    let day = chance.below(28) + 1;
    let mut values = BTreeMap::from([
        ("name", chance.word()),
        ("website", website),
        ("stage", stage.to_owned()),
        ("owner", chance.word()),
        ("amount", format!("77{:07}", chance.below(10_000_000))),
        ("created-on", format!("19{:02}-0{}-{day:02}", chance.below(100), chance.below(9) + 1)),
        ("Tier", chance.word()),
    ]);
    for field in ["owner", "amount", "created-on", "Tier"] {
        if chance.percent(20) {
            values.remove(field);
        }
    }
    Account { id: String::new(), population, values }
}

fn csv(list: &BTreeMap<Key, Account>) -> Vec<u8> {
    let mut text = "Nr,Name,Web,State,Who,Sum,Since,Tier\n".to_owned();
    for ((company, place), Account { values, .. }) in list {
        let columns = ["name", "website", "stage", "owner", "amount", "created-on", "Tier"];
        let cells = columns.map(|field| values.get(field).map_or("", String::as_str));
        text.extend([company.to_string(), format!("-{place},"), cells.join(","), "\n".to_owned()]);
    }
    text.into_bytes()
}

fn rule(chance: &mut Chance) -> Rule {
    use Level::{All, Counts, Hidden, Overlaps};
    use Purpose::{Egress, Plugins, View};
    Rule {
        level: *chance.pick(&[Hidden, Counts, Overlaps, Overlaps, Overlaps, All]),
        purpose: *chance.pick(&[View, Plugins, Plugins, Egress, Egress]),
        fields: chance.some(60, &FIELDS).into_iter().collect::<BTreeSet<_>>(),
    }
}

/// A rule as the API has it; a further value's name is right before anybody has one.
pub fn rule_as_sent(population: &str, rule: &Rule) -> Value {
    let level = format!("{:?}", rule.level).to_lowercase();
    let purpose = format!("{:?}", rule.purpose).to_lowercase();
    let field =
        |name: &&str| if *name == "Tier" { "extra.Tier".into() } else { (*name).to_owned() };
    json!({ "population": population, "level": level, "purpose": purpose,
            "fields": rule.fields.iter().map(field).collect::<Vec<_>>() })
}
