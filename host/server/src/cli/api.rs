//! `venn api`: any call of the API, with the login that is kept. For scripts,
//! and for what has no command of its own.
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{
    client::{Call, Send},
    input,
    output::failure::Failure,
    session::Session,
};

/// Makes any call of the API and prints its answer
///
/// `{org}` in the path stands for your organization. GET without --data, else POST.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// Path below /v1, for example organizations/{org}/installs?limit=5
    path: String,
    /// Method, if it is neither GET nor POST
    #[arg(long, short = 'X', value_name = "METHOD", value_parser = method)]
    method: Option<Method>,
    /// Body: JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    data: Option<String>,
}

fn method(text: &str) -> Result<Method, String> {
    match text.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err("expected GET, POST, PUT or DELETE".to_owned()),
    }
}

/// `venn api`
pub(crate) fn run(session: &Session, args: &ApiArgs) -> Result<(), Failure> {
    let body = args.data.as_ref().map(|text| input::json(text, "--data")).transpose()?;
    let (path, query) = read_path(&args.path)?;
    let org = if path.contains(&"{org}") { session.org()? } else { "" };
    let segments: Vec<&str> =
        path.iter().map(|segment| if *segment == "{org}" { org } else { segment }).collect();
    let method =
        args.method.clone().unwrap_or(if body.is_some() { Method::POST } else { Method::GET });
    let call = query
        .iter()
        .fold(Call::new(method, &segments), |call, (name, value)| call.with(name, Some(value)));
    let reply = session.call(&call, &body.as_ref().map_or(Send::Nothing, Send::Json))?;
    session.show(
        &reply,
        |value: &Value| {
            if value.is_null() { reply.text.clone() } else { format!("{value:#}") }
        },
    )
}

type Parts<'a> = (Vec<&'a str>, Vec<(String, String)>);

/// Segments and query. `/v1` in front is left out, because people copy it along.
fn read_path(text: &str) -> Result<Parts<'_>, Failure> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = path.trim_matches('/');
    let path = path.strip_prefix("v1/").unwrap_or(path);
    if path.is_empty() || path.contains(['#', '%']) || path.contains("://") {
        return Err(Failure::usage(
            format!("`{text}` is not a path of the API."),
            "Give what stands behind /v1, not escaped: `venn api organizations/{org}/installs`.",
        ));
    }
    let query = reqwest::Url::parse("http://venn")
        .map(|mut url| {
            url.set_query(Some(query).filter(|query| !query.is_empty()));
            url.query_pairs().into_owned().collect()
        })
        .unwrap_or_default();
    Ok((path.split('/').collect(), query))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_copied_from_the_documents() {
        let expected: Parts<'_> =
            (vec!["organizations", "{org}", "runs"], vec![("limit".into(), "5".into())]);
        for text in ["organizations/{org}/runs?limit=5", "/v1/organizations/{org}/runs/?limit=5"] {
            assert_eq!(read_path(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "/", "https://a/v1/me", "me#x", "a%2fb"] {
            assert_eq!(
                read_path(text).unwrap_err().to_string(),
                format!(
                    "error: `{text}` is not a path of the API.\n  next: Give what stands behind /v1, not escaped: \
                     `venn api organizations/{{org}}/installs`."
                )
            );
        }
    }
}
