//! What any answer may have in it, whatever it is about: no value of an account and no id
//! that its reader may not know of. It finds what a comparison was not written for.
use std::collections::BTreeSet;

use super::{
    matrix::Reader,
    town::{Checked, PLATFORM, PUBLISHER, Town},
};

/// How much of the past an answer may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// What is so now.
    Now,
    /// Also what was rightly told before: recordings, logs, timelines, audits.
    Before,
}

/// The values in a text: words that stand nowhere else.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices('Z').map(|(at, _)| at);
    starts.filter_map(|at| {
        let word = text.get(at..at + 10)?;
        word.bytes().skip(1).all(|letter| letter.is_ascii_lowercase()).then_some(word)
    })
}

/// The ids in a text: three letters, and 26 behind an underscore.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let places = text.match_indices('_').filter_map(|(at, _)| at.checked_sub(3));
    places.filter_map(|at| {
        let id = text.get(at..at + 30)?;
        let (kind, number) = id.split_once('_')?;
        let is_id = kind.bytes().all(|letter| letter.is_ascii_lowercase())
            && number.bytes().all(|one| one.is_ascii_alphanumeric());
        is_id.then_some(id)
    })
}

impl Town {
    /// Nothing of others in what the people of an organization read, but what they may see.
    pub fn nothing_else(&self, what: &str, org: usize, text: &str, tells: Tells) -> Checked {
        let foreign = self.foreign(org, text);
        if foreign.is_empty() {
            return Ok(());
        }
        let mut allowed = self.visible(org);
        if tells == Tells::Before {
            allowed.extend(self.told[org].iter().cloned());
        }
        let outside = foreign.into_iter().find(|one| {
            let in_an_audit = tells == Tells::Before && self.is_partners(org, one);
            !allowed.contains(*one) && !in_an_audit
        });
        match outside {
            None => Ok(()),
            Some(one) => {
                Err(format!("{what}: {} is told {one}, {}", self.orgs[org][0], self.whose(one)))
            }
        }
    }

    /// Nothing of anybody's accounts, and no id but the customer's, in what a supporter reads.
    pub fn nothing_for_supporters(
        &self,
        what: &str,
        (org, customer): (usize, usize),
        text: &str,
    ) -> Checked {
        let value = words(text).find(|word| self.secrets.contains_key(*word));
        let known = |id: &&str| {
            let owners = self.owners.get(*id);
            let is_theirs = |of: &BTreeSet<usize>| of.contains(&customer) || of.contains(&org);
            // What a listed plugin runs is known to all, and what the customer named to its
            // plugin stands in what that one asked for.
            let is_said = id.starts_with("rel_") || self.said[customer].contains(*id);
            is_said || owners.is_none_or(is_theirs)
        };
        let outside = value.or_else(|| ids(text).find(|id| !known(id)));
        match outside {
            None => Ok(()),
            Some(one) => Err(format!("{what}: a supporter is told {one}, {}", self.whose(one))),
        }
    }

    /// A plugin of an organization was rightly told this.
    pub fn note(&mut self, org: usize, text: &str) {
        let new: Vec<String> = self.foreign(org, text).into_iter().map(str::to_owned).collect();
        self.told[org].extend(new);
    }

    /// An organization itself named ids of these kinds, of whomever: in an address, or to
    /// its plugin.
    pub fn says(&mut self, org: usize, text: &str, kinds: &[&str]) {
        let of_kind = |id: &&str| kinds.iter().any(|kind| id.starts_with(kind));
        self.said[org].extend(ids(text).filter(of_kind).map(str::to_owned));
    }

    /// Values and ids in a text that are others'.
    fn foreign<'t>(&self, org: usize, text: &'t str) -> Vec<&'t str> {
        let values = words(text)
            .filter(|word| self.secrets.get(*word).is_some_and(|secret| secret.org != org));
        // Who of the platform decided something is told to whom it concerns, and to the platform
        // who uploaded what it is about.
        let reviews = |id: &str, of: &BTreeSet<usize>| {
            let is_uploader = org == PLATFORM && of.contains(&PUBLISHER);
            id.starts_with("usr_") && (of.contains(&PLATFORM) || is_uploader)
        };
        // What a listed plugin runs is known to all, and what somebody said comes back.
        let known = |id: &str| id.starts_with("rel_") || self.said[org].contains(id);
        let others = |id: &&str| {
            let owners = self.owners.get(*id);
            owners.is_some_and(|of| !of.contains(&org) && !reviews(id, of)) && !known(id)
        };
        let of_overlaps = |id: &&str| id.starts_with("ovl_") && self.is_overlap(id);
        values.chain(ids(text).filter(|id| others(id) || of_overlaps(id))).collect()
    }

    fn is_overlap(&self, id: &str) -> bool {
        self.overlap_ids.values().any(|known| known == id)
    }

    /// What the people of an organization may see of others now.
    fn visible(&self, org: usize) -> BTreeSet<String> {
        let matrix = &self.matrix;
        let mut visible = BTreeSet::new();
        for partnership in 0..matrix.partnerships.len() {
            for shown in matrix.shown(org, partnership, Reader::People) {
                visible.insert(shown.theirs.id.clone());
                visible.extend(self.overlap_ids.get(&(partnership, shown.key)).cloned());
                let values = shown.fields.iter().filter_map(|field| shown.theirs.values.get(field));
                visible.extend(values.flat_map(|value| words(value)).map(str::to_owned));
            }
            let Some(side) = matrix.side(partnership, org) else { continue };
            let other = matrix.partnerships[partnership].sides[1 - side];
            for key in matrix.leftovers(org, partnership).1 {
                let account = &matrix.accounts[other][&key];
                visible.insert(account.id.clone());
                let rule = &matrix.partnerships[partnership].rules[1 - side][account.population];
                if rule.fields.contains("name") {
                    visible.extend(account.values.get("name").cloned());
                }
            }
        }
        visible
    }

    /// Ids of people, installs and runs stand in audits: each side of a partnership sees who
    /// changed what concerns both, and which plugin read its accounts; a customer who looked
    /// with leave.
    fn is_partners(&self, org: usize, id: &str) -> bool {
        let matrix = &self.matrix;
        let partners = matrix.partnerships.iter().filter(|one| one.sides.contains(&org));
        let leave = matrix.leaves.iter().filter(|one| matrix.installs[one.install].org == org);
        let acted: BTreeSet<usize> = match id.split('_').next() {
            Some("usr") => {
                partners.flat_map(|one| one.sides).chain(leave.map(|leave| leave.to)).collect()
            }
            Some("ins" | "run") => partners.flat_map(|one| one.sides).collect(),
            _ => BTreeSet::new(),
        };
        self.owners.get(id).is_some_and(|owners| !owners.is_disjoint(&acted))
    }

    fn whose(&self, one: &str) -> String {
        if let Some(secret) = self.secrets.get(one) {
            let owner = &self.orgs[secret.org][0];
            return format!("the {} of {owner}'s account {:?}", secret.field, secret.key);
        }
        let owners = self.owners.get(one).into_iter().flatten();
        format!("of {:?}", owners.map(|owner| &self.orgs[*owner][0]).collect::<Vec<_>>())
    }
}
