//! Customers who work while the server dies under them: what they did, and what they were
//! told. Who is not answered asks again, as a sender of webhooks does; what was answered
//! with success is accepted, and nothing else.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use data_encoding::BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time};

use super::{Scene, Vendor};
use crate::{
    crash::AFTER,
    model::chance::Chance,
    support::{Actor, world::rows},
    webhooks::Shop,
};

/// Calls of a shop in one life of the server, at most.
const BURST: usize = 4;

/// How long a call may take: a server that hangs is killed anyway.
const ANSWER: Duration = Duration::from_secs(20);

/// Looks at what is left to do, and how long between them, until it is stuck.
const LOOKS: usize = 2_400;
const LOOK: Duration = Duration::from_millis(50);

/// An install of the ledger, and the shop that calls it.
#[derive(Clone)]
pub struct Listener {
    /// Its name, with which its lines begin.
    pub name: &'static str,
    /// The install.
    pub install: String,
    config: Value,
    told: Value,
}

impl Listener {
    pub const fn new(name: &'static str, install: String, config: Value, told: Value) -> Self {
        Self { name, install, config, told }
    }

    /// A body that is a name without padding, and how the ledger knows it.
    fn body(&self, number: u64) -> (String, String) {
        let body = format!("{}{number:05}", self.name);
        let name = BASE64.encode(body.as_bytes());
        (body, name)
    }
}

/// What somebody does one after the other, each until it is answered.
#[derive(Debug, Clone, Default)]
pub struct Series {
    next: u64,
    /// Answered with success.
    pub accepted: Vec<u64>,
}

impl Series {
    fn accept(&mut self) {
        self.accepted.push(self.next);
        self.next += 1;
    }
}

/// All that was done and told.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// Calls, by listener.
    pub calls: [Series; 2],
    /// Receipts of accepted ones, and other deliveries that somebody was told of.
    pub deliveries: Vec<String>,
    /// Rows of lists, by organization: Acme, Globex.
    pub rows: [Series; 2],
    /// Notes in configurations: the last one that was tried, and the last accepted.
    pub notes: [(u64, u64); 2],
    /// Tokens that somebody was told of.
    pub tokens: Vec<String>,
}

/// Who works.
pub struct Customers {
    /// The install that makes tasks.
    tasks: String,
    vendor: Vendor,
    listeners: Mutex<Vec<Listener>>,
    done: Mutex<Done>,
}

/// Those who work in one life of the server.
pub struct Work(JoinSet<()>);

