//! The host's own questions to strangers: by the same checked addresses, TLS and
//! limits as a plugin's calls, with no credential and nobody's data. Of size and time
//! they have limits of their own: a page is small, and a person waits.
use std::{sync::atomic::AtomicBool, time::Duration};

use venn_domain::{egress::Target, limits};

use super::{Network, Passage, dial, guard, wire};
use crate::tape::entry::{HttpRequest, HttpResult};

impl Network {
    /// GETs an `https` URL: status and body, or why there is no answer. Redirects
    /// are not followed.
    pub(crate) async fn get(&self, url: &str) -> Result<(u16, Vec<u8>), String> {
        let target = Target::parse(url).map_err(|error| error.to_string())?;
        if target.scheme != "https" {
            return Err("only https is asked".to_owned());
        }
        let request =
            HttpRequest { method: "GET".to_owned(), url: url.to_owned(), ..HttpRequest::default() };
        let headers = guard::headers(&request, &target, None)
            .map_err(|_| "the host cannot stand in a header".to_owned())?;
        let (method, sent) = (http::Method::GET, AtomicBool::new(false));
        let passage = Passage {
            target: &target,
            method: &method,
            request: &request,
            connection: None,
            headers: headers.clone(),
            sent: &sent,
        };
        let total = Duration::from_millis(limits::PROOF_MS);
        let asked = async {
            let stream = self.dialer.connect(&target).await.map_err(|refused| match refused {
                dial::Refused::Address(why) => format!("the host cannot be called: {why}"),
                dial::Refused::Failed { message, .. } => message,
            })?;
            let link = wire::Link::open(stream).await.map_err(words)?;
            let mut link = link.with_body_max(limits::PROOF_BYTES);
            match link.exchange(&passage, headers).await {
                wire::Exchanged::Answered(HttpResult::Response { status, body, .. }) => {
                    Ok((status, body.0.to_vec()))
                }
                wire::Exchanged::Answered(other) => Err(words(other)),
                wire::Exchanged::Unread => Err("the exchange failed".to_owned()),
            }
        };
        tokio::time::timeout(total, asked)
            .await
            .unwrap_or_else(|_| Err(format!("no whole answer within {} ms", total.as_millis())))
    }
}

fn words(result: HttpResult) -> String {
    match result {
        HttpResult::Failed { message, .. } => message,
        _ => "the exchange failed".to_owned(),
    }
}
