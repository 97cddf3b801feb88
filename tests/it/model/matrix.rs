//! Who may see what: the reference that every answer is held against.
//!
//! Written from the table of who sees what in `docs/separation.md`, and from
//! nothing of the product: it knows no query, no cache and no clock but the day. It
//! is meant to be read: each rule below is one function of a few lines.
//!
//! Everything is named by its place in a list. Ids, texts of tokens and what was told
//! before stand in `town.rs`.
use std::collections::{BTreeMap, BTreeSet};

/// Field names are words of the contract, without `our-` and `their-`.
pub const FIELDS: [&str; 7] = ["name", "website", "owner", "stage", "amount", "created-on", "Tier"];
/// Everybody's populations.
pub const POPULATIONS: [&str; 3] = ["customers", "open-opportunities", "prospects"];
/// Below this a count is not told where only counts are shared; others are rounded down to it.
pub const FLOOR: u64 = 5;

pub type Names = BTreeSet<&'static str>;
/// A company, and which of its two hosts.
pub type Key = (usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Hidden,
    Counts,
    Overlaps,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    View,
    Plugins,
    Egress,
}

/// What one population shows to one partner.
#[derive(Debug, Clone)]
pub struct Rule {
    pub level: Level,
    pub purpose: Purpose,
    pub fields: Names,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub population: &'static str,
    pub values: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    Proposed,
    Active,
    Ended,
}

/// Two organizations, the one that proposed first.
#[derive(Debug, Clone)]
pub struct Partnership {
    pub id: String,
    pub sides: [usize; 2],
    pub bond: Bond,
    /// By side and population.
    pub rules: [BTreeMap<&'static str, Rule>; 2],
    /// The counts of the day's first look, by the populations of both sides.
    pub counted: Option<(i64, BTreeMap<[&'static str; 2], u64>)>,
}

/// What a plugin is allowed by one of the layers above it.
#[derive(Debug, Clone, Default)]
pub struct Powers {
    pub capabilities: Names,
    /// With `our-` and `their-`.
    pub fields: BTreeSet<String>,
    pub hosts: Names,
}

#[derive(Debug, Clone)]
pub struct Plugin {
    pub name: &'static str,
    pub asks: Powers,
    pub approved: Powers,
    pub suspended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    Paused,
    Gone,
}

#[derive(Debug, Clone)]
pub struct Install {
    pub id: String,
    pub org: usize,
    pub plugin: usize,
    pub standing: Standing,
    pub powers: Powers,
    pub partnerships: BTreeSet<usize>,
    pub populations: Names,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub org: usize,
    pub role: &'static str,
    /// A program and no human being.
    pub service: bool,
    pub gone: bool,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub text: String,
    pub person: usize,
    pub scopes: Names,
    /// Empty for all.
    pub nouns: Names,
    pub ends_at_ms: i64,
    pub revoked: bool,
}

impl Token {
    /// Whether it may make a token for these nouns: for none that it is not for itself.
    pub fn may_make(&self, nouns: &Names) -> bool {
        self.nouns.is_empty() || !nouns.is_empty() && nouns.is_subset(&self.nouns)
    }
}

/// Leave to look at an install that a customer gave.
#[derive(Debug, Clone)]
pub struct Leave {
    pub id: String,
    pub install: usize,
    pub to: usize,
    pub things: Names,
    pub ends_at_ms: i64,
    pub revoked: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Matrix {
    pub now_ms: i64,
    /// By organization: customers first, then the publisher, then the platform.
    pub accounts: Vec<BTreeMap<Key, Account>>,
    pub partnerships: Vec<Partnership>,
    pub plugins: Vec<Plugin>,
    pub installs: Vec<Install>,
    pub people: Vec<Person>,
    pub tokens: Vec<Token>,
    pub leaves: Vec<Leave>,
}

/// Who reads overlaps.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    /// The people of an organization.
    People,
    /// An install of that organization.
    Install(usize),
}

/// An overlap as one side sees it.
#[derive(Debug, Clone)]
pub struct Shown<'m> {
    pub partnership: usize,
    pub key: Key,
    pub ours: &'m Account,
    pub theirs: &'m Account,
    /// The fields of theirs that are shared.
    pub fields: &'m Names,
}

/// How a call of a person is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 401: this token opens nothing.
    NoEntry,
    /// 403: the token is for other calls.
    TokenTooSmall,
    /// 403: the role is.
    RoleTooSmall,
    /// 404: there is no such thing, or it is not yours to see.
    NotThere,
    /// 409: it is yours, but not in the state for it.
    WrongState,
    /// It is done or told.
    Yes,
}

/// What a call needs of a caller who is in the right organization.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    pub roles: &'static [&'static str],
    pub scope: &'static str,
    /// With a token for all nouns only.
    pub whole: bool,
}