impl Work {
    /// They have noticed that it is dead.
    pub async fn end(mut self) {
        self.0.abort_all();
        while let Some(ended) = self.0.join_next().await {
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A success's body; none if it was refused, or nobody answered.
async fn sent(request: reqwest::RequestBuilder) -> Option<Value> {
    let answer = request.timeout(ANSWER).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let text = answer.text().await.ok()?;
    Some(serde_json::from_str(&text).unwrap_or_default())
}

async fn post(actor: &Actor, rest: &str, body: &Value) -> Option<Value> {
    sent(actor.request(Method::POST, &actor.own(rest)).json(body)).await
}

impl Customers {
    pub const fn new(tasks: String, vendor: Vendor) -> Self {
        let done = Done {
            calls: [const { Series { next: 0, accepted: Vec::new() } }; 2],
            deliveries: Vec::new(),
            rows: [const { Series { next: AFTER as u64, accepted: Vec::new() } }; 2],
            notes: [(0, 0); 2],
            tokens: Vec::new(),
        };
        Self { tasks, vendor, listeners: Mutex::new(Vec::new()), done: Mutex::new(done) }
    }

    pub fn listen(&self, listeners: Vec<Listener>) {
        *lock(&self.listeners) = listeners;
    }

    pub fn listeners(&self) -> Vec<Listener> {
        lock(&self.listeners).clone()
    }

    /// What was done so far.
    pub fn done(&self) -> Done {
        lock(&self.done).clone()
    }

    /// Everybody works on this server until it is dead.
    pub fn work(self: &Arc<Self>, scene: &Scene, server: &str, chance: &mut Chance) -> Work {
        let mut work = JoinSet::new();
        let acme = Actor::new(server, "acme", &scene.prepared.acme);
        let globex = Actor::new(server, "globex", &scene.prepared.globex);
        for which in 0..2 {
            let (customers, server) = (self.clone(), server.to_owned());
            let burst = chance.below(BURST + 1);
            work.spawn(async move {
                for _ in 0..burst {
                    if !customers.call(&server, which).await {
                        return;
                    }
                }
            });
        }
        for (which, actor) in [(0, acme.clone()), (1, globex)] {
            if chance.percent(40) {
                let customers = self.clone();
                work.spawn(async move {
                    customers.import(&actor, which).await;
                });
            }
        }
        let (customers, partnership) = (self.clone(), scene.prepared.partnership.clone());
        let (what, which) = (chance.below(7), chance.below(2));
        work.spawn(async move {
            customers.go_on(&acme).await;
            customers.change(&acme, &partnership, what, which).await;
        });
        Work(work)
    }

    /// A shop calls; the same as before if that was not answered. Whether it was taken.
    async fn call(&self, server: &str, which: usize) -> bool {
        let listener = self.listeners()[which].clone();
        let number = lock(&self.done).calls[which].next;
        let shop = Shop::of(server, &listener.told);
        let (body, _) = listener.body(number);
        let now = jiff::Timestamp::now().as_second().to_string();
        let headers =
            shop.signed(&format!("msg_{}_{number}", listener.name), &now, body.as_bytes());
        let nobody = Actor::new(server, "", "");
        let request = nobody.request(Method::POST, shop.path()).body(body);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let Ok(answer) = request.timeout(ANSWER).send().await else { return false };
        if !answer.status().is_success() {
            return false;
        }
        let receipt = answer.headers()["venn-receipt"].to_str().unwrap().to_owned();
        let mut done = lock(&self.done);
        done.calls[which].accept();
        done.deliveries.push(receipt);
        true
    }

    /// A list with one row more.
    async fn import(&self, actor: &Actor, which: usize) -> bool {
        let number = usize::try_from(lock(&self.done).rows[which].next).unwrap();
        let body =
            json!({ "mode": "merge", "file_name": "list.csv", "columns": null, "stages": null });
        let Some(made) = post(actor, "imports", &body).await else { return false };
        let path = actor.own(&format!("imports/{}/file", made["id"].as_str().unwrap()));
        let list = rows(number..number + 1, ["A", "G"][which]);
        if sent(actor.request(Method::PUT, &path).body(list)).await.is_none() {
            return false;
        }
        lock(&self.done).rows[which].accept();
        true
    }

    /// Who was stopped in the middle of another life goes on.
    async fn go_on(&self, acme: &Actor) {
        for listener in self.listeners() {
            // What the vendor hears again from now on was stopped before.
            self.vendor.next_life();
            post(acme, &format!("installs/{}/resume", listener.install), &json!({})).await;
        }
    }

    /// One change of an admin's.
    async fn change(&self, acme: &Actor, partnership: &str, what: usize, which: usize) {
        let Listener { install, mut config, .. } = self.listeners()[which].clone();
        match what {
            0 | 1 => {
                post(acme, &format!("installs/{install}/pause"), &json!({})).await;
                self.go_on(acme).await;
            }
            2 => {
                let note = {
                    let mut done = lock(&self.done);
                    done.notes[which].0 += 1;
                    done.notes[which].0
                };
                config["note"] = json!(note);
                let path = acme.own(&format!("installs/{install}/config"));
                if sent(acme.request(Method::PUT, &path).json(&config)).await.is_some() {
                    lock(&self.done).notes[which].1 = note;
                }
            }
            3 => {
                let asked = post(acme, &format!("installs/{install}/run"), &json!({})).await;
                self.told_of(asked.as_ref());
            }
            4 => {
                let body = json!({ "partnership": partnership });
                let asked = post(acme, &format!("installs/{}/backfill", self.tasks), &body).await;
                self.told_of(asked.as_ref());
            }
            5 => {
                let body = json!({ "name": "more", "scopes": ["read"] });
                if let Some(made) = post(acme, "tokens", &body).await {
                    let id = made["id"].as_str().unwrap().to_owned();
                    lock(&self.done).tokens.push(id);
                }
            }
            _ => self.redeliver(acme).await,
        }
    }

    fn told_of(&self, asked: Option<&Value>) {
        if let Some(delivery) = asked.and_then(|asked| asked["delivery"].as_str()) {
            lock(&self.done).deliveries.push(delivery.to_owned());
        }
    }

    /// Nobody waits for the next attempt.
    async fn redeliver(&self, acme: &Actor) {
        for state in ["ready", "parked"] {
            let path = acme.own(&format!("deliveries?limit=200&state={state}"));
            let Some(page) = sent(acme.request(Method::GET, &path)).await else { return };
            for one in page["items"].as_array().unwrap() {
                let one = one["id"].as_str().unwrap();
                post(acme, &format!("deliveries/{one}/redeliver"), &json!({})).await;
            }
        }
    }

    /// What was not answered is asked for until it is; what is not, however long one waits.
    pub async fn are_served(&self, scene: &Scene, server: &str) -> Vec<String> {
        let acme = Actor::new(server, "acme", &scene.prepared.acme);
        let globex = Actor::new(server, "globex", &scene.prepared.globex);
        self.go_on(&acme).await;
        let mut left = Vec::new();
        for which in 0..2 {
            let actor = [&acme, &globex][which];
            if !in_time(async || self.call(server, which).await).await {
                left.push(format!("a call of shop {which} is never taken"));
            }
            if !in_time(async || self.import(actor, which).await).await {
                left.push(format!("a list of {} is never taken", actor.org));
            }
        }
        left
    }

    /// The same, and everything is let be done.
    pub async fn come_to_rest(&self, scene: &Scene, server: &str) -> Vec<String> {
        let acme = Actor::new(server, "acme", &scene.prepared.acme);
        let globex = Actor::new(server, "globex", &scene.prepared.globex);
        let mut left = self.are_served(scene, server).await;
        for _ in 0..LOOKS {
            let open = open(scene, &acme, &globex).await;
            if open.is_empty() {
                return left;
            }
            self.redeliver(&acme).await;
            time::sleep(LOOK).await;
        }
        left.extend(open(scene, &acme, &globex).await);
        left
    }
}

/// Whether it comes about.
async fn in_time(act: impl AsyncFn() -> bool) -> bool {
    for _ in 0..LOOKS {
        if act().await {
            return true;
        }
        time::sleep(LOOK).await;
    }
    false
}

/// What is under way still.
async fn open(scene: &Scene, acme: &Actor, globex: &Actor) -> Vec<String> {
    let mut open = Vec::new();
    for actor in [acme, globex] {
        for import in actor.all("imports").await {
            let state = import["state"].as_str().unwrap();
            if ["reading", "applying"].contains(&state) {
                open.push(format!("import {} is {state}", import["id"]));
            }
        }
    }
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    if acme.get(&place).await.good()["pending_domains"] != 0 {
        open.push("domains are not paired".to_owned());
    }
    for state in ["ready", "leased", "parked"] {
        for one in acme.all(&format!("deliveries?state={state}")).await {
            open.push(format!("delivery {} is {state}: {}", one["id"], one["state_reason"]));
        }
    }
    open
}

/// The lines that a listener's accepted calls are in the ledger, of one step.
pub fn lines(listener: &Listener, calls: &Series, step: u64) -> impl Iterator<Item = String> {
    calls.accepted.iter().map(move |number| {
        let (_, name) = listener.body(*number);
        format!("{}/{name}/{step}", listener.name)
    })
}
