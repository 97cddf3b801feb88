//! The standard door: `wasi:http`, so that `fetch` and existing clients work.
//!
//! A guest can do here what it can through `http.send`, and nothing more: the
//! only thing this file does is to turn one shape into the other. A request
//! goes out once its body is complete; one that is dropped before never does,
//! and one with trailers is refused.
//! The host refuses by the nearest standard code; `host.last-denial` has the
//! whole denial.
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tracing::Instrument as _;
use venn_domain::{egress::Target, limits};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{
    Error as WasiError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::Declined;
use crate::{
    egress::{RunEgress, may_be_set},
    engine::to_usize,
    run::{
        core::{Core, Facts, Side, shown_url},
        state::RunState,
        stop::Stop,
    },
    tape::entry::{Answer, Blob, Exchange, HttpAnswer, HttpRequest, HttpResult, Refusal, Request},
};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

type Io = Box<dyn Future<Output = Result<(), WasiError>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), WasiError>;

/// Chunks of an outgoing body that wait to be collected: enough for a body at
/// its limit written 4 KiB at a time, so that writing never has to wait and a
/// replay sees the same.
const BODY_CHUNKS: usize = 1_280;

impl WasiHttpHooks for Core {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| !may_be_set(name.as_str()))
    }

    /// The guard writes it, from the canonical target.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BODY_CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _written: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match self.start() {
            Ok(Started::Live(egress, exchange)) => {
                // It runs on a task of its own, and belongs to the run all the same.
                let span = self.facts.span.clone();
                Box::new(live(egress, exchange, request, options).instrument(span))
            }
            Ok(Started::Replay(exchange, at_call)) => {
                Box::new(replay(Arc::clone(&self.facts), exchange, at_call, request, options))
            }
            Err(stop) => {
                // Seen by the next host call, and at the end of the run.
                let _ = self.facts.stop.set(stop);
                Box::new(std::future::ready(Err(WasiError::HttpRequestDenied)))
            }
        }
    }
}

enum Started {
    Live(Arc<RunEgress>, Exchange),
    Replay(Exchange, usize),
}

impl Core {
    /// Gives the call its place on the tape.
    fn start(&mut self) -> Result<Started, Stop> {
        self.begin(&Request::WasiHttp)?;
        if let Side::Replay(playback) = &mut self.side {
            let at_call = playback.position();
            let answer = playback.answer(&Request::WasiHttp)?;
            self.finish(Request::WasiHttp, &answer)?;
            return match answer {
                Answer::Exchange(exchange) => Ok(Started::Replay(exchange, at_call)),
                _ => Err(Stop::HostFailed("the tape holds another kind of answer".to_owned())),
            };
        }
        let egress = match self.egress() {
            Ok(egress) => egress,
            Err(Declined::Stop(stop)) => return Err(stop),
            Err(Declined::Refused(_)) => {
                return Err(Stop::HostFailed("egress was refused before it was asked".to_owned()));
            }
        };
        let exchange = Exchange::default();
        self.finish(Request::WasiHttp, &Answer::Exchange(exchange.clone()))?;
        Ok(Started::Live(egress, exchange))
    }
}

async fn live(
    egress: Arc<RunEgress>,
    exchange: Exchange,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    let (request, target) = collect(request, options).await?;
    if egress.facts.is_over() {
        return Err(WasiError::ConnectionTerminated);
    }
    match egress.exchange_at(&request, target).await {
        Ok(answer) => {
            let sent = response(&answer);
            let _ = exchange.0.set((request, answer));
            sent
        }
        Err(stop) => {
            let _ = egress.facts.stop.set(stop);
            Err(WasiError::InternalError(None))
        }
    }
}

async fn replay(
    facts: Arc<Facts>,
    exchange: Exchange,
    at_call: usize,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    let (request, _) = collect(request, options).await?;
    match exchange.0.get() {
        Some((taped, answer)) if *taped == request => {
            // As the live guard does: `host.last-denial` is answered from it.
            if let HttpResult::Refused(Refusal::Denied(denial)) = &answer.result {
                facts.note(denial);
            }
            response(answer)
        }
        Some((taped, _)) => {
            let shown =
                |http: &HttpRequest| format!("wasi:http {} {}", http.method, shown_url(&http.url));
            let _ = facts.stop.set(Stop::Diverged {
                at_call,
                expected: shown(taped),
                got: shown(&request),
            });
            Err(WasiError::InternalError(None))
        }
        // The taped run ended before this was answered; so does this one.
        None => std::future::pending().await,
    }
}

/// The whole request, in the shape of the other door.
async fn collect(
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<(HttpRequest, Result<Target, String>), WasiError> {
    let (parts, body) = request.into_parts();
    let scheme = parts.uri.scheme_str().unwrap_or("https");
    let authority = parts.uri.authority().map_or("", http::uri::Authority::as_str);
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = Target::from_parts(scheme, authority, path).map_err(|error| error.to_string());
    let limited = Limited::new(body, to_usize(limits::HTTP_BODY_BYTES));
    let body = match limited.collect().await {
        // Fields after the body would pass by whatever looks at the head.
        Ok(collected) if collected.trailers().is_some() => {
            return Err(WasiError::HttpRequestTrailerSectionSize(Some(0)));
        }
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(WasiError::HttpRequestBodySize(Some(limits::HTTP_BODY_BYTES)));
        }
        Err(_) => return Err(WasiError::HttpProtocolError),
    };
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), Blob(Bytes::copy_from_slice(value.as_bytes())))
    });
    let request = HttpRequest {
        method: parts.method.as_str().to_owned(),
        url: format!("{scheme}://{authority}{path}"),
        headers: headers.collect(),
        body: Blob(body),
        connection: None,
        operation: None,
        timeout_ms: options.and_then(|options| {
            let first = options.first_byte_timeout?.as_millis();
            u32::try_from(first).ok()
        }),
    };
    Ok((request, target))
}

/// What the guest gets: an answer, or the nearest standard code.
fn response(answer: &HttpAnswer) -> Sent {
    match &answer.result {
        HttpResult::Response { status, headers, body } => {
            let whole = Full::new(body.0.clone()).map_err(|never| match never {}).boxed_unsync();
            let mut response = http::Response::new(whole);
            *response.status_mut() =
                http::StatusCode::from_u16(*status).map_err(|_| WasiError::HttpProtocolError)?;
            for (name, value) in headers {
                let name = http::HeaderName::from_bytes(name.as_bytes());
                let value = http::HeaderValue::from_bytes(&value.0);
                if let (Ok(name), Ok(value)) = (name, value) {
                    response.headers_mut().append(name, value);
                }
            }
            Ok((response, Box::new(std::future::ready(Ok(())))))
        }
        HttpResult::Refused(refusal) => Err(match refusal {
            Refusal::Denied(_) => WasiError::HttpRequestDenied,
            Refusal::Invalid(_) => WasiError::HttpRequestUriInvalid,
            Refusal::Limit(_) => WasiError::ConnectionLimitReached,
            Refusal::Unavailable(_) => WasiError::DestinationUnavailable,
        }),
        HttpResult::Failed { kind, .. } => Err(match kind.as_str() {
            "dns" => WasiError::DnsError { rcode: None, info_code: None },
            "connect" => WasiError::ConnectionRefused,
            "tls" => WasiError::TlsProtocolError,
            "timeout" => WasiError::HttpResponseTimeout,
            "body-too-large" => WasiError::HttpResponseBodySize(Some(limits::HTTP_BODY_BYTES)),
            _ => WasiError::HttpProtocolError,
        }),
    }
}