impl Matrix {
    // ── People ──────────────────────────────────────────────────────────────

    /// A token opens something while it stands and its person is there.
    pub fn stands(&self, token: &Token) -> bool {
        !token.revoked && self.now_ms < token.ends_at_ms && !self.people[token.person].gone
    }

    /// May this token do this in that organization? What is another
    /// organization's is not there.
    pub fn may(&self, token: &Token, noun: &str, need: Need, org: usize) -> Answer {
        let person = &self.people[token.person];
        if !self.stands(token) {
            Answer::NoEntry
        } else if !token.nouns.is_empty() && !token.nouns.contains(noun) && noun != "me" {
            Answer::TokenTooSmall
        } else if person.org != org {
            Answer::NotThere
        } else if !need.roles.contains(&person.role) {
            Answer::RoleTooSmall
        } else if !includes(&token.scopes, need.scope) || need.whole && !token.nouns.is_empty() {
            Answer::TokenTooSmall
        } else {
            Answer::Yes
        }
    }

    /// The installs of another organization at whose things the people of `org` may look now.
    pub fn leave(&self, org: usize, customer: usize, thing: &str) -> BTreeSet<usize> {
        let stands = |leave: &&Leave| {
            leave.to == org
                && self.installs[leave.install].org == customer
                && leave.things.contains(thing)
                && !leave.revoked
                && self.now_ms < leave.ends_at_ms
        };
        self.leaves.iter().filter(stands).map(|leave| leave.install).collect()
    }

    // ── Overlaps ────────────────────────────────────────────────────────────

    /// Which side of a partnership an organization is.
    pub fn side(&self, partnership: usize, org: usize) -> Option<usize> {
        self.partnerships[partnership].sides.iter().position(|side| *side == org)
    }

    /// Both have an account on the same host: an overlap, while they are partners.
    pub fn overlaps(&self, partnership: usize) -> impl Iterator<Item = (Key, [&Account; 2])> {
        let Partnership { sides, bond, .. } = &self.partnerships[partnership];
        let [left, right] = sides.map(|org| &self.accounts[org]);
        let active = *bond == Bond::Active;
        let both = move |(key, account): (&Key, _)| Some((*key, [account, right.get(key)?]));
        left.iter().filter(move |_| active).filter_map(both)
    }

    /// Whether a rule is for this reader: people need `view`, a plugin `plugins`,
    /// one that can send data elsewhere `egress`.
    pub fn is_for(&self, rule: &Rule, reader: Reader) -> bool {
        match reader {
            Reader::People => rule.purpose >= Purpose::View,
            Reader::Install(install) if self.sends(install) => rule.purpose >= Purpose::Egress,
            Reader::Install(_) => rule.purpose >= Purpose::Plugins,
        }
    }

