//! Applying an import: one transaction, in which the accounts become what the
//! list says and everything that follows from it is left as durable work.
//!
//! How accounts are written is in `account/staged.rs`, the same for live sources.
use sqlx::AnyConnection;
use venn_domain::id::ImportId;

use super::{
    Import, ImportMode, ImportState, find, finish, must_find,
    stage::{ask_if_needed, figures, set_figures},
    step,
};
use crate::{
    Store, StoreError,
    account::staged::Stage,
    audit::{self, NewAudit},
};

/// Accounts that the list lacks.
const LACKING: &str = "NOT EXISTS (
    SELECT 1 FROM import_row r WHERE r.import_id = $2 AND r.external_id = account.external_id)";

impl Store {
    /// Applies an import; done, or asking if it would remove more than was agreed
    /// to, because the accounts changed meanwhile. None if it is not to be applied.
    pub async fn apply_import(&self, id: &ImportId) -> Result<Option<Import>, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                let found = find(connection, &id).await?;
                let Some(import) = found.filter(|import| import.state == ImportState::Applying)
                else {
                    return Ok(None);
                };
                apply(&store, connection, &import).await?;
                crate::crash::point("import.before-commit");
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }
}

async fn apply(
    store: &Store,
    connection: &mut AnyConnection,
    import: &Import,
) -> Result<(), StoreError> {
    let (id, mode) = (&import.id, import.mode);
    let (figures, removed) = figures(connection, import).await?;
    set_figures(connection, id, &figures, removed).await?;
    if ask_if_needed(connection, import, &figures, removed).await? {
        return Ok(());
    }
    let stage = Stage::of_import(id, &import.organization);
    stage.queue_pairing(store, connection).await?;
    if mode == ImportMode::Replace {
        // Only what lists keep: a live source removes its own.
        stage.remove(store, connection, LACKING).await?;
    }
    stage.write(connection, store.now()).await?;
    finish(connection, id, store.now()).await?;
    step(connection, id, &[ImportState::Applying], ImportState::Done).await?;
    let entry = NewAudit {
        organization: import.organization.clone(),
        actor: import.created_by.to_string(),
        action: "import.applied",
        subject: id.to_string(),
        detail: serde_json::json!({
            "mode": mode.name(), "added": figures.added, "changed": figures.changed,
            "removed": removed, "unchanged": figures.unchanged,
        }),
    };
    audit::append(store, connection, &entry).await
}
