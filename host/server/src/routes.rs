//! The route table, and nothing else. Every handler states role and
//! organization itself; every route stands in the access test.
use axum::{
    Router,
    extract::DefaultBodyLimit,
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
    use api::{account, import, population, source};
    Router::new()
        .route("/organizations/{org}/populations", get(population::list).post(population::create))
        .route("/organizations/{org}/imports", get(import::list).post(import::create))
        .route("/organizations/{org}/imports/{import}", get(import::get))
        .route("/organizations/{org}/imports/{import}/file", put(import::put_file))
        .route("/organizations/{org}/imports/{import}/confirm", post(import::confirm))
        .route("/organizations/{org}/imports/{import}/cancel", post(import::cancel))
        .route("/organizations/{org}/accounts", get(account::list))
        .route("/organizations/{org}/accounts/{account}", get(account::get))
        .route("/organizations/{org}/sources", get(source::list))
        .route("/organizations/{org}/sources/{install}", get(source::get))
        .route("/organizations/{org}/sources/{install}/confirm", post(source::confirm))
        .route("/organizations/{org}/sources/{install}/cancel", post(source::cancel))
}

fn partnerships() -> Router<App> {
    use api::{overlap, pairing, partnership, sharing_rule, why_not};
    Router::new()
        .route(
            "/organizations/{org}/partnerships",
            get(partnership::list).post(partnership::propose),
        )
        .route("/organizations/{org}/partnerships/{partnership}", get(partnership::get))
        .route("/organizations/{org}/partnerships/{partnership}/accept", post(partnership::accept))
        .route("/organizations/{org}/partnerships/{partnership}/end", post(partnership::end))
        .route(
            "/organizations/{org}/partnerships/{partnership}/sharing-rules",
            get(sharing_rule::list).put(sharing_rule::replace),
        )
        .route("/organizations/{org}/partnerships/{partnership}/matrix", get(overlap::matrix))
        .route("/organizations/{org}/partnerships/{partnership}/overlaps", get(overlap::list))
        .route("/organizations/{org}/partnerships/{partnership}/unpaired", get(overlap::unpaired))
        .route("/organizations/{org}/partnerships/{partnership}/pairings", post(pairing::decide))
        .route("/organizations/{org}/accounts/{account}/why-not", get(why_not::get))
}

fn plugins() -> Router<App> {
    use api::{connection, marketplace, plugin, release, review, signing_key};
    // Uploads have a limit of their own, above that of other bodies.
    let most = usize::try_from(release::UPLOAD_BYTES_MAX).unwrap_or(usize::MAX);
    let upload = post(release::create).layer(DefaultBodyLimit::max(most));
    Router::new()
        .route("/organizations/{org}/plugins", get(plugin::list).post(plugin::create))
        .route("/organizations/{org}/plugins/{plugin}", get(plugin::get))
        .route("/organizations/{org}/plugins/{plugin}/releases", upload.get(release::list))
        .route("/organizations/{org}/plugins/{plugin}/releases/{release}", get(release::get))
        .route(
            "/organizations/{org}/signing-keys",
            get(signing_key::list).post(signing_key::register),
        )
        .route("/organizations/{org}/signing-keys/{key}/rotate", post(signing_key::rotate))
        .route("/organizations/{org}/signing-keys/{key}/revoke", post(signing_key::revoke))
        .route("/review/releases", get(review::list))
        .route("/review/releases/{release}", get(review::get))
        .route("/review/releases/{release}/decision", post(review::decide))
        .route("/review/plugins/{plugin}/approval", put(review::approve))
        .route("/review/plugins/{plugin}/suspend", post(review::suspend))
        .route("/review/plugins/{plugin}/resume", post(review::resume))
        .route("/marketplace/plugins", get(marketplace::list))
        .route("/marketplace/plugins/{name}", get(marketplace::get))
        .route("/organizations/{org}/connections", get(connection::list).post(connection::create))
        .route(
            "/organizations/{org}/connections/{connection}",
            get(connection::get).delete(connection::delete),
        )
        .route(
            "/organizations/{org}/connections/{connection}/secret",
            put(connection::replace_secret),
        )
}

fn installs() -> Router<App> {
    use api::{install, install_change};
    Router::new()
        .route("/organizations/{org}/installs", get(install::list).post(install::create))
        .route(
            "/organizations/{org}/installs/{install}",
            get(install::get).delete(install_change::uninstall),
        )
        .route("/organizations/{org}/installs/{install}/check", post(install::check))
        .route("/organizations/{org}/installs/{install}/enable", post(install::enable))
        .route("/organizations/{org}/installs/{install}/grant", put(install_change::grant))
        .route("/organizations/{org}/installs/{install}/config", put(install_change::config))
        .route(
            "/organizations/{org}/installs/{install}/connections",
            put(install_change::connections),
        )
        .route("/organizations/{org}/installs/{install}/pause", post(install_change::pause))
        .route("/organizations/{org}/installs/{install}/resume", post(install_change::resume))
        .route("/organizations/{org}/installs/{install}/run", post(install_change::run))
        .route("/organizations/{org}/installs/{install}/upgrade", post(install_change::upgrade))
        .route(
            "/organizations/{org}/installs/{install}/backfill",
            get(install_change::backfill).post(install_change::start_backfill),
        )
}

fn runs() -> Router<App> {
    use api::{audit, delivery, inbox, run};
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
        .route("/organizations/{org}/audit", get(audit::list))
        .route("/organizations/{org}/audit/export", get(audit::export))
        .route("/organizations/{org}/audit/verify", get(audit::verify))
        .route("/organizations/{org}/accounts/{account}/timeline", get(inbox::timeline))
}
