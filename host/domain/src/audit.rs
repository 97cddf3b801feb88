//! The audit's chain: each entry holds the hash of the one before it, so that
//! nobody changes, removes, inserts or reorders one without its being seen by
//! whoever recomputes it.
//!
//! A hash is SHA-256 over the entry's fields, each written as a netstring
//! (`LENGTH:BYTES,`), so that no two entries are the same bytes. The form is for
//! ever; `docs/audit.md` has it for other languages. Pure: it reads no clock and
//! no storage. What a chain alone cannot show is that its newest entries were cut
//! off: for that, keep a [`Head`].
use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the first entry has in the place of the hash before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The first part of what is hashed: the form's name.
const FORM: &str = "venn audit v1";

/// One entry of an organization's audit as it is hashed and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Whose audit it is.
    pub organization: String,
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// When, RFC 3339 with microseconds.
    pub at: String,
    /// A user, an install, an organization, or `host`.
    pub actor: String,
    /// For example `grant.changed`.
    pub action: String,
    /// What it is about, an id.
    pub subject: String,
    /// More, as JSON text, exactly as it was hashed.
    pub detail_json: String,
    /// The hash of the entry before, hex.
    pub previous_hash: String,
    /// Its own, hex.
    pub hash: String,
}

impl Link {
    /// What its hash must be.
    pub fn computed(&self) -> String {
        let seq = self.seq.to_string();
        let parts = [
            FORM,
            &self.organization,
            &seq,
            &self.previous_hash,
            &self.id,
            &self.at,
            &self.actor,
            &self.action,
            &self.subject,
            &self.detail_json,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(format!("{}:{part},", part.len()));
        }
        HEXLOWER.encode(&hash.finalize())
    }
}

/// How far a chain goes: what to keep elsewhere, to see later that nothing was
/// cut off. Written `SEQ:HASH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// The newest entry's place; 0 if there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let head = text.split_once(':').and_then(|(seq, hash)| {
            let hex = hash.len() == GENESIS.len() && HEXLOWER.decode(hash.as_bytes()).is_ok();
            Some(Self { seq: seq.parse().ok()?, hash: hex.then(|| hash.to_owned())? })
        });
        head.ok_or("expected SEQ:HASH, as `venn audit verify` prints it")
    }
}

/// The first entry that does not fit, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Broken {
    /// Its place, or where it should be.
    pub seq: u64,
    /// Its id; empty if it is not there.
    pub id: String,
    /// Why, in one sentence.
    pub why: String,
}

/// Walks along a chain, oldest entry first.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    organization: Option<String>,
    at: Option<Head>,
    known: Option<Head>,
    known_seen: bool,
}

impl Walk {
    /// A walk that also looks for a head that is known from earlier.
    pub fn knowing(known: Option<Head>) -> Self {
        Self { known, ..Self::default() }
    }

    /// The next entry.
    pub fn step(&mut self, link: &Link) -> Result<(), Broken> {
        let broken = |seq, id: &str, why: String| Err(Broken { seq, id: id.to_owned(), why });
        let before = self.head();
        let due = before.seq + 1;
        if link.seq > due {
            return broken(due, "", format!("entry {due} is missing: {} comes next", link.seq));
        }
        if link.seq < due {
            return broken(link.seq, &link.id, format!("it stands where entry {due} should"));
        }
        if self.organization.get_or_insert_with(|| link.organization.clone()) != &link.organization
        {
            return broken(due, &link.id, "it is another organization's".to_owned());
        }
        if link.previous_hash != before.hash {
            return broken(
                due,
                &link.id,
                "the entry before it is not the one it was made after".to_owned(),
            );
        }
        if link.computed() != link.hash {
            return broken(
                due,
                &link.id,
                "it was changed: its hash is of something else".to_owned(),
            );
        }
        if let Some(known) = self.known.as_ref().filter(|known| known.seq == link.seq) {
            if known.hash != link.hash {
                return broken(due, &link.id, "it has not the hash that is known of it".to_owned());
            }
            self.known_seen = true;
        }
        self.at = Some(Head { seq: link.seq, hash: link.hash.clone() });
        Ok(())
    }

    /// How far it got.
    pub fn head(&self) -> Head {
        self.at.clone().unwrap_or_default()
    }

