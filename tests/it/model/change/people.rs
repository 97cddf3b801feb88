//! Changes of who may act: people, roles, tokens, leave for support.
use serde_json::json;

use super::super::{chance::Chance, matrix::*, town::*};

/// Most people and tokens of a world: enough to be in each other's way.
const PEOPLE: usize = 40;
const TOKENS: usize = 80;
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
    pub async fn add_person(&mut self, chance: &mut Chance, org: usize) -> Checked {
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
        let wanted = self.matrix.may(&self.matrix.tokens[token], noun, MANAGER, org);
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
        match self.matrix.may(&self.matrix.tokens[token], "members", MANAGER, org) {
            Answer::Yes if own != org || gone => Answer::NotThere,
            other => other,
        }
    }

    pub async fn change_role(&mut self, chance: &mut Chance) -> Checked {
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

    pub async fn remove_person(&mut self, chance: &mut Chance) -> Checked {
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

    pub async fn add_token(&mut self, chance: &mut Chance, org: usize) -> Checked {
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
        let maker = &self.matrix.tokens[token];
        let wanted = match self.matrix.may(maker, "tokens", OWNER, org) {
            Answer::Yes if !maker.may_make(&nouns) => Answer::TokenTooSmall,
            wanted => wanted,
        };
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

    pub async fn revoke_token(&mut self, chance: &mut Chance) -> Checked {
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

    pub async fn give_leave(&mut self, chance: &mut Chance) -> Checked {
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

    pub async fn take_leave_back(&mut self, chance: &mut Chance) -> Checked {
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
