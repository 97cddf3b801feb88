//! The server under test with the model beside it: what both are told, the ids by which
//! each speaks of the same thing, and what was rightly told to whom.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use venn_testkit::{Echo, Options, Simulator};

use super::{
    chance::Chance,
    matrix::{Bond, Key, Matrix, Need, Person, Plugin, Powers, Token},
};
use crate::support::{Actor, Host, guest};

/// The customers; after them come the publisher and the platform.
pub const CUSTOMERS: [&str; 4] = ["acme", "globex", "hooli", "initech"];
pub const PUBLISHER: usize = 4;
pub const PLATFORM: usize = 5;
/// Companies that the customers' lists are about.
pub const COMPANIES: usize = 12;
/// The time that one call takes.
const CALL_MS: i64 = 110;

pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Something that was not as the model has it, in words.
pub type Checked = Result<(), String>;

pub const MEMBER: Need =
    Need { roles: &["admin", "developer", "user", "support"], scope: "read", whole: false };
pub const WORKER: Need = Need { roles: &["admin", "user"], scope: "write", whole: false };
pub const ADMIN: Need = Need { roles: &["admin"], scope: "write", whole: false };
pub const OWNER: Need = Need { roles: &["admin"], scope: "admin", whole: false };
/// Whoever changes people.
pub const MANAGER: Need = Need { whole: true, ..OWNER };

/// What a value of an account is, wherever its text turns up.
#[derive(Debug, Clone)]
pub struct Secret {
    pub org: usize,
    pub key: Key,
    pub field: &'static str,
}

/// How the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub text: String,
    pub body: Value,
}

/// How much was looked at.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    /// Answers that were held against the model.
    pub answers: u64,
    /// Those of them that a guest got of an import.
    pub wit_calls: u64,
}

pub struct Town {
    pub host: Host,
    pub echo: Simulator,
    pub router: Router,
    pub matrix: Matrix,
    /// Slug, id and name, by organization.
    pub orgs: Vec<[String; 3]>,
    pub secrets: HashMap<String, Secret>,
    /// Values and ids of others that an organization, or a plugin of it, was rightly told.
    pub told: Vec<BTreeSet<String>>,
    /// Ids that an organization itself named: that they come back tells nothing.
    pub said: Vec<BTreeSet<String>>,
    pub overlap_ids: BTreeMap<(usize, Key), String>,
    /// Whose a thing with an id is; of a partnership both sides.
    pub owners: HashMap<String, BTreeSet<usize>>,
    /// Ids of things, by what stands for them in addresses, and by organization.
    pub things: BTreeMap<(&'static str, usize), Vec<String>>,
    /// What every install keeps: by partition and key.
    pub state: BTreeMap<(usize, Option<usize>, String), String>,
    /// What stands on the timeline of an account.
    pub timeline: BTreeMap<String, BTreeSet<String>>,
    /// Cursors of `overlaps.changes` that were given out: install, partnership.
    pub cursors: Vec<(usize, usize, String)>,
    /// The text of every answer that something is not there.
    pub not_there: String,
    /// The calls of this world, for who reads a failure.
    pub calls: Vec<String>,
    pub figures: Figures,
}

impl Town {
    /// Organizations with an admin each, two listed plugins, and nothing else.
    pub async fn new() -> Self {
        let echo = Simulator::start(Options::new(Echo)).await.unwrap();
        let host = Host::start(&[("echo.example", &echo)]).await;
        // A database of advisories without any.
        std::fs::create_dir_all(host.data.path().join("advisories/crates")).unwrap();
        let router = venn_server::serve::router(host.app.clone());
        let mut actors = Vec::new();
        for slug in CUSTOMERS {
            actors.push(host.organization(slug, true, false).await);
        }
        actors.push(host.organization("works", false, true).await);
        actors.push(host.platform.clone());
        let plugins = vec![
            list(&actors, "reader", &["overlaps:read", "timeline:write", "state"]).await,
            list(&actors, "sender", &["overlaps:read", "timeline:write", "state", "http:egress"])
                .await,
        ];
        let mut town = Self {
            echo,
            router,
            matrix: Matrix { plugins, ..Matrix::default() },
            orgs: Vec::new(),
            secrets: HashMap::new(),
            told: vec![BTreeSet::new(); actors.len()],
            said: vec![BTreeSet::new(); actors.len()],
            overlap_ids: BTreeMap::new(),
            owners: HashMap::new(),
            things: BTreeMap::new(),
            state: BTreeMap::new(),
            timeline: BTreeMap::new(),
            cursors: Vec::new(),
            not_there: String::new(),
            calls: Vec::new(),
            figures: Figures::default(),
            host,
        };
        for (org, actor) in actors.iter().enumerate() {
            let me = actor.get("/v1/me").await.good();
            let text = |name: &str| me[name].as_str().unwrap().to_owned();
            let named = actor.get(&format!("/v1/organizations/{}", actor.org)).await.good();
            let name = named["name"].as_str().unwrap().to_owned();
            town.orgs.push([actor.org.clone(), text("organization_id"), name]);
            town.matrix.accounts.push(BTreeMap::new());
            let id = text("user_id");
            town.own("user", org, &id);
            town.matrix.people.push(Person { id, org, role: "admin", service: false, gone: false });
            let id = format!("tok_{}", actor.token.split('_').nth(1).unwrap());
            town.own("token", org, &id);
            town.matrix.tokens.push(Token {
                id,
                text: actor.token.clone(),
                person: org,
                scopes: ["read", "write", "publish", "admin"].into(),
                nouns: BTreeSet::new(),
                ends_at_ms: 90 * DAY_MS,
                revoked: false,
            });
        }
        for plugin in ["reader", "sender"] {
            town.own("plugin", PUBLISHER, plugin);
        }
        let nobodys = "/v1/organizations/acme/accounts/acc_7zzzzzzzzzzzzzzzzzzzzzzzzz";
        town.not_there = town.call(0, "GET", nobodys, None).await.text;
        town
    }

