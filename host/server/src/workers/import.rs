//! The import worker: reads uploaded lists into rows that nobody sees yet, then
//! applies them in one transaction. One import at a time, oldest first.
//!
//! After a crash while reading it starts over from the file; while applying, the
//! transaction happened or did not. The file is kept until the import is over.
//!
//! - `import/read.rs`: file to rows, on a thread of its own, a batch at a time
//! - `import/stages.rs`: which population an account falls into
use std::{path::PathBuf, sync::LazyLock};

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use venn_domain::id::ImportId;
use venn_store::{
    crash,
    import::{Import, ImportProblem, ImportReport, ImportState},
};

use crate::{app::App, telemetry::trace};

mod read;
mod stages;

/// How unfinished uploads begin, so that those of a crash are found.
const UNFINISHED: &str = "unfinished-";

/// How this process's unfinished uploads begin: the sweep at the start must
/// not take one that is just coming in. A process id would repeat.
pub static UNFINISHED_PREFIX: LazyLock<String> =
    LazyLock::new(|| format!("{UNFINISHED}{:016x}-", getrandom::u64().unwrap_or_default()));

/// Batches between the reading thread and the store: one is written while the
/// next one is read; more would only cost memory.
const BATCHES_AHEAD: usize = 2;

/// The import worker.
pub async fn run(app: App, stop: CancellationToken) {
    // What another server is being sent is not what a crash left.
    if app.store.is_alone()
        && let Err(error) = sweep(&app).await
    {
        tracing::warn!(error = ?error, "import.uploads.sweep failed");
    }
    let bell = app.wake.imports.clone();
    super::every_bell("import", &bell, &stop, || turn(&app)).await;
}

/// Where the file of an import lies.
pub fn file_of(app: &App, id: &ImportId) -> PathBuf {
    app.uploads.join(id.as_str())
}

/// Removes the file of an import that is over. A file that stays is swept at
/// the next start.
pub async fn forget_file(app: &App, id: &ImportId) {
    match tokio::fs::remove_file(file_of(app, id)).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(import = %id, error = ?error, "import.file.remove failed");
        }
        _ => {}
    }
}

/// Works on every import once; true if any of them moved. One that fails does
/// not keep the others waiting.
async fn turn(app: &App) -> anyhow::Result<bool> {
    if !app.store.leads() {
        return Ok(false);
    }
    let mut moved = false;
    for import in app.store.imports_to_work_on().await? {
        let span = tracing::info_span!("import.work", import = %import.id);
        trace::child_of(&span, &import.trace);
        let worked = async {
            match import.state {
                ImportState::Reading => read_one(app, &import).await,
                _ => apply_one(app, &import).await,
            }
        };
        let worked = worked.instrument(span).await;
        match worked {
            Ok(()) => moved = true,
            Err(error) => {
                tracing::error!(import = %import.id, error = ?error, "import.work failed");
            }
        }
    }
    Ok(moved)
}

/// Reads the whole file; applies it if nobody has to be asked.
#[tracing::instrument(name = "import.file.read", skip_all)]
async fn read_one(app: &App, import: &Import) -> anyhow::Result<()> {
    let Some(reading) = app.store.begin_reading(&import.id).await? else { return Ok(()) };
    let (batches, mut inbox) = tokio::sync::mpsc::channel(BATCHES_AHEAD);
    let (path, options) = (file_of(app, &import.id), import.options.clone());
    let reader = tokio::task::spawn_blocking(move || read::read(&path, &options, &batches));
    while let Some(batch) = inbox.recv().await {
        let read::Batch { rows, progress } = batch;
        if !app.store.add_import_rows(&import.id, reading, rows, progress).await? {
            // Cancelled, or another server reads it: the reading thread ends when nobody takes its batches.
            break;
        }
        crash::point("import.reading");
    }
    drop(inbox);
    let end = reader.await?;
    let moved = match end {
        read::End::Cancelled => None,
        read::End::Whole { progress, report } => {
            app.store.end_reading(&import.id, reading, progress, report).await?
        }
        read::End::Refused { report } => {
            app.metrics.imported(ImportState::Failed.name());
            app.store.fail_import(&import.id, report).await?
        }
    };
    match moved {
        Some(import) if import.state == ImportState::Applying => apply_one(app, &import).await,
        Some(import) if import.state == ImportState::WaitingForConfirmation => Ok(()),
        _ => {
            if app.store.import_is_over(&import.id).await? {
                forget_file(app, &import.id).await;
            }
            Ok(())
        }
    }
}

#[tracing::instrument(name = "import.list.apply", skip_all)]
async fn apply_one(app: &App, import: &Import) -> anyhow::Result<()> {
    let Some(applied) = app.store.apply_import(&import.id).await? else { return Ok(()) };
    app.metrics.imported(applied.state.name());
    if applied.state != ImportState::Done {
        return Ok(());
    }
    crash::point("import.committed");
    app.wake.pairing.notify_one();
    forget_file(app, &import.id).await;
    crash::point("import.forgotten");
    Ok(())
}

/// Removes what a crash left: unfinished uploads, and files of imports that are over.
async fn sweep(app: &App) -> anyhow::Result<()> {
    let mut files = tokio::fs::read_dir(&app.uploads).await?;
    while let Some(file) = files.next_entry().await? {
        let name = file.file_name();
        let Some(name) = name.to_str() else { continue };
        let over = match name.parse::<ImportId>() {
            Ok(id) => app.store.import_is_over(&id).await?,
            Err(_) => name.starts_with(UNFINISHED) && !name.starts_with(UNFINISHED_PREFIX.as_str()),
        };
        if over {
            tokio::fs::remove_file(file.path()).await?;
        }
    }
    Ok(())
}

/// The report of an import whose file cannot be read at all.
fn refused(code: &str, reason: String, next_step: &str) -> ImportReport {
    let error = ImportProblem {
        line: None,
        column: None,
        code: code.to_owned(),
        reason,
        next_step: next_step.to_owned(),
    };
    ImportReport { error: Some(error), ..ImportReport::default() }
}
