//! One call, from its head to its answer: log it, hold it, fail it or let the third party do it.
//! This is the only place where faults, holds and the third party meet.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::control::Control;
use crate::fault::{Fault, FaultRule};
use crate::hold::Stage;
use crate::party::{Answer, Call, Pace};

/// Ends the connection without an answer. hyper takes any error of a service so.
#[derive(Debug)]
pub(crate) struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the simulated third party ended the connection, as it was scripted to")
    }
}

impl std::error::Error for HangUp {}

/// Carries one request through.
pub(crate) async fn exchange(
    control: Control,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, HangUp> {
    // A caller that breaks off in the middle of its body gets nothing and leaves no record.
    let mut call = read(request).await.map_err(|_| HangUp)?;
    control.clock().advance_ms(1);
    let ticket = control.call_log().arrive(&mut call);
    control.pass_holds(Stage::BeforeEffect, call.method.as_str(), &call.path).await;
    let rule = control.next_fault(call.method.as_str(), &call.path);
    if let Some(rule) = &rule {
        control.call_log().update(ticket, |record| record.fault = Some(rule.fault.clone()));
    }
    let outcome = match &rule {
        None => Ok((control.party().answer(&call, control.clock()), Ending::Whole)),
        Some(rule) => failed(&control, &call, rule).await,
    };
    control.pass_holds(Stage::AfterEffect, call.method.as_str(), &call.path).await;
    let (answer, ending) = outcome?;
    match answer.pace {
        Pace::AtOnce => {}
        Pace::AfterMs(delay_ms) => tokio::time::sleep(Duration::from_millis(delay_ms)).await,
        Pace::Never => std::future::pending().await,
    }
    control.call_log().update(ticket, |record| record.status = Some(answer.status));
    response(answer, ending)
}

async fn read(request: Request<Incoming>) -> Result<Call, hyper::Error> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    Ok(Call {
        order: 0,
        method: head.method,
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: head.headers,
        body: body.collect().await?.to_bytes(),
    })
}

/// How much of an answer's body is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    /// The head promises all of it; the connection ends after half.
    Half,
}

async fn failed(
    control: &Control,
    call: &Call,
    rule: &FaultRule,
) -> Result<(Answer, Ending), HangUp> {
    let truly = || control.party().answer(call, control.clock());
    if rule.after_effect && !matches!(rule.fault, Fault::Truncated | Fault::SlowFirstByte { .. }) {
        let _unsent = truly();
    }
    match &rule.fault {
        Fault::Close => Err(HangUp),
        Fault::Truncated => Ok((truly(), Ending::Half)),
        Fault::SlowFirstByte { delay_ms } => {
            let pace = delay_ms.map_or(Pace::Never, Pace::AfterMs);
            if rule.after_effect {
                return Ok((Answer { pace, ..truly() }, Ending::Whole));
            }
            match delay_ms {
                Some(delay_ms) => tokio::time::sleep(Duration::from_millis(*delay_ms)).await,
                None => std::future::pending().await,
            }
            Ok((truly(), Ending::Whole))
        }
        Fault::InvalidJson => {
            let mut answer = Answer::json(200, &json!({}));
            answer.body = Bytes::from_static(b"{\"results\":[{\"id\":");
            Ok((answer, Ending::Whole))
        }
        Fault::Redirect { to } => Ok((Answer::empty(302).header("location", to), Ending::Whole)),
        worded => match worded.trouble() {
            Some(trouble) => Ok((control.party().trouble(&trouble, call), Ending::Whole)),
            None => Err(HangUp),
        },
    }
}

fn response(answer: Answer, ending: Ending) -> Result<Response<AnswerBody>, HangUp> {
    let whole_bytes = answer.body.len();
    let body = match ending {
        Ending::Whole => AnswerBody { left: Some(answer.body), then: Then::End },
        Ending::Half => {
            AnswerBody { left: Some(answer.body.slice(..whole_bytes / 2)), then: Then::Flush }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|_| HangUp)?;
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name).map_err(|_| HangUp)?;
        response.headers_mut().append(name, HeaderValue::try_from(value).map_err(|_| HangUp)?);
    }
    if answer.status != 204 && answer.status != 304 {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(whole_bytes));
    }
    Ok(response)
}

/// The bytes of an answer, and whether they break off.
pub(crate) struct AnswerBody {
    left: Option<Bytes>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    End,
    /// One turn without data: hyper sends what it has, which an error at once would discard.
    Flush,
    Break,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        if let Some(bytes) = self.left.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(HangUp))),
        }
    }
}
