//! One exchange over an open connection: HTTP/1.1, buffered both ways.
//!
//! Nothing is decoded, nothing is followed. Answers are limited in header
//! size, body size and time to the first byte; the whole call's time is
//! limited outside.
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use venn_domain::{egress::header, limits};

use super::{Passage, dial::Stream, failed};
use crate::{
    engine::to_usize,
    tape::entry::{Blob, HttpResult},
};

/// Header lines of an answer.
const HEADER_LINES: usize = 100;
/// What is read ahead: a status line and all header lines must fit.
const READ_BYTES: usize = 64 << 10;

/// Sends the request and buffers the answer.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    passage: &Passage<'_>,
    headers: HeaderMap,
) -> HttpResult {
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADER_LINES).max_buf_size(READ_BYTES);
    let (mut sender, connection) = match builder.handshake(TokioIo::new(stream)).await {
        Ok(parts) => parts,
        Err(error) => return protocol(&error),
    };
    // Aborted with this call: nothing goes on in the background.
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(async move {
        let _ = connection.await;
    });
    let body = Full::new(passage.request.body.0.clone());
    let mut request = Request::new(body);
    *request.method_mut() = passage.method.clone();
    *request.headers_mut() = headers;
    match passage.target.path_and_query().parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return failed("protocol", "the path cannot stand in a request line".to_owned()),
    }
    let first = Duration::from_millis(limits::HTTP_FIRST_BYTE_MS);
    match tokio::time::timeout(first, sender.send_request(request)).await {
        Ok(Ok(response)) => buffer(response).await,
        Ok(Err(error)) => protocol(&error),
        Err(_) => failed("timeout", format!("no answer within {} ms", first.as_millis())),
    }
}

async fn buffer(response: Response<Incoming>) -> HttpResult {
    let (parts, body) = response.into_parts();
    let Some(headers) = kept(&parts.headers) else {
        return failed("protocol", "the answer's header fields are too long".to_owned());
    };
    let limited = Limited::new(body, to_usize(limits::HTTP_BODY_BYTES));
    let body: Bytes = match limited.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let limit = limits::HTTP_BODY_BYTES;
            return failed("body-too-large", format!("the answer has more than {limit} bytes"));
        }
        Err(_) => return failed("protocol", "the answer broke off".to_owned()),
    };
    HttpResult::Response { status: parts.status.as_u16(), headers, body: Blob(body) }
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
