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
    use api::{me, member, organization, token};
    Router::new()
        .route("/me", get(me::get))
        .route("/directory", get(organization::directory))
        .route("/organizations", get(organization::list).post(organization::create))
        .route("/organizations/{org}", get(organization::get))
        .route("/organizations/{org}/members", get(member::list).post(member::add))
        .route("/organizations/{org}/members/{user}", delete(member::remove))
        .route("/organizations/{org}/tokens", get(token::list).post(token::create))
        .route("/organizations/{org}/tokens/{token}", delete(token::revoke))
}

fn accounts() -> Router<App> {
    use api::{account, import, population};
    Router::new()
        .route("/organizations/{org}/populations", get(population::list).post(population::create))
        .route("/organizations/{org}/imports", get(import::list).post(import::create))
        .route("/organizations/{org}/imports/{import}", get(import::get))
        .route("/organizations/{org}/imports/{import}/file", put(import::put_file))
        .route("/organizations/{org}/imports/{import}/confirm", post(import::confirm))
        .route("/organizations/{org}/imports/{import}/cancel", post(import::cancel))
        .route("/organizations/{org}/accounts", get(account::list))
        .route("/organizations/{org}/accounts/{account}", get(account::get))
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
    use api::{delivery, inbox, run};
    Router::new()
        .route("/organizations/{org}/deliveries", get(delivery::list))
        .route("/organizations/{org}/deliveries/{delivery}", get(delivery::get))
        .route("/organizations/{org}/deliveries/{delivery}/redeliver", post(delivery::redeliver))
        .route("/organizations/{org}/runs", get(run::list))
        .route("/organizations/{org}/runs/{run}", get(run::get))
        .route("/organizations/{org}/runs/{run}/log", get(run::log))
        .route("/organizations/{org}/runs/{run}/transcript", get(run::transcript))
        .route("/organizations/{org}/runs/{run}/replay", post(run::replay))
        .route("/organizations/{org}/inbox", get(inbox::inbox))
        .route("/organizations/{org}/incidents", get(inbox::incidents))
        .route("/organizations/{org}/audit", get(inbox::audit))
        .route("/organizations/{org}/accounts/{account}/timeline", get(inbox::timeline))
}
