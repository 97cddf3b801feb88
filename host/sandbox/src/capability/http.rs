//! One buffered HTTP call: the easy door.
//!
//! A guest can call what manifest, approval and grant allow, with a credential
//! that it never sees. It cannot reach anything else: both doors (this and
//! `wasi:http`) end in [`crate::egress`], and there is no third.
use std::sync::Arc;

use wasmtime::component::Linker;

use super::{denial_record, perform};
use crate::{
    bindings::http as abi,
    run::{state::RunState, stop::Stop},
    tape::entry::{Answer, Blob, HttpAnswer, HttpRequest, HttpResult, Refusal, Request},
};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/http@0.1.0")?;
    interface.func_wrap_async("send", |cx, (request,): (abi::Request,)| {
        let request = Request::HttpSend(Arc::new(outbound(request)));
        Box::new(async move {
            match perform(cx, request).await? {
                Answer::Http(answer) => Ok((response(&answer),)),
                Answer::Refused(refusal) => Ok((Err(http_error(refusal)),)),
                _ => {
                    Err(Stop::HostFailed("the tape holds another kind of answer".to_owned()).into())
                }
            }
        })
    })
}

fn outbound(request: abi::Request) -> HttpRequest {
    HttpRequest {
        method: request.method,
        url: request.url,
        headers: request
            .headers
            .into_iter()
            .map(|header| (header.name, Blob(header.value.into())))
            .collect(),
        body: Blob(request.body.into()),
        connection: request.connection,
        operation: request.operation,
        timeout_ms: request.timeout_ms,
    }
}

fn response(answer: &HttpAnswer) -> Result<abi::Response, abi::HttpError> {
    match &answer.result {
        HttpResult::Response { status, headers, body } => Ok(abi::Response {
            status: *status,
            headers: headers
                .iter()
                .map(|(name, value)| abi::Header {
                    name: name.clone(),
                    value: String::from_utf8_lossy(&value.0).into_owned(),
                })
                .collect(),
            body: body.0.to_vec(),
        }),
        HttpResult::Refused(refusal) => Err(http_error(refusal.clone())),
        HttpResult::Failed { kind, message } => Err(abi::HttpError::Failed(abi::Failure {
            kind: kind.clone(),
            message: message.clone(),
        })),
    }
}

fn http_error(refusal: Refusal) -> abi::HttpError {
    match refusal {
        Refusal::Denied(denial) => abi::HttpError::Denied(denial_record(denial)),
        Refusal::Invalid(why) => abi::HttpError::Invalid(why),
        Refusal::Limit(what) => abi::HttpError::Limit(what),
        // The contract's HTTP errors have no such case: it did not work.
        Refusal::Unavailable(message) => {
            abi::HttpError::Failed(abi::Failure { kind: "unavailable".to_owned(), message })
        }
    }
}
