//! Imports of account lists: made, given a file, confirmed or cancelled. The
//! worker (`workers/import.rs`) reads and applies them; its progress is here.
//!
//! The upload itself is in `import/upload.rs`.
use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{ImportId, OrganizationId},
    limits,
    organization::Need,
    time::Timestamp,
};
use venn_mapping::list::ColumnMap;
use venn_store::import::{
    Confirm, Import, ImportMode, ImportOptions, ImportProblem, ImportState, NewImport, UnknownStage,
};

use crate::{
    answer::Created,
    api::{check, organization::resolve},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
    workers::import::forget_file,
};

mod upload;

pub use upload::{TOO_LARGE_NEXT, put_file};

/// An import, its progress and what it found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportView {
    /// The import's id.
    id: ImportId,
    /// What happens to accounts that the list lacks.
    mode: ImportMode,
    /// Where it stands.
    state: ImportState,
    /// The file's name, for people.
    file_name: String,
    /// Size of the file, in bytes.
    file_bytes: u64,
    /// How much of it is read, in bytes.
    bytes_read: u64,
    /// Rows read, rejected ones too.
    rows_read: u64,
    /// Rows of which nothing is used.
    rows_rejected: u64,
    /// Accounts that are new.
    added: u64,
    /// Accounts that changed.
    changed: u64,
    /// Accounts that went.
    removed: u64,
    /// Accounts that stayed as they are.
    unchanged: u64,
    /// Rows of accounts that a live source keeps: left as they are.
    kept_by_source: u64,
    /// The first rejected rows.
    problems: Vec<ImportProblem>,
    /// How many rows were rejected.
    problems_total: u64,
    /// Columns that nothing was read from.
    ignored_columns: Vec<String>,
    /// Stages that no mapping knows; their accounts are prospects.
    unknown_stages: Vec<UnknownStage>,
    /// The question that waits for a yes, if there is one.
    confirm: Option<Confirm>,
    /// Why the file could not be used, if it could not.
    error: Option<ImportProblem>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was done, failed or cancelled.
    finished_at: Option<Timestamp>,
}

/// `POST …/imports`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// What happens to accounts that the list lacks.
    mode: ImportMode,
    /// The file's name, for people.
    file_name: String,
    /// Which column is what; none to recognise the format.
    columns: Option<ColumnMap>,
    /// Stages of the CRM, each with a population's key; at most 500.
    stages: Option<BTreeMap<String, String>>,
}

/// Most entries of a stage map: a CRM has some dozens of stages.
const STAGES_MAX: usize = 500;

/// `POST …/imports`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<ImportBody>,
) -> Result<Created<ImportView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    if !org.kinds.customer {
        return Err(ApiError::new(
            Code::WrongState,
            format!("{} is not a customer, so it has no accounts to map.", org.name),
            "Import with a token of an organization that is a customer.",
        ));
    }
    let stages = body.stages.unwrap_or_default();
    let mut problems = check::Problems::default();
    problems.note("file_name", check::title(&body.file_name));
    if stages.len() > STAGES_MAX {
        problems.add(
            "stages",
            format!("it has more than {STAGES_MAX} entries"),
            "Map fewer stages",
        );
    }
    let (extra, most) =
        (body.columns.as_ref().map_or(0, |map| map.extra.len()), limits::IMPORT_EXTRA);
    if extra > most {
        let reason =
            format!("it has {extra} entries, at most {most} are allowed (limit `import.extra`)");
        problems.add("columns.extra", reason, "Keep fewer columns");
    }
    let keys: Vec<String> = stages.values().cloned().collect();
    for key in app.store.unknown_populations(&org.id, &keys).await? {
        let place = stages.iter().find(|(_, population)| **population == key);
        let place = place.map_or("stages".to_owned(), |(stage, _)| format!("stages.{stage}"));
        let reason =
            format!("there is no population `{}`", key.chars().take(80).collect::<String>());
        problems.add(&place, reason, "Make the population first, or name one that is there");
    }
    problems.into_result()?;
    let columns = body.columns.map(serde_json::to_value).transpose().map_err(ApiError::internal)?;
    let new = NewImport {
        organization: org.id,
        mode: body.mode,
        file_name: body.file_name,
        options: ImportOptions { columns, stages },
        created_by: caller.user().clone(),
    };
    Ok(Created(view(app.store.create_import(new).await?)))
}

/// `GET …/imports`: newest first.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<ImportView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.imports(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET …/imports/{import}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, import)): Path<(String, String)>,
) -> Result<Json<ImportView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    Ok(Json(view(find(&app, &org.id, &import).await?)))
}

/// `POST …/imports/{import}/confirm`.
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((org, import)): Path<(String, String)>,
) -> Result<Json<ImportView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let import = find(&app, &org.id, &import).await?;
    let confirmed = app.store.confirm_import(&import.id).await?;
    let confirmed = confirmed
        .ok_or_else(|| wrong_state("This import does not wait for a confirmation.", &import))?;
    app.wake.imports.notify_one();
    Ok(Json(view(confirmed)))
}

/// `POST …/imports/{import}/cancel`.
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path((org, import)): Path<(String, String)>,
) -> Result<Json<ImportView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let import = find(&app, &org.id, &import).await?;
    let cancelled = app.store.cancel_import(&import.id).await?;
    let cancelled = cancelled.ok_or_else(|| {
        wrong_state("This import cannot be cancelled: it is being applied, or over.", &import)
    })?;
    forget_file(&app, &cancelled.id).await;
    Ok(Json(view(cancelled)))
}

/// An import of this organization.
async fn find(app: &App, org: &OrganizationId, id: &str) -> Result<Import, ApiError> {
    app.store.import(org, &id.parse()?).await?.ok_or_else(ApiError::not_found)
}

fn wrong_state(detail: &str, import: &Import) -> ApiError {
    ApiError::new(
        Code::WrongState,
        detail,
        format!("Look at the import: when you asked, its state was `{}`.", import.state.name()),
    )
}

fn view(import: Import) -> ImportView {
    ImportView {
        id: import.id,
        mode: import.mode,
        state: import.state,
        file_name: import.file_name,
        file_bytes: import.file_bytes,
        bytes_read: import.bytes_read,
        rows_read: import.rows_read,
        rows_rejected: import.rows_rejected,
        added: import.added,
        changed: import.changed,
        removed: import.removed,
        unchanged: import.unchanged,
        kept_by_source: import.kept_by_source,
        problems: import.report.problems,
        problems_total: import.report.problems_total,
        ignored_columns: import.report.ignored_columns,
        unknown_stages: import.report.unknown_stages,
        confirm: import.report.confirm,
        error: import.report.error,
        created_at: import.created_at,
        finished_at: import.finished_at,
    }
}