    /// A call with a token, by its place.
    pub async fn call(
        &mut self,
        token: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.send(token, method, path, bytes, "application/json").await
    }

    /// The same with any bytes.
    pub async fn send(
        &mut self,
        token: usize,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        kind: &str,
    ) -> Reply {
        self.pass(CALL_MS);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.matrix.tokens[token].text));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.calls.push(format!("{method} {path} {status}, token {token}"));
        Reply { status, text, body }
    }

    /// Time goes by, for both.
    pub fn pass(&mut self, ms: i64) {
        self.host.clock.advance_ms(ms);
        self.matrix.now_ms += ms;
    }

    /// A day does not end between a question and its answer.
    pub fn not_at_midnight(&mut self) {
        if DAY_MS - self.matrix.now_ms.rem_euclid(DAY_MS) < 60_000 {
            self.pass(60_000);
        }
    }

    /// Something exists, and is this organization's.
    pub fn own(&mut self, kind: &'static str, org: usize, id: &str) {
        self.owners.entry(id.to_owned()).or_default().insert(org);
        let things = self.things.entry((kind, org)).or_default();
        if !things.iter().any(|known| known == id) {
            things.push(id.to_owned());
        }
    }

    /// `/v1/organizations/{slug}/{rest}`
    pub fn at(&self, org: usize, rest: &str) -> String {
        format!("/v1/organizations/{}/{rest}", self.orgs[org][0])
    }

    /// Whoever calls: mostly somebody of the organization, often its first admin, at times
    /// somebody else or a token that is over.
    pub fn caller(&self, chance: &mut Chance, org: usize) -> usize {
        let tokens = &self.matrix.tokens;
        let of = |token: &usize| self.matrix.people[tokens[*token].person].org == org;
        match chance.below(10) {
            0 => chance.below(tokens.len()),
            1..=4 => chance.any((0..tokens.len()).filter(of)).unwrap_or(org),
            _ => org,
        }
    }

    /// Waits until all is paired: there is nothing to be held against the model before.
    pub async fn paired(&self) {
        for partnership in &self.matrix.partnerships {
            if partnership.bond != Bond::Active {
                continue;
            }
            let id = partnership.id.parse().unwrap();
            while self.host.app.store.pending_domains(&id).await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        }
    }
}

/// Publishes the guest `script` under this name and lists it, with all that it asks for.
async fn list(actors: &[Actor], name: &'static str, capabilities: &[&'static str]) -> Plugin {
    let (publisher, platform) = (&actors[PUBLISHER], &actors[PLATFORM]);
    let sends = capabilities.contains(&"http:egress");
    let fields: BTreeSet<String> = super::matrix::FIELDS
        .iter()
        .flat_map(|field| [format!("our-{field}"), format!("their-{field}")])
        .collect();
    let rule = json!({ "host": "echo.example", "methods": ["GET"], "paths": ["/crm"] });
    let mut asked = rule.clone();
    for (member, text) in [("reason", "To be tested."), ("data", "None."), ("retention", "None.")] {
        asked[member] = json!(text);
    }
    let reason = |name: &&str| json!({ "name": name, "reason": "To be tested." });
    let manifest = json!({
        "name": name, "version": "0.1.0", "title": name, "summary": "A test guest.", "category": "other",
        "capabilities": capabilities.iter().map(reason).collect::<Vec<_>>(),
        "fields": fields, "egress": if sends { vec![asked] } else { vec![] },
        "connections": [], "config_schema": { "type": "object" }, "events": ["configured"],
        "faults": [], "support": { "contact": "support@works.example" },
    });
    let release = publisher.publish(&manifest, guest("script")).await.good();
    let asks = Powers {
        capabilities: capabilities.iter().copied().collect(),
        fields,
        hosts: if sends { ["echo.example"].into() } else { BTreeSet::new() },
    };
    let ceiling = ceiling(&asks);
    platform.put(&format!("/v1/review/plugins/{name}/approval"), &ceiling).await.good();
    let path = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    platform.post(&path, &json!({ "go": true, "reason": "looked at" })).await.good();
    Plugin { name, approved: asks.clone(), asks, suspended: false }
}

/// An approval as it is sent.
pub fn ceiling(powers: &Powers) -> Value {
    let rule = |host| json!({ "host": host, "port": 443, "methods": ["GET"], "paths": ["/crm"] });
    json!({
        "capabilities": powers.capabilities, "fields": powers.fields,
        "egress": powers.hosts.iter().map(rule).collect::<Vec<_>>(),
    })
}
