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
        Account, Answer, Bond, FIELDS, Install, Key, Leave, Level, Names, POPULATIONS, Partnership,
        Person, Powers, Purpose, Rule, Standing, Token,
    },
    town::{
        ADMIN, COMPANIES, CUSTOMERS, Checked, DAY_MS, OWNER, PLATFORM, PUBLISHER, Reply, Secret,
        Town, WORKER, ceiling,
    },
};

/// Most people, tokens and installs of a world: enough to be in each other's way.
const PEOPLE: usize = 40;
const TOKENS: usize = 80;
const INSTALLS: usize = 14;
/// Some nouns that a token may be for.
const NOUNS: [&str; 9] = [
    "accounts",
    "partnerships",
    "installs",
    "runs",
    "members",
    "tokens",
    "audit",
    "imports",
    "review",
];

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
            self.matrix.partnerships[partnership].rules[side] = rules;
        }
        Ok(())
    }

    // ── Plugins ─────────────────────────────────────────────────────────────

    async fn install_as(
        &mut self,
        chance: &mut Chance,
        org: usize,
        token: usize,
        plugin: usize,
    ) -> Checked {
        if self.matrix.installs.len() >= INSTALLS || self.matrix.plugins[plugin].suspended {
            return Ok(());
        }
        let install = self.draft(chance, org, plugin);
        let name = format!("n{}", self.matrix.installs.len());
        let body = json!({ "plugin": self.matrix.plugins[plugin].name, "name": name,
            "grant": self.grant_as_sent(&install), "config": {}, "connections": {} });
        let wanted = self.matrix.may(&self.matrix.tokens[token], "installs", ADMIN, org);
        let installs = self.at(org, "installs");
        let made = self.call(token, "POST", &installs, Some(&body)).await;
        self.expect("install", wanted, &made)?;
        if wanted != Answer::Yes {
            return Ok(());
        }
        let id = made.body["id"].as_str().unwrap().to_owned();
        let path = format!("{installs}/{id}/enable");
        let enabled = self.call(token, "POST", &path, None).await;
        self.expect("enable", Answer::Yes, &enabled)?;
        self.own("install", org, &id);
        self.matrix.installs.push(Install { id, ..install });
        Ok(())
    }

    /// A consent that the platform's ceiling has room for.
    fn draft(&self, chance: &mut Chance, org: usize, plugin: usize) -> Install {
        let Powers { capabilities, fields, hosts } = self.matrix.plugins[plugin].approved.clone();
        let fields: Vec<_> = fields.into_iter().collect();
        let ours = self.matrix.partnerships.iter().enumerate();
        let ours = ours.filter(|(_, one)| one.bond == Bond::Active && one.sides.contains(&org));
        let ours: Vec<_> = ours.map(|(at, _)| at).collect();
        let capabilities: Vec<_> = capabilities.into_iter().collect();
        let hosts: Vec<_> = hosts.into_iter().collect();
        Install {
            id: String::new(),
            org,
            plugin,
            standing: Standing::Active,
            powers: Powers {
                capabilities: chance.some(88, &capabilities),
                fields: chance.some(70, &fields),
                hosts: chance.some(70, &hosts),
            },
            partnerships: chance.some(80, &ours),
            populations: chance.some(80, &POPULATIONS),
        }
    }

    fn grant_as_sent(&self, install: &Install) -> Value {
        let id = |at: &usize| self.matrix.partnerships[*at].id.clone();
        json!({
            "capabilities": install.powers.capabilities, "fields": install.powers.fields,
            "egress_hosts": install.powers.hosts, "populations": install.populations,
            "partnerships": install.partnerships.iter().map(id).collect::<Vec<_>>(),
        })
    }

    /// An install, and whether an organization that is not its own tries.
    fn some_install(&self, chance: &mut Chance) -> Option<(usize, usize)> {
        let install = chance.any(0..self.matrix.installs.len())?;
        let own = self.matrix.installs[install].org;
        let org = if chance.percent(90) { own } else { chance.below(CUSTOMERS.len()) };
        Some((install, org))
    }

    /// How a change of an install is answered.
    fn may_change(&self, token: usize, org: usize, install: usize, fits: &[Standing]) -> Answer {
        let Install { org: own, standing, .. } = self.matrix.installs[install];
        match self.matrix.may(&self.matrix.tokens[token], "installs", ADMIN, org) {
            Answer::Yes if own != org => Answer::NotThere,
            Answer::Yes if !fits.contains(&standing) => Answer::WrongState,
            other => other,
        }
    }

    async fn grant(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let Install { id, org: own, plugin, .. } = self.matrix.installs[install].clone();
        let draft = self.draft(chance, own, plugin);
        let fits = [Standing::Active, Standing::Paused];
        let wanted = self.may_change(token, org, install, &fits);
        let path = self.at(org, &format!("installs/{id}/grant"));
        let reply = self.call(token, "PUT", &path, Some(&self.grant_as_sent(&draft))).await;
        self.expect("grant", wanted, &reply)?;
        if wanted == Answer::Yes {
            let now = &mut self.matrix.installs[install];
            now.powers = draft.powers;
            now.partnerships = draft.partnerships;
            now.populations = draft.populations;
        }
        Ok(())
    }

    async fn pause_or_resume(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let standing = self.matrix.installs[install].standing;
        // Not what it is already, so that few calls are for nothing.
        let (step, from, to) = match standing {
            Standing::Active => ("pause", Standing::Active, Standing::Paused),
            _ => ("resume", Standing::Paused, Standing::Active),
        };
        let wanted = self.may_change(token, org, install, &[from]);
        let id = self.matrix.installs[install].id.clone();
        let path = self.at(org, &format!("installs/{id}/{step}"));
        let reply = self.call(token, "POST", &path, None).await;
        self.expect(step, wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.installs[install].standing = to;
        }
        Ok(())
    }

    async fn uninstall(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let fits = [Standing::Active, Standing::Paused];
        let wanted = self.may_change(token, org, install, &fits);
        let id = self.matrix.installs[install].id.clone();
        let path = self.at(org, &format!("installs/{id}"));
        let reply = self.call(token, "DELETE", &path, None).await;
        self.expect("uninstall", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.installs[install].standing = Standing::Gone;
            self.matrix.installs[install].partnerships.clear();
            self.state.retain(|(of, _, _), _| *of != install);
        }
        Ok(())
    }

    // ── The platform ────────────────────────────────────────────────────────

    /// How something that only the platform's admins may is answered.
    fn may_review(&self, token: usize) -> Answer {
        let token = &self.matrix.tokens[token];
        self.matrix.may(token, "review", OWNER, PLATFORM)
    }

    async fn approve(&mut self, chance: &mut Chance) -> Checked {
        let plugin = chance.below(2);
        let Powers { capabilities, fields, hosts } = self.matrix.plugins[plugin].asks.clone();
        let (capabilities, fields, hosts): (Vec<_>, Vec<_>, Vec<_>) = (
            capabilities.into_iter().collect(),
            fields.into_iter().collect(),
            hosts.into_iter().collect(),
        );
        let approved = Powers {
            capabilities: chance.some(93, &capabilities),
            fields: chance.some(90, &fields),
            hosts: chance.some(80, &hosts),
        };
        let token = self.caller(chance, PLATFORM);
        let wanted = self.may_review(token);
        let path = format!("/v1/review/plugins/{}/approval", self.matrix.plugins[plugin].name);
        let reply = self.call(token, "PUT", &path, Some(&ceiling(&approved))).await;
        self.expect("approval", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.plugins[plugin].approved = approved;
        }
        Ok(())
    }

    async fn suspend_or_resume(&mut self, chance: &mut Chance) -> Checked {
        let plugin = chance.below(2);
        let suspended = self.matrix.plugins[plugin].suspended;
        let step = if suspended { "resume" } else { "suspend" };
        let body = (!suspended).then(|| json!({ "reason": "Looked at." }));
        let token = self.caller(chance, PLATFORM);
        let wanted = self.may_review(token);
        let path = format!("/v1/review/plugins/{}/{step}", self.matrix.plugins[plugin].name);
        let reply = self.call(token, "POST", &path, body.as_ref()).await;
        self.expect(step, wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.plugins[plugin].suspended = !suspended;
        }
        Ok(())
    }

    // ── People ──────────────────────────────────────────────────────────────

    async fn add_person(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let token = self.caller(chance, org);
        let people = self.matrix.people.iter().enumerate();
        let mut gone = people.filter(|(_, one)| one.gone && !one.service && one.org == org);
        let back = gone.next().filter(|_| chance.percent(40)).map(|(at, _)| at);
        if back.is_none() && self.matrix.people.len() >= PEOPLE {
            return Ok(());
        }
        let role = *chance.pick(&["admin", "developer", "user", "user", "support"]);
        let number = back.unwrap_or(self.matrix.people.len());
        let service = back.is_none() && chance.percent(25);
        let (noun, body) = if service {
            ("services", json!({ "name": format!("program {number}"), "role": role }))
        } else {
            let email = format!("p{number}@{}.example", self.orgs[org][0]);
            ("members", json!({ "email": email, "name": format!("person {number}"), "role": role }))
        };
        let wanted = self.matrix.may(&self.matrix.tokens[token], noun, OWNER, org);
        let path = self.at(org, noun);
        let reply = self.call(token, "POST", &path, Some(&body)).await;
        self.expect("a new member", wanted, &reply)?;
        if wanted == Answer::Yes {
            let id = reply.body["user_id"].as_str().unwrap().to_owned();
            self.own("user", org, &id);
            let person = Person { id, org, role, service, gone: false };
            match back {
                // Who comes back is the same, and brings nothing along.
                Some(at) => self.matrix.people[at] = person,
                None => self.matrix.people.push(person),
            }
        }
        Ok(())
    }

    /// Somebody who is not a first admin: these stay, so that there is always one.
    fn some_person(&self, chance: &mut Chance) -> Option<(usize, usize)> {
        let person = chance.any(self.orgs.len()..self.matrix.people.len())?;
        let own = self.matrix.people[person].org;
        let org = if chance.percent(90) { own } else { chance.below(self.orgs.len()) };
        Some((person, org))
    }

    /// How a change of a member is answered.
    fn may_manage(&self, token: usize, org: usize, person: usize) -> Answer {
        let Person { org: own, gone, .. } = self.matrix.people[person];
        match self.matrix.may(&self.matrix.tokens[token], "members", OWNER, org) {
            Answer::Yes if own != org || gone => Answer::NotThere,
            other => other,
        }
    }

    async fn change_role(&mut self, chance: &mut Chance) -> Checked {
        let Some((person, org)) = self.some_person(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let role = *chance.pick(&["admin", "developer", "user", "support"]);
        let wanted = self.may_manage(token, org, person);
        let path = self.at(org, &format!("members/{}/role", self.matrix.people[person].id));
        let reply = self.call(token, "PUT", &path, Some(&json!({ "role": role }))).await;
        self.expect("role", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.people[person].role = role;
        }
        Ok(())
    }

    async fn remove_person(&mut self, chance: &mut Chance) -> Checked {
        let Some((person, org)) = self.some_person(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let wanted = self.may_manage(token, org, person);
        let path = self.at(org, &format!("members/{}", self.matrix.people[person].id));
        let reply = self.call(token, "DELETE", &path, None).await;
        self.expect("a member leaves", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.people[person].gone = true;
            let theirs = self.matrix.tokens.iter_mut().filter(|token| token.person == person);
            theirs.for_each(|token| token.revoked = true);
        }
        Ok(())
    }

    async fn add_token(&mut self, chance: &mut Chance, org: usize) -> Checked {
        let people = &self.matrix.people;
        let of = |at: &usize| people[*at].org == org && !people[*at].gone;
        let Some(person) = chance.any((0..people.len()).filter(of)) else { return Ok(()) };
        if self.matrix.tokens.len() >= TOKENS {
            return Ok(());
        }
        let mut scopes = chance.some(50, &["read", "write", "publish", "admin"]);
        if scopes.is_empty() {
            scopes.insert("read");
        }
        let nouns = if chance.percent(30) { chance.some(40, &NOUNS) } else { Names::new() };
        let days = *chance.pick(&[1, 2, 5, 80]);
        let token = self.caller(chance, org);
        let body = json!({ "name": "a token", "scopes": scopes, "nouns": nouns,
            "expires_in_days": days, "user": people[person].id });
        let wanted = self.matrix.may(&self.matrix.tokens[token], "tokens", OWNER, org);
        let path = self.at(org, "tokens");
        let reply = self.call(token, "POST", &path, Some(&body)).await;
        self.expect("a new token", wanted, &reply)?;
        if wanted == Answer::Yes {
            let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
            let id = text("id");
            self.own("token", org, &id);
            let ends_at_ms = self.matrix.now_ms + days * DAY_MS;
            let (text, revoked) = (text("token"), false);
            self.matrix.tokens.push(Token { id, text, person, scopes, nouns, ends_at_ms, revoked });
        }
        Ok(())
    }

    async fn revoke_token(&mut self, chance: &mut Chance) -> Checked {
        let Some(at) = chance.any(self.orgs.len()..self.matrix.tokens.len()) else { return Ok(()) };
        let Token { id, person, revoked, .. } = self.matrix.tokens[at].clone();
        let own = self.matrix.people[person].org;
        let org = if chance.percent(90) { own } else { chance.below(self.orgs.len()) };
        let token = self.caller(chance, org);
        let gone = self.matrix.people[person].gone;
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "tokens", OWNER, org);
        if wanted == Answer::Yes && own != org {
            wanted = Answer::NotThere;
        }
        if wanted == Answer::Yes && (revoked || gone) {
            // Whether it is told twice is nobody's secret.
            return Ok(());
        }
        let path = self.at(org, &format!("tokens/{id}"));
        let reply = self.call(token, "DELETE", &path, None).await;
        self.expect("a token revoked", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.tokens[at].revoked = true;
        }
        Ok(())
    }

    async fn give_leave(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let Install { id, org: own, .. } = self.matrix.installs[install].clone();
        // Another's install is a mistake in the body, not in the address.
        if own != org {
            return Ok(());
        }
        let token = self.caller(chance, org);
        let (word, to) = *chance.pick(&[("publisher", PUBLISHER), ("platform", PLATFORM)]);
        let things = chance.some(60, &["runs", "deliveries", "logs"]);
        if things.is_empty() {
            return Ok(());
        }
        let hours = i64::try_from(1 + chance.below(48)).unwrap();
        let body = json!({ "to": word, "install": id, "things": things, "hours": hours, "reason": "Help." });
        let wanted = self.matrix.may(&self.matrix.tokens[token], "support-grants", ADMIN, org);
        let path = self.at(org, "support-grants");
        let reply = self.call(token, "POST", &path, Some(&body)).await;
        self.expect("leave", wanted, &reply)?;
        if wanted == Answer::Yes {
            let id = reply.body["id"].as_str().unwrap().to_owned();
            self.own("leave", org, &id);
            self.own("leave", to, &id);
            let ends_at_ms = self.matrix.now_ms + hours * 60 * 60 * 1_000;
            let revoked = false;
            self.matrix.leaves.push(Leave { id, install, to, things, ends_at_ms, revoked });
        }
        Ok(())
    }

    async fn take_leave_back(&mut self, chance: &mut Chance) -> Checked {
        let Some(at) = chance.any(0..self.matrix.leaves.len()) else { return Ok(()) };
        let Leave { id, install, to, revoked, .. } = self.matrix.leaves[at].clone();
        let own = self.matrix.installs[install].org;
        let org = if chance.percent(80) { own } else { to };
        let token = self.caller(chance, org);
        let mut wanted = self.matrix.may(&self.matrix.tokens[token], "support-grants", ADMIN, org);
        if wanted == Answer::Yes && (org != own || revoked) {
            wanted = Answer::NotThere;
        }
        let path = self.at(org, &format!("support-grants/{id}"));
        let reply = self.call(token, "DELETE", &path, None).await;
        self.expect("leave taken back", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.leaves[at].revoked = true;
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
