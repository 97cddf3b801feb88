//! Calls out through the standard door, `wasi:http`, and tells what came back:
//! the twin of `script`'s `http.send`. Used by the suite on egress, which gives
//! both the same targets and expects the same decisions of one guard.
//!
//! Payload: `{"method": "POST", "url": "https://…", "headers": [["a", "b"]],
//! "body": ""}`. Answer: `{"ok": {"status", "headers", "body"}}`, or
//! `{"error": …}` with the standard code, and `last-denial` of the host.
use serde::Deserialize;
use serde_json::{Value, json};
use venn_guests::{
    payload, report,
    wasi::wasi::http::{
        outgoing_handler,
        types::{
            Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
        },
    },
};
use venn_sdk::{Event, Fault, Plugin, Report, host};

struct Wasi;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Most bytes in one write or read of a stream that the standard allows.
const CHUNK_BYTES: usize = 4 << 10;

impl Plugin for Wasi {
    fn handle(event: Event) -> Result<Report, Fault> {
        let result = match send(&payload(&event)) {
            Ok(value) => json!({ "ok": value }),
            Err(code) => json!({ "error": code }),
        };
        let denial = host::last_denial().map(|denial| {
            json!({
                "capability": denial.capability, "what": denial.what, "why": denial.why,
                "who-can-change-it": denial.who_can_change_it,
            })
        });
        Ok(report(&json!({ "result": result, "last-denial": denial })))
    }
}

fn send(call: &Payload) -> Result<Value, String> {
    let request = request(call)?;
    let body = request.body().map_err(|()| "no body")?;
    let pending = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    write(body, call.body.as_bytes())?;
    let answer = loop {
        match pending.get() {
            Some(Ok(Ok(answer))) => break answer,
            Some(Ok(Err(code))) => return Err(format!("{code:?}")),
            Some(Err(())) => return Err("the answer was taken already".into()),
            None => pending.subscribe().block(),
        }
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let headers = answer.headers().entries().into_iter();
    let headers: Vec<_> = headers.map(|(name, value)| (name, text(value))).collect();
    Ok(json!({ "status": answer.status(), "headers": headers, "body": text(read(&answer)?) }))
}

fn request(call: &Payload) -> Result<OutgoingRequest, String> {
    let headers = Fields::new();
    for (name, value) in &call.headers {
        headers.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(headers);
    let (scheme, rest) = call.url.split_once("://").ok_or("no scheme")?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.into()),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let method = match call.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.into()),
    };
    request.set_method(&method).map_err(|()| "method refused")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
    request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
    request.set_path_with_query(Some(path)).map_err(|()| "path refused")?;
    Ok(request)
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream")?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))
}

fn read(answer: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body: IncomingBody = answer.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    // The stream's end is an error of its own kind.
    while let Ok(chunk) = stream.blocking_read(CHUNK_BYTES as u64) {
        bytes.extend(chunk);
    }
    Ok(bytes)
}

venn_sdk::plugin!(Wasi);
