//! The layer that reads the rest of an upload that was refused.
//!
//! A refusal is known before the last byte came: the token is wrong, the file too
//! large, the disk full. A connection that is closed then is reset, and the client
//! sees a server that went away instead of the answer. So what still comes is read
//! and thrown away first; for so many bytes and so long, because a stranger sends
//! it too.
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use venn_domain::limits;

/// Twice the largest file that is taken: whoever sends more announced that, and is
/// told to look at its length by a closed connection.
const BYTES: u64 = 2 * limits::IMPORT_FILE_BYTES;
/// The largest file at 17 MiB/s; a slower client with a file that is too large has
/// its connection closed.
const TIME: Duration = Duration::from_secs(30);
/// Who is quiet for so long waits for the answer.
const QUIET: Duration = Duration::from_secs(2);

/// The layer around everything.
pub async fn layer(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Such a client sends nothing before it is asked to, and reads the answer instead.
    let waits = parts.headers.contains_key(header::EXPECT);
    let body = Shared { body: Arc::new(Mutex::new(body)), asked: Arc::default() };
    let rest = body.clone();
    let response = next.run(Request::from_parts(parts, Body::new(body))).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let sends = !waits || rest.asked.load(Ordering::Relaxed);
    if refused && sends && !rest.is_end_stream() {
        let _ = tokio::time::timeout(TIME, read_away(rest)).await;
    }
    response
}

async fn read_away(mut rest: Shared) {
    let mut bytes = 0_u64;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(QUIET, rest.frame()).await {
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > BYTES {
            break;
        }
    }
}

/// A body that can be read on after a handler has let go of it.
#[derive(Clone)]
struct Shared {
    body: Arc<Mutex<Body>>,
    /// Whether anybody wanted to read it.
    asked: Arc<AtomicBool>,
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut Body) -> T) -> T {
        look(&mut self.body.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.asked.store(true, Ordering::Relaxed);
        self.with(|body| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
