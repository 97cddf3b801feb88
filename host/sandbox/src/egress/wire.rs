//! One exchange over an open connection: HTTP/1.1, buffered both ways.
//!
//! Nothing is decoded, nothing is followed, trailers are dropped. Answers are
//! limited in header size, body size and bytes on the wire; their time is
//! limited outside.
//!
//! A connection has no task of its own. Who makes a call works on it, and while
//! it waits the pool looks at it now and then: no call waits for two tasks to
//! wake each other.
use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, Connection, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
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
/// The first byte needs no timer of its own: no call has more time than it.
const _: () = assert!(limits::HTTP_TOTAL_MS <= limits::HTTP_FIRST_BYTE_MS);

/// An open connection that speaks HTTP. Dropping it closes it.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    wire: Wire,
    pub(super) meter: Arc<Meter>,
    /// Which credential went over it, as a fingerprint.
    pub(super) credential: Option<[u8; 32]>,
    reused: bool,
    /// Bytes of an answer's body.
    body_max: u64,
}

/// What moves the bytes, whenever it is polled.
struct Wire {
    connection: Box<Connection<TokioIo<Metered>, Full<Bytes>>>,
    is_over: bool,
}

impl Wire {
    fn poll(&mut self, cx: &mut Context<'_>) {
        self.is_over = self.is_over || Pin::new(&mut self.connection).poll(cx).is_ready();
    }

    /// Moves bytes for as long as this works.
    async fn drive<W: Future>(&mut self, mut work: Pin<&mut W>) -> W::Output {
        std::future::poll_fn(|cx| {
            self.poll(cx);
            work.as_mut().poll(cx)
        })
        .await
    }
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
        let wire = Wire { connection: Box::new(connection), is_over: false };
        let (credential, reused, body_max) = (None, false, limits::HTTP_BODY_BYTES);
        Ok(Self { sender, wire, meter, credential, reused, body_max })
    }

    /// With answers of at most so many bytes.
    pub(super) fn with_body_max(mut self, bytes: u64) -> Self {
        self.body_max = bytes;
        self
    }

    /// Whether the third party has hung up: one look, for which nobody is woken.
    pub(super) fn is_closed(&mut self) -> bool {
        self.wire.poll(&mut Context::from_waker(Waker::noop()));
        self.wire.is_over
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
        let sent = self.sender.try_send_request(request);
        let (meter, body_max) = (&*self.meter, self.body_max);
        let whole = pin!(async {
            match sent.await {
                Ok(response) => Ok(buffer(response, meter, body_max).await),
                Err(error) => Err(error),
            }
        });
        Exchanged::Answered(match self.wire.drive(whole).await {
            Ok(result) => result,
            Err(error) if self.is_unread(&error, passage.method) => return Exchanged::Unread,
            Err(_) if self.meter.is_exceeded() => too_large(body_max),
            Err(error) => protocol(&error.into_error()),
        })
    }

    /// After an answer: whether another call can go over it.
    pub(super) fn is_ready(&mut self) -> bool {
        self.reused = true;
        !self.is_closed() && self.sender.is_ready()
    }

    /// A kept connection may be closed at the other end just when it is used.
    /// What was not written was not read; what only asks may be asked again.
    fn is_unread(&self, error: &TrySendError<Request<Full<Bytes>>>, method: &http::Method) -> bool {
        let nothing_came = self.meter.received() == 0;
        self.reused
            && nothing_came
            && (error.message().is_some() || self.meter.sent() == 0 || method.is_safe())
    }
}

async fn buffer(response: Response<Incoming>, meter: &Meter, body_max: u64) -> HttpResult {
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
    let limited = Limited::new(body, to_usize(body_max));
    let body: Bytes = match limited.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_large(body_max),
        Err(_) if meter.is_exceeded() => return too_large(body_max),
        Err(_) => return failed("protocol", "the answer broke off".to_owned()),
    };
    HttpResult::Response { status: parts.status.as_u16(), headers, body: Blob(body) }
}

fn too_large(body: u64) -> HttpResult {
    let all = limits::HTTP_ANSWER_BYTES;
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
