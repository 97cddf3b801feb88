//! One exchange over an open connection: HTTP/1.1, buffered both ways.
//!
//! Nothing is decoded, nothing is followed, trailers are dropped. Answers are
//! limited in header size, body size, bytes on the wire and time to the first
//! byte; the whole call's time is limited outside.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use tokio_util::task::AbortOnDropHandle;
use venn_domain::{egress::header, limits};

use super::{
    Passage,
    dial::Stream,
    failed,
    meter::{Meter, Metered},
};
use crate::{
    engine::to_usize,
    tape::entry::{Blob, HttpResult},
};

/// Header lines of an answer.
const HEADER_LINES: usize = 100;
/// What is read ahead: a status line and all header lines must fit.
const READ_BYTES: usize = 64 << 10;
/// For how long a connection may need to be ready for another call: it has all
/// of the answer already.
const READY_MS: u64 = 100;

/// An open connection that speaks HTTP. Dropping it closes it.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    pub(super) meter: Arc<Meter>,
    /// Which credential went over it, as a fingerprint.
    pub(super) credential: Option<[u8; 32]>,
    reused: bool,
    _driver: AbortOnDropHandle<()>,
}

/// What became of a request.
pub(super) enum Exchanged {
    Answered(HttpResult),
    /// The third party had closed the connection before it read anything of the
    /// request: another connection may be tried.
    Unread,
}

impl Link {
    pub(super) async fn open(stream: Box<dyn Stream>) -> Result<Self, HttpResult> {
        let (stream, meter) = Metered::new(stream);
        let mut builder = http1::Builder::new();
        builder.max_headers(HEADER_LINES).max_buf_size(READ_BYTES);
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|error| protocol(&error))?;
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        let driver = AbortOnDropHandle::new(driver);
        Ok(Self { sender, meter, credential: None, reused: false, _driver: driver })
    }

    /// Whether the third party has hung up.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends the request and buffers the answer.
    pub(super) async fn exchange(
        &mut self,
        passage: &Passage<'_>,
        headers: HeaderMap,
    ) -> Exchanged {
        self.meter.reset();
        let mut request = Request::new(Full::new(passage.request.body.0.clone()));
        *request.method_mut() = passage.method.clone();
        *request.headers_mut() = headers;
        let Ok(uri) = passage.target.path_and_query().parse() else {
            let why = "the path cannot stand in a request line".to_owned();
            return Exchanged::Answered(failed("protocol", why));
        };
        *request.uri_mut() = uri;
        let first = Duration::from_millis(limits::HTTP_FIRST_BYTE_MS);
        let sent = tokio::time::timeout(first, self.sender.try_send_request(request)).await;
        Exchanged::Answered(match sent {
            Ok(Ok(response)) => self.buffer(response).await,
            Ok(Err(error)) if self.is_unread(&error, passage.method) => return Exchanged::Unread,
            Ok(Err(error)) => self.broken(&error.into_error()),
            Err(_) => failed("timeout", format!("no answer within {} ms", first.as_millis())),
        })
    }

    /// After an answer: whether another call can go over it.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.reused = true;
        let ready = tokio::time::timeout(Duration::from_millis(READY_MS), self.sender.ready());
        matches!(ready.await, Ok(Ok(())))
    }

    /// A kept connection may be closed at the other end just when it is used.
    /// What was not written was not read; what only asks may be asked again.
    fn is_unread(&self, error: &TrySendError<Request<Full<Bytes>>>, method: &http::Method) -> bool {
        let nothing_came = self.meter.received() == 0;
        self.reused
            && nothing_came
            && (error.message().is_some() || self.meter.sent() == 0 || method.is_safe())
    }

    async fn buffer(&self, response: Response<Incoming>) -> HttpResult {
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return failed("protocol", "the answer changes the protocol unasked".to_owned());
        }
        // The body would be compressed, and nothing would say so any more.
        let coded = |value: &http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"chunked");
        if parts.headers.get_all(http::header::TRANSFER_ENCODING).iter().any(coded) {
            return failed("protocol", "the answer has a transfer encoding unasked".to_owned());
        }
        let Some(headers) = kept(&parts.headers) else {
            return failed("protocol", "the answer's header fields are too long".to_owned());
        };
        let limited = Limited::new(body, to_usize(limits::HTTP_BODY_BYTES));
        let body: Bytes = match limited.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return too_large(),
            Err(_) if self.meter.is_exceeded() => return too_large(),
            Err(_) => return failed("protocol", "the answer broke off".to_owned()),
        };
        HttpResult::Response { status: parts.status.as_u16(), headers, body: Blob(body) }
    }

    fn broken(&self, error: &hyper::Error) -> HttpResult {
        if self.meter.is_exceeded() { too_large() } else { protocol(error) }
    }
}

fn too_large() -> HttpResult {
    let (body, all) = (limits::HTTP_BODY_BYTES, limits::HTTP_ANSWER_BYTES);
    let message = format!("the answer has more than {body} bytes, or {all} with all around it");
    failed("body-too-large", message)
}

/// The answer's header fields without those between us and the server only.
/// `content-length` stays: the body is whole, and clients look at it.
fn kept(headers: &HeaderMap) -> Option<Vec<(String, Blob)>> {
    let mut bytes = 0_u64;
    let mut kept = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        bytes += (name.as_str().len() + value.len() + 4) as u64;
        if bytes > limits::HTTP_FIELDS_BYTES {
            return None;
        }
        let name = name.as_str();
        if name == "content-length" || !header::is_reserved(name) {
            kept.push((name.to_owned(), Blob(Bytes::copy_from_slice(value.as_bytes()))));
        }
    }
    Some(kept)
}

/// The library's text says which part of the message was wrong; it never
/// holds header values.
fn protocol(error: &hyper::Error) -> HttpResult {
    failed("protocol", format!("the exchange failed: {error}"))
}
