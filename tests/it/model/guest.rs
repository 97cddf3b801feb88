//! Steps that run a plugin: it calls imports as it is told, with names of its own, of others
//! and of nobody, and what it saw is held against the model. At times it is held in the
//! middle while somebody changes what it may: what comes after is held against the model
//! after.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    chance::Chance,
    matrix::{Answer, FIELDS, POPULATIONS},
    town::{COMPANIES, CUSTOMERS, Checked, Town},
};

mod answers;

use answers::Reads;

const NOBODYS: &str = "pty_7zzzzzzzzzzzzzzzzzzzzzzzzz";
const NOT_GRANTED: &str = "the customer did not grant it";

/// A partnership as a guest names it: none, nobody's, or one that there is, anybody's.
type Named = Option<Option<usize>>;

/// One call of an import.
#[derive(Debug, Clone)]
enum Ask {
    Find {
        partnership: Named,
        ours: Vec<&'static str>,
        theirs: Vec<&'static str>,
        fields: Vec<String>,
        limit: usize,
    },
    Lookup {
        company: usize,
        fields: Vec<String>,
    },
    Counts(Named),
    Changes {
        partnership: Named,
        cursor: Option<usize>,
        limit: usize,
    },
    StateSet {
        partition: Named,
        key: String,
        value: String,
    },
    StateGet {
        partition: Named,
        key: String,
    },
    StateRemove {
        partition: Named,
        key: String,
    },
    StateKeys(Named),
    Append {
        account: String,
        text: String,
        partition: Named,
    },
    Upsert,
    Remove,
    Send,
    Config,
    Log(String),
    Info,
    Event,
    LastDenial,
}

impl Ask {
    /// It changes nothing, does not wait, and is the same at any time of the run: counts are
    /// those of the day's first look.
    fn only_reads(&self) -> bool {
        use Ask::{Append, Counts, Send, StateRemove, StateSet};
        !matches!(self, StateSet { .. } | StateRemove { .. } | Append { .. } | Send | Counts(_))
    }
}

impl Town {
    /// A run of some install that can run.
    pub async fn run_guest(&mut self, chance: &mut Chance) -> Checked {
        let all = 0..self.matrix.installs.len();
        let Some(install) = chance.any(all.filter(|at| self.matrix.runs(*at))) else {
            return Ok(());
        };
        self.not_at_midnight();
        let mut asks = self.effects(chance, install);
        asks.extend((0..=chance.below(5)).map(|_| self.ask(chance, install)));
        let can_be_held = self.matrix.sends(install) && self.matrix.can(install, "http:egress");
        if can_be_held && chance.percent(40) {
            asks.retain(Ask::only_reads);
            return self.held(chance, install, asks).await;
        }
        let before = self.matrix.clone();
        let (run, results) = self.run(install, &asks).await?;
        let mut reads = Reads::default();
        for (ask, told) in asks.iter().zip(&results) {
            self.holds(&before, install, ask, told, &mut reads)?;
        }
        let org = self.matrix.installs[install].org;
        self.note(org, &Value::from(results).to_string());
        if chance.percent(30) { self.is_in_the_audit(install, &run, &reads).await } else { Ok(()) }
    }

    /// A run that waits for a third party while somebody changes something.
    async fn held(&mut self, chance: &mut Chance, install: usize, asks: Vec<Ask>) -> Checked {
        let before = self.matrix.clone();
        let other: Vec<Ask> = (0..=chance.below(3)).map(|_| self.ask(chance, install)).collect();
        let again: Vec<Ask> =
            asks.iter().chain(&other).filter(|ask| ask.only_reads()).cloned().collect();
        let gate = asks.len();
        let all: Vec<Ask> = asks.into_iter().chain([Ask::Send]).chain(again).collect();
        let hold = self.echo.hold("/crm");
        let known = self.start(install, &all).await?;
        hold.held(1).await;
        self.change_authority(chance).await?;
        // The call on the wire is cut off where it may not be made any more.
        let goes_on = self.matrix.sends(install) && self.matrix.can(install, "http:egress");
        if !goes_on {
            hold.hung_up().await;
        }
        hold.release();
        let (run, results) = self.ended(install, &known, all.len()).await?;
        let after = self.matrix.clone();
        let mut reads = Reads::default();
        for (at, (ask, told)) in all.iter().zip(&results).enumerate() {
            let now = if at < gate { &before } else { &after };
            self.holds(now, install, ask, told, &mut reads).map_err(|wrong| {
                if at < gate { wrong } else { format!("after a change: {wrong}") }
            })?;
        }
        let org = self.matrix.installs[install].org;
        self.note(org, &Value::from(results).to_string());
        self.is_in_the_audit(install, &run, &reads).await
    }

