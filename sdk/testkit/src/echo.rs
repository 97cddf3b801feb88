//! The smallest third party: it says what it was sent. For tests of egress itself.
//!
//! | path | answer |
//! |---|---|
//! | `/status/{code}` | that status, empty JSON object |
//! | `/redirect?to=URL&code=302` | a redirect |
//! | `/bytes/{n}` | n bytes of `x` (at most 64 MiB) |
//! | `/slow` | nothing, ever; `/slow?first_byte_ms=N`: the echo, after N ms |
//! | anything else | `{"method", "path", "query", "headers", "body"}` |

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Clock;
use crate::party::{Answer, Call, Pace, ThirdParty, Trouble};

/// Enough to exceed any body limit under test, little enough for the machine that tests it.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Echoes calls. `echo.example` can never be a real third party.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl ThirdParty for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn host_names(&self) -> Vec<String> {
        vec!["echo.example".to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    fn answer(&self, call: &Call, _clock: &Clock) -> Answer {
        let segments = call.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["status", code] => match code.parse() {
                Ok(code @ 200..=599) => Answer::json(code, &json!({})),
                _ => Answer::json(400, &json!({ "error": "/status/{code}: code is 200 to 599" })),
            },
            ["redirect"] => match (call.param("to"), call.param("code").unwrap_or("302").parse()) {
                (Some(to), Ok(code @ 300..=399)) => Answer::empty(code).header("location", to),
                _ => Answer::json(400, &json!({ "error": "/redirect?to=URL, code is 300 to 399" })),
            },
            ["bytes", count] => match count.parse::<usize>() {
                Ok(count) if count <= BYTES_MAX => Answer {
                    body: Bytes::from(vec![b'x'; count]),
                    ..Answer::empty(200).header("content-type", "application/octet-stream")
                },
                _ => Answer::json(400, &json!({ "error": "/bytes/{n}: n is 0 to 67108864" })),
            },
            ["slow"] => {
                let first_byte_ms = call.param("first_byte_ms").and_then(|ms| ms.parse().ok());
                Answer { pace: first_byte_ms.map_or(Pace::Never, Pace::AfterMs), ..echo(call) }
            }
            _ => echo(call),
        }
    }

    fn trouble(&self, trouble: &Trouble, _call: &Call) -> Answer {
        let answer = Answer::json(trouble.status(), &json!({ "error": trouble.status() }));
        match trouble.retry_after_s() {
            Some(seconds) => answer.header("retry-after", seconds),
            None => answer,
        }
    }
}

fn echo(call: &Call) -> Answer {
    let mut headers = Map::new();
    for (name, value) in &call.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match headers.entry(name.as_str()).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(value.into()),
            other => *other = value.into(),
        }
    }
    Answer::json(
        200,
        &json!({
            "method": call.method.as_str(),
            "path": call.path,
            "query": call.query,
            "headers": headers,
            "body": String::from_utf8_lossy(&call.body),
        }),
    )
}
