//! Taking an import's file: streamed to disk, so that memory does not grow with
//! it, and put in its place only when it is whole and synced.
use std::{io::Write as _, path::Path as FilePath};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, header},
};
use futures::StreamExt as _;
use tempfile::NamedTempFile;
use venn_domain::{limits, organization::Need};
use venn_store::import::ImportState;

use super::{ImportView, find, view, wrong_state};
use crate::{
    answer::Accepted,
    api::organization::resolve,
    app::App,
    auth::Caller,
    error::{ApiError, Code},
    workers::import::{UNFINISHED_PREFIX, file_of},
};

/// What to do with a list that is too large.
pub const TOO_LARGE_NEXT: &str =
    "Leave columns out of the export, or import it in parts with the mode `merge`.";

/// `PUT …/imports/{import}/file`: the body is the file, whatever its type says.
pub async fn put_file(
    State(app): State<App>,
    caller: Caller,
    Path((org, import)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Accepted<ImportView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let import = find(&app, &org.id, &import).await?;
    let not_waiting = || wrong_state("This import does not wait for a file.", &import);
    if import.state != ImportState::WaitingForFile {
        return Err(not_waiting());
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limits::IMPORT_FILE_BYTES) {
        return Err(too_large());
    }
    let (file, file_bytes) = receive(&app.uploads, body).await?;
    let (folder, path) = (app.uploads.clone(), file_of(&app, &import.id));
    let place = move || {
        file.persist(path)?;
        // The name is durable too before the import says that the file is there.
        std::fs::File::open(folder)?.sync_all()
    };
    let came = app.store.import_file_came(&import.id, file_bytes, place).await?;
    let came = came.ok_or_else(not_waiting)?;
    venn_store::crash::point("import.uploaded");
    app.wake.imports.notify_one();
    Ok(Accepted(view(came)))
}

/// Writes the body to an unfinished file, which goes away if it is not placed.
async fn receive(folder: &FilePath, body: Body) -> Result<(NamedTempFile, u64), ApiError> {
    let folder = folder.to_owned();
    let make =
        move || tempfile::Builder::new().prefix(UNFINISHED_PREFIX.as_str()).tempfile_in(folder);
    let mut file = in_background(make).await?;
    let mut stream = body.into_data_stream();
    let mut file_bytes: u64 = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::new(
                Code::BadUpload,
                "The upload broke off before its end; nothing of it was kept.",
                "Send the whole file again.",
            )
        })?;
        file_bytes = file_bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if file_bytes > limits::IMPORT_FILE_BYTES {
            return Err(too_large());
        }
        file = in_background(move || file.write_all(&chunk).map(|()| file)).await?;
    }
    let file = in_background(move || file.as_file().sync_all().map(|()| file)).await?;
    Ok((file, file_bytes))
}

fn too_large() -> ApiError {
    ApiError::new(
        Code::TooLarge,
        format!(
            "The file is larger than {} bytes (limit `import.file`).",
            limits::IMPORT_FILE_BYTES
        ),
        TOO_LARGE_NEXT,
    )
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}
