//! Who calls, and whether they may: a call's token, looked up and compared, and the
//! need of its handler; against hashing the secret alone, which any host must.
//!
//! One JSON object a line. `remembered`: nothing that a login depends on was written
//! since the last call. `read`: something was, and the database (SQLite) is asked.
//! `session`: what a cookie costs besides, on a call that changes something.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking, and prints ratios"
)]
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest as _, Sha256};
use venn_domain::{
    id::{IdSource, TokenId},
    organization::Need,
    time::{Clock, Timestamp},
};
use venn_server::auth::{self, session};
use venn_store::{Database, Settings, Store, Unobserved};

/// Calls of each kind, in turn; medians are of these.
const CALLS: usize = 10_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

struct Counted(AtomicU64);

impl IdSource for Counted {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Settings {
        folder: folder.path().to_owned(),
        database: Database::Embedded,
        clock: Arc::new(Still),
        ids: Arc::new(Counted(AtomicU64::new(1))),
        observer: Arc::new(Unobserved),
    })
    .await
    .unwrap();
    let text = auth::first_token(&store, folder.path()).await.unwrap().unwrap();
    let bearer = headers(&[("authorization", &format!("Bearer {text}"))]);
    let who = auth::caller(&store, &bearer, &Method::GET).await.unwrap().principal;
    let nobody = TokenId::make(store.ids());
    let (session, _) = session::make(&TokenId::make(store.ids())).unwrap();
    let csrf = session::csrf_of(&session).unwrap();
    let cookie = headers(&[
        ("host", "venn.example"),
        ("origin", "https://venn.example"),
        ("cookie", &format!("{}={session}", session::COOKIE)),
        ("x-csrf-token", &csrf.0),
    ]);
    let (mut floor, mut remembered, mut read, mut page) = (vec![], vec![], vec![], vec![]);
    for round in 0..CALLS {
        let began = Instant::now();
        black_box(Sha256::digest(black_box(text.as_bytes())));
        floor.push(began.elapsed());
        let began = Instant::now();
        authorize(&store, &bearer).await;
        remembered.push(began.elapsed());
        let began = Instant::now();
        let text = session::find(&cookie, session::COOKIE).unwrap();
        black_box(session::check(&cookie, &Method::POST, text).unwrap());
        page.push(began.elapsed());
        if round % 10 == 0 {
            // Finds nothing to revoke, and is a write all the same.
            store.revoke_token(&who.organization, &nobody, &who.user).await.unwrap();
            let began = Instant::now();
            authorize(&store, &bearer).await;
            read.push(began.elapsed());
        }
    }
    let floor = median(floor);
    for (case, times) in [("remembered", remembered), ("read", read), ("session", page)] {
        let us = median(times);
        println!(
            "{{\"bench\":\"authorize\",\"case\":\"{case}\",\"ratio\":{:.1},\"us\":{us:.2},\"hash_us\":{floor:.2}}}",
            us / floor
        );
    }
}

async fn authorize(store: &Store, headers: &HeaderMap) {
    let caller = auth::caller(store, headers, &Method::GET).await.unwrap();
    caller.need(Need::platform_admin()).unwrap();
    black_box(caller);
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

/// In microseconds.
fn median(mut times: Vec<std::time::Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
