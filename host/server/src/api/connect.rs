//! Connecting an install at a service's page: the link to it, and the word that the page
//! shows to who came back.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{organization::Need, time::Timestamp};

use crate::{
    answer::CreatedOnce,
    api::{
        connection::{self, ConnectionView},
        install,
        organization::resolve,
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
    oauth::connect,
};

/// `POST …/installs/{install}/connections/{name}/connect`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectBody {
    /// What your people are to call the connection; the install's name and the connection's if
    /// it is not there. One that the install has already is connected again.
    #[serde(default)]
    connection_name: Option<String>,
}

/// The link to a service's page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectView {
    /// Open it in a browser, and say yes. Shown this once; for nobody else's eyes.
    url: Option<String>,
    /// Until when it is good.
    expires_at: Timestamp,
}

/// `POST …/installs/{install}/connections/{name}/connect/finish`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishBody {
    /// The word that the page showed.
    word: String,
}

/// `POST …/connect`: an admin of the customer.
pub async fn begin(
    State(app): State<App>,
    caller: Caller,
    Path((org, install, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<ConnectBody>,
) -> Result<CreatedOnce<ConnectView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let install = install::find(&app, &org, &install).await?;
    let (person, wanted) = (caller.user(), body.connection_name);
    let link = connect::begin(&app, person, &install, &name, wanted).await?;
    let view = |url| ConnectView { url, expires_at: link.expires_at };
    CreatedOnce::new(&view(Some(link.url.clone())), &view(None))
}

/// `POST …/connect/finish`: who began.
pub async fn finish(
    State(app): State<App>,
    caller: Caller,
    Path((org, install, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<FinishBody>,
) -> Result<Json<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let install = install::find(&app, &org, &install).await?;
    let made = connect::finish(&app, caller.user(), &install, &name, &body.word).await?;
    Ok(Json(connection::view(made, app.store.now())))
}
