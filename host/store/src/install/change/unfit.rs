//! Which connections of an install are not what its release asks for: kept with each
//! change, so that they wait in the customer's inbox until they are.
use sqlx::AnyConnection;
use venn_domain::manifest::ConnectionKind;

use super::manifest;
use crate::{
    Store, StoreError, connection,
    install::{Install, Unfit, find},
    row::json,
};

/// Looks at an install as it is now, and keeps what it finds.
pub(super) async fn note(
    store: &Store,
    connection: &mut AnyConnection,
    install: &Install,
) -> Result<(), StoreError> {
    let Some(now) = find(connection, &install.organization, &install.id).await? else {
        return Ok(());
    };
    let unfit = look(connection, &now).await?;
    if unfit == now.unfit {
        return Ok(());
    }
    let (text, at) = match unfit.as_slice() {
        [] => (String::new(), None),
        _ => (json(&unfit), Some(store.now().0)),
    };
    sqlx::query("UPDATE install SET unfit_json = $1, unfit_at = $2 WHERE id = $3")
        .bind(text)
        .bind(at)
        .bind(now.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn look(connection: &mut AnyConnection, install: &Install) -> Result<Vec<Unfit>, StoreError> {
    let mut manifest = manifest(connection, &install.release).await?;
    manifest.complete(&install.config);
    let mut unfit = Vec::new();
    for request in manifest.connections {
        let Some(id) = install.connections.get(&request.name) else { continue };
        if request.kind == ConnectionKind::BackendKey {
            continue;
        }
        let found = connection::find(connection, &install.organization, id).await?;
        let fits = found.is_some_and(|found| {
            let endpoint = found.tokens.as_ref().map_or("", |tokens| tokens.endpoint.as_str());
            request.is_met_by(found.kind, &found.host, endpoint)
        });
        if !fits {
            let (connection, kind, host) = (request.name, request.kind, request.host);
            unfit.push(Unfit { connection, kind, host });
        }
    }
    Ok(unfit)
}