    /// Lets an install run these steps, and waits.
    async fn run(&mut self, install: usize, asks: &[Ask]) -> Result<(Value, Vec<Value>), String> {
        let known = self.start(install, asks).await?;
        self.ended(install, &known, asks.len()).await
    }

    /// Starts a run; returns the one before it.
    async fn start(&mut self, install: usize, asks: &[Ask]) -> Result<String, String> {
        let known = self.newest_run(install).await["id"].as_str().unwrap_or_default().to_owned();
        let steps: Vec<Value> = asks.iter().map(|ask| self.as_step(ask)).collect();
        let number = self.figures.answers;
        let config = json!({ "number": number, "steps": { "configured": steps } });
        let one = &self.matrix.installs[install];
        let (org, path) = (one.org, self.at(one.org, &format!("installs/{}/config", one.id)));
        self.says(org, &config.to_string(), &["pty_", "acc_"]);
        let reply = self.call(org, "PUT", &path, Some(&config)).await;
        self.expect("configuration", Answer::Yes, &reply)?;
        Ok(known)
    }

    /// The next run once it has ended, and what each of its steps was answered.
    async fn ended(
        &mut self,
        install: usize,
        known: &str,
        steps: usize,
    ) -> Result<(Value, Vec<Value>), String> {
        let run = loop {
            let run = self.newest_run(install).await;
            if run["id"].as_str().is_some_and(|id| id != known) {
                break run;
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        };
        let org = self.matrix.installs[install].org;
        for (kind, member) in [("run", "id"), ("delivery", "delivery")] {
            let id = run[member].as_str().unwrap().to_owned();
            self.own(kind, org, &id);
        }
        let did = crate::support::script::Did::of(run);
        if did.results.len() != steps {
            return Err(format!("a run of {steps} steps: {}", did.run));
        }
        Ok((did.run, did.results))
    }

    async fn newest_run(&mut self, install: usize) -> Value {
        let one = &self.matrix.installs[install];
        let (org, path) = (one.org, self.at(one.org, &format!("runs?limit=1&install={}", one.id)));
        self.call(org, "GET", &path, None).await.body["items"][0].clone()
    }

    // ── What is asked ───────────────────────────────────────────────────────

    /// What the run changes; before it has read anything of a partner.
    fn effects(&self, chance: &mut Chance, install: usize) -> Vec<Ask> {
        let mut asks = Vec::new();
        let key = format!("k{}", chance.below(4));
        if chance.percent(30) {
            let (partition, value) = (self.named(chance, install), chance.word());
            asks.push(Ask::StateSet { partition, key: key.clone(), value });
        } else if chance.percent(10) {
            asks.push(Ask::StateRemove { partition: self.named(chance, install), key });
        }
        if chance.percent(20) {
            let org = self.matrix.installs[install].org;
            let org = if chance.percent(70) { org } else { chance.below(CUSTOMERS.len()) };
            let accounts = self.matrix.accounts[org].values().map(|account| account.id.clone());
            if let Some(account) = chance.any(accounts) {
                let partition = self.named(chance, install);
                asks.push(Ask::Append { account, text: chance.word(), partition });
            }
        }
        asks
    }

    fn ask(&self, chance: &mut Chance, install: usize) -> Ask {
        match chance.below(100) {
            0..=27 => {
                let populations = |chance: &mut Chance| -> Vec<_> {
                    let percent = if chance.percent(30) { 50 } else { 0 };
                    chance.some(percent, &POPULATIONS).into_iter().collect()
                };
                let partnership = self.named(chance, install);
                let fields = self.fields(chance, install);
                let mut ours = populations(chance);
                if chance.percent(90) {
                    ours.retain(|key| self.matrix.installs[install].populations.contains(key));
                }
                let theirs = populations(chance);
                let limit = if chance.percent(30) { 1 + chance.below(8) } else { 200 };
                Ask::Find { partnership, ours, theirs, fields, limit }
            }
            28..=39 => {
                let fields = self.fields(chance, install);
                Ask::Lookup { company: chance.below(COMPANIES), fields }
            }
            40..=51 => Ask::Counts(self.named(chance, install)),
            52..=65 => {
                let partnership = self.named(chance, install).or(Some(None));
                let all = 0..self.cursors.len();
                let is_own = |at: &usize| {
                    let (of, about, _) = &self.cursors[*at];
                    (*of, Some(Some(*about))) == (install, partnership)
                };
                let cursor = match chance.below(10) {
                    0..=3 => None,
                    4 => chance.any(all),
                    _ => chance.any(all.filter(is_own)),
                };
                let limit = *chance.pick(&[1, 3, 100]);
                Ask::Changes { partnership, cursor, limit }
            }
            66..=73 => Ask::StateGet {
                partition: self.named(chance, install),
                key: format!("k{}", chance.below(4)),
            },
            74..=79 => Ask::StateKeys(self.named(chance, install)),
            80..=84 => Ask::Send,
            85 => Ask::Upsert,
            86 => Ask::Remove,
            87..=89 => Ask::Config,
            90..=91 => Ask::Log(chance.word()),
            92..=94 => Ask::Info,
            95..=96 => Ask::Event,
            _ => Ask::LastDenial,
        }
    }

    fn named(&self, chance: &mut Chance, install: usize) -> Named {
        match chance.below(10) {
            0..=2 => None,
            3 if chance.percent(50) => Some(None),
            3 | 4 => Some(chance.any(0..self.matrix.partnerships.len())),
            _ => chance.any(self.matrix.installs[install].partnerships.clone()).map(Some),
        }
    }

    /// Fields that it may have, at times one that it may not.
    fn fields(&self, chance: &mut Chance, install: usize) -> Vec<String> {
        if chance.percent(40) {
            return Vec::new();
        }
        let powers: Vec<_> = self.matrix.powers(install).fields.into_iter().collect();
        let mut fields: Vec<String> = chance.some(50, &powers).into_iter().collect();
        if chance.percent(15) {
            fields.push(format!("their-{}", chance.pick(&FIELDS)));
        }
        fields
    }

    /// As the guest `script` takes it.
    fn as_step(&self, ask: &Ask) -> Value {
        let id = |named: &Named| self.id(*named);
        match ask {
            Ask::Find { partnership, ours, theirs, fields, limit } => {
                json!({ "call": "overlaps.find", "partnership": id(partnership), "our_populations": ours,
                        "their_populations": theirs, "fields": fields, "limit": limit })
            }
            Ask::Lookup { company, fields } => {
                let domain = format!("https://firm-{company}.com/about");
                json!({ "call": "overlaps.lookup", "domain": domain, "fields": fields })
            }
            Ask::Counts(partnership) => {
                json!({ "call": "overlaps.counts", "partnership": id(partnership) })
            }
            Ask::Changes { partnership, cursor, limit } => {
                let cursor = cursor.map(|at| self.cursors[at].2.clone());
                json!({ "call": "overlaps.changes", "partnership": id(partnership), "cursor": cursor,
                        "limit": limit })
            }
            Ask::StateSet { partition, key, value } => {
                json!({ "call": "state.set", "partnership": id(partition), "key": key, "value": value })
            }
            Ask::StateGet { partition, key } => {
                json!({ "call": "state.get", "partnership": id(partition), "key": key })
            }
            Ask::StateRemove { partition, key } => {
                json!({ "call": "state.remove", "partnership": id(partition), "key": key })
            }
            Ask::StateKeys(partition) => {
                json!({ "call": "state.keys", "partnership": id(partition) })
            }
            Ask::Append { account, text, partition } => {
                let entry = json!({ "account": account, "key": text, "kind": "k", "text": text,
                                    "partnership": id(partition) });
                json!({ "call": "timeline.append", "entries": [entry] })
            }
            Ask::Upsert => json!({ "call": "accounts.upsert", "rows": [] }),
            Ask::Remove => json!({ "call": "accounts.remove", "external_ids": ["1-0"] }),
            Ask::Send => {
                json!({ "call": "http.send", "method": "GET", "url": "https://echo.example/crm/x" })
            }
            Ask::Config => json!({ "call": "config.get" }),
            Ask::Log(text) => json!({ "call": "log.write", "level": "info", "message": text }),
            Ask::Info => json!({ "call": "host.info" }),
            Ask::Event => json!({ "call": "event" }),
            Ask::LastDenial => json!({ "call": "host.last-denial" }),
        }
    }

    fn id(&self, named: Named) -> Option<String> {
        named.map(|at| at.map_or(NOBODYS.to_owned(), |at| self.matrix.partnerships[at].id.clone()))
    }
}