    /// What a reader of an organization sees of the overlaps of one partnership: those of
    /// populations whose rule says so, of a plugin only within what it was granted.
    pub fn shown(&self, org: usize, partnership: usize, reader: Reader) -> Vec<Shown<'_>> {
        let Some(side) = self.side(partnership, org) else { return Vec::new() };
        let rules = &self.partnerships[partnership].rules[1 - side];
        let in_reach = |ours: &Account| match reader {
            Reader::People => true,
            Reader::Install(install) => {
                self.reads(install, partnership).is_ok()
                    && self.installs[install].populations.contains(ours.population)
            }
        };
        let mut all = Vec::new();
        for (key, pair) in self.overlaps(partnership) {
            let (ours, theirs) = (pair[side], pair[1 - side]);
            let Some(rule) = rules.get(theirs.population) else { continue };
            if rule.level >= Level::Overlaps && self.is_for(rule, reader) && in_reach(ours) {
                all.push(Shown { partnership, key, ours, theirs, fields: &rule.fields });
            }
        }
        all
    }

    /// Whether leftovers on a company's domain are told: only where every account is shared.
    pub fn leftovers(&self, org: usize, partnership: usize) -> (BTreeSet<Key>, BTreeSet<Key>) {
        let bond = self.partnerships[partnership].bond;
        let Some(side) = self.side(partnership, org).filter(|_| bond == Bond::Active) else {
            return Default::default();
        };
        let Partnership { sides, rules, .. } = &self.partnerships[partnership];
        let (ours, theirs) = (&self.accounts[org], &self.accounts[sides[1 - side]]);
        let level = |account: &Account| {
            rules[1 - side].get(account.population).map_or(Level::Hidden, |rule| rule.level)
        };
        // A host that one side lacks, of a company that both have.
        let lacks = |one: &BTreeMap<Key, Account>, key: &Key| {
            !one.contains_key(key) && one.contains_key(&(key.0, 1 - key.1))
        };
        // That one of ours is left over says that they have the company.
        let shares = |key: &Key| {
            let other = theirs.get(&(key.0, 1 - key.1));
            other.is_some_and(|account| level(account) >= Level::Overlaps)
        };
        let of_ours = ours.keys().filter(|key| lacks(theirs, key) && shares(key));
        let of_theirs =
            theirs.iter().filter(|(key, account)| lacks(ours, key) && level(account) == Level::All);
        (of_ours.copied().collect(), of_theirs.map(|(key, _)| *key).collect())
    }

    /// The number of overlaps by the populations of both sides, whoever may know it.
    fn census(&self, partnership: usize) -> BTreeMap<[&'static str; 2], u64> {
        let mut census = BTreeMap::new();
        for (_, pair) in self.overlaps(partnership) {
            *census.entry(pair.map(|account| account.population)).or_default() += 1;
        }
        census
    }

    /// The counts that a reader is told, by our and their population; none is told of what is
    /// hidden. Where only counts are shared they are those of the day's first look, none
    /// below the floor, the others rounded down.
    pub fn counts(
        &mut self,
        org: usize,
        partnership: usize,
        reader: Reader,
    ) -> BTreeMap<[&'static str; 2], Option<u64>> {
        let side = self.side(partnership, org).expect("one of the two");
        let ours: Names = match reader {
            Reader::People => POPULATIONS.into(),
            Reader::Install(install) => self.installs[install].populations.clone(),
        };
        let rules = self.partnerships[partnership].rules[1 - side].clone();
        let rules = rules
            .iter()
            .filter(|(_, rule)| rule.level >= Level::Counts && self.is_for(rule, reader));
        let rules: Vec<_> = rules.map(|(population, rule)| (*population, rule.level)).collect();
        let live = self.census(partnership);
        let day = self.now_ms.div_euclid(24 * 60 * 60 * 1_000);
        let counted = &mut self.partnerships[partnership].counted;
        let some_by_counts = rules.iter().any(|(_, level)| *level == Level::Counts);
        if some_by_counts && counted.as_ref().is_none_or(|(then, _)| *then != day) {
            // Where there is nothing yet there is nothing to hold still.
            *counted = (!live.is_empty()).then(|| (day, live.clone()));
        }
        let first = counted.as_ref().map(|(_, counts)| counts.clone()).unwrap_or_default();
        let mut told = BTreeMap::new();
        for our in ours {
            for (their, level) in &rules {
                let cell = if side == 0 { [our, their] } else { [their, our] };
                let number = |counts: &BTreeMap<_, u64>| counts.get(&cell).copied().unwrap_or(0);
                let count = match level {
                    Level::Counts if number(&first) < FLOOR => None,
                    Level::Counts => Some(number(&first) / FLOOR * FLOOR),
                    _ => Some(number(&live)),
                };
                told.insert([our, their], count);
            }
        }
        told
    }

    // ── Plugins ─────────────────────────────────────────────────────────────

    /// What manifest, platform and customer all allow.
    pub fn powers(&self, install: usize) -> Powers {
        let install = &self.installs[install];
        let Plugin { asks, approved, .. } = &self.plugins[install.plugin];
        let layers = [asks, approved, &install.powers];
        Powers {
            capabilities: common(layers.map(|layer| &layer.capabilities)),
            fields: common(layers.map(|layer| &layer.fields)),
            hosts: common(layers.map(|layer| &layer.hosts)),
        }
    }

    /// It runs at all.
    pub fn runs(&self, install: usize) -> bool {
        let install = &self.installs[install];
        install.standing == Standing::Active && !self.plugins[install.plugin].suspended
    }

    /// It may do this, now.
    pub fn can(&self, install: usize, capability: &str) -> bool {
        self.runs(install) && self.powers(install).capabilities.contains(capability)
    }

    /// It could send elsewhere what it reads.
    pub fn sends(&self, install: usize) -> bool {
        let powers = self.powers(install);
        powers.capabilities.contains("http:egress") && !powers.hosts.is_empty()
    }

    /// Whether an install may read of one partnership, or why not.
    pub fn reads(&self, install: usize, partnership: usize) -> Result<(), &'static str> {
        let (id, install) = (install, &self.installs[install]);
        if !install.partnerships.contains(&partnership) {
            return Err("the customer did not grant it");
        }
        if self.partnerships[partnership].bond != Bond::Active {
            return Err("the partnership has ended");
        }
        let side = self.side(partnership, install.org).expect("granted by one of the two");
        let mut rules = self.partnerships[partnership].rules[1 - side].values();
        let lets =
            |rule: &Rule| rule.level >= Level::Overlaps && self.is_for(rule, Reader::Install(id));
        match rules.any(lets) {
            true => Ok(()),
            false if self.sends(id) => Err(
                "the data owner does not let plugins that send data elsewhere read its accounts",
            ),
            false => Err("the data owner does not let plugins read its accounts"),
        }
    }

    /// Whether an install is told that a partner leaves rows out: by what the rules say,
    /// never by which rows there are.
    pub fn leaves_out(&self, install: usize, partnership: usize, theirs: &[&str]) -> bool {
        if self.reads(install, partnership).is_err() {
            return true;
        }
        let side = self.side(partnership, self.installs[install].org).expect("granted");
        let rules = self.partnerships[partnership].rules[1 - side].iter();
        let concerned =
            rules.filter(|(population, _)| theirs.is_empty() || theirs.contains(*population));
        let concerned: Vec<_> = concerned.map(|(_, rule)| rule).collect();
        let reads = |rule: &&Rule| {
            rule.level >= Level::Overlaps && self.is_for(rule, Reader::Install(install))
        };
        let hides = |rule: &&Rule| !reads(rule) && rule.level != Level::Hidden;
        concerned.iter().copied().any(|rule| hides(&rule)) || !concerned.iter().any(reads)
    }
}

/// `admin` includes all scopes, every other `read`.
fn includes(scopes: &Names, needed: &str) -> bool {
    scopes.contains("admin") || scopes.contains(needed) || (needed == "read" && !scopes.is_empty())
}

fn common<T: Ord + Clone>([one, other, third]: [&BTreeSet<T>; 3]) -> BTreeSet<T> {
    one.iter().filter(|name| other.contains(name) && third.contains(name)).cloned().collect()
}