    /// The end is reached: what is known must have been seen.
    pub fn finish(&self) -> Result<Head, Broken> {
        let head = self.head();
        match &self.known {
            Some(known) if known.seq > 0 && !self.known_seen => Err(Broken {
                seq: head.seq + 1,
                id: String::new(),
                why: format!(
                    "the chain ends at {}, and entry {} is known: the end was cut off",
                    head.seq, known.seq
                ),
            }),
            _ => Ok(head),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn chain(count: u64) -> Vec<Link> {
        let mut head = Head::default();
        let link = |seq| {
            let mut link = Link {
                organization: "org_a".to_owned(),
                seq,
                id: format!("aud_{seq}"),
                at: "2026-01-01T00:00:00.000000Z".to_owned(),
                actor: "usr_b".to_owned(),
                action: "grant.changed".to_owned(),
                subject: "ins_c".to_owned(),
                detail_json: r#"{"fields":["their-name"]}"#.to_owned(),
                previous_hash: head.hash.clone(),
                hash: String::new(),
            };
            link.hash = link.computed();
            head = Head { seq, hash: link.hash.clone() };
            link
        };
        (1..=count).map(link).collect()
    }

    fn walk(links: &[Link], known: Option<Head>) -> Result<Head, (u64, String)> {
        let told = |broken: Broken| (broken.seq, broken.why);
        let mut walk = Walk::knowing(known);
        for link in links {
            walk.step(link).map_err(told)?;
        }
        walk.finish().map_err(told)
    }

    #[test]
    fn the_form_is_for_ever() {
        assert_eq!(
            chain(2)[1].hash,
            "ac4d7ead429db208c2fcdfc200cd30ba097c440b2e3ae3b2ca62fb866dcd7748"
        );
    }

    #[test]
    fn a_whole_chain_is_told_by_its_head() {
        let links = chain(5);
        let head = walk(&links, None).unwrap();
        assert_eq!((head.seq, &head.hash), (5, &links[4].hash));
        assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
        assert_eq!(walk(&links, Some(head)).unwrap().seq, 5);
        assert_eq!(walk(&[], None).unwrap(), Head::default());
        assert!("5".parse::<Head>().is_err() && "5:xy".parse::<Head>().is_err());
    }

    #[test]
    fn every_change_names_the_first_entry_that_does_not_fit() {
        let changed = |change: &dyn Fn(&mut Vec<Link>)| {
            let mut links = chain(5);
            change(&mut links);
            walk(&links, None).unwrap_err()
        };
        let it_was = (3, "it was changed: its hash is of something else".to_owned());
        assert_eq!(changed(&|l| l[2].actor = "usr_x".to_owned()), it_was);
        assert_eq!(changed(&|l| l[2].at = "2027".to_owned()), it_was);
        assert_eq!(changed(&|l| l[2].id = "aud_x".to_owned()), it_was);
        assert_eq!(changed(&|l| l[2].subject = "x".to_owned()), it_was);
        assert_eq!(changed(&|l| l[2].detail_json = "{ }".to_owned()), it_was);
        // Moving a letter over a border is a change too.
        assert_eq!(
            changed(&|l| {
                l[2].actor = "usr_bg".to_owned();
                l[2].action = "rant.changed".to_owned();
            }),
            it_was
        );
        // Changed with a hash that fits: the next one tells.
        let rehashed = changed(&|l| {
            l[2].actor = "usr_x".to_owned();
            l[2].hash = l[2].computed();
        });
        assert_eq!(
            rehashed,
            (4, "the entry before it is not the one it was made after".to_owned())
        );
        let deleted = changed(&|l| drop(l.remove(2)));
        assert_eq!(deleted, (3, "entry 3 is missing: 4 comes next".to_owned()));
        let inserted = changed(&|l| l.insert(2, l[1].clone()));
        assert_eq!(inserted, (2, "it stands where entry 3 should".to_owned()));
        let reordered = changed(&|l| l.swap(1, 2));
        assert_eq!(reordered, (2, "entry 2 is missing: 3 comes next".to_owned()));
        let renumbered = changed(&|l| {
            l.swap(1, 2);
            (l[1].seq, l[2].seq) = (2, 3);
        });
        assert_eq!(
            renumbered,
            (2, "the entry before it is not the one it was made after".to_owned())
        );
        let foreign = changed(&|l| l[2].organization = "org_x".to_owned());
        assert_eq!(foreign, (3, "it is another organization's".to_owned()));
    }

    #[test]
    fn an_end_that_was_cut_off_is_seen_by_who_knows_the_head() {
        let links = chain(5);
        let known = walk(&links, None).unwrap();
        assert_eq!(walk(&links[..4], None).unwrap().seq, 4, "a chain alone cannot show it");
        assert_eq!(
            walk(&links[..4], Some(known.clone())).unwrap_err(),
            (5, "the chain ends at 4, and entry 5 is known: the end was cut off".to_owned())
        );
        // Cut off and written anew.
        let mut again = chain(5);
        again[4].actor = "usr_x".to_owned();
        again[4].hash = again[4].computed();
        assert_eq!(
            walk(&again, Some(known)).unwrap_err(),
            (5, "it has not the hash that is known of it".to_owned())
        );
    }
}
