//! The route table, and nothing else. Every handler states role and
//! organization itself; every route stands in the access test.
use axum::{
    Router,
    routing::{delete, get, post, put},
};

use crate::{api, app::App};

/// Every route of `/v1`.
pub fn v1() -> Router<App> {
    Router::new()
        .merge(people())
        .merge(accounts())
        .merge(partnerships())
        .merge(plugins())
        .merge(installs())
        .merge(runs())
}

fn people() -> Router<App> {
    Router::new()
}

fn accounts() -> Router<App> {
    Router::new()
}

fn partnerships() -> Router<App> {
    Router::new()
}

fn plugins() -> Router<App> {
    Router::new()
}

fn installs() -> Router<App> {
    Router::new()
}

fn runs() -> Router<App> {
    Router::new()
}
