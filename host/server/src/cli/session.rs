//! What every command works with: the global flags, the output, and the client
//! for the server and token that apply.
//!
//! A token is taken from `--token-file`, else `VENN_TOKEN`, else the kept
//! profile; the server from `--server` or `VENN_SERVER`, else the profile. A
//! kept token goes to the server it was kept for, and to no other.
use std::{cell::OnceCell, env, path::PathBuf};

use clap::Args;
use reqwest::Method;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    ask,
    client::{Call, Client, Reply, Send},
    credentials,
    exit::Exit,
    output::{
        Output,
        failure::Failure,
        put,
        table::Column,
        value::{list, raw, text},
    },
};

/// Where `venn serve` listens if it is not told otherwise.
pub(crate) const SERVER: &str = "http://127.0.0.1:8080";

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Global {
    /// Address of the Venn server
    #[arg(long, global = true, value_name = "URL", env = "VENN_SERVER")]
    pub(crate) server: Option<String>,
    /// File that holds the token (else `VENN_TOKEN`, else the kept login)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Which kept login to use
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    pub(crate) profile: String,
    /// Organization to act for, by id or slug (else the token's)
    #[arg(long, global = true, value_name = "ORG")]
    pub(crate) org: Option<String>,
    /// Print exactly the API's JSON, one document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Answer every question with yes
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// No progress bars
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

/// Which part of a listing.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Page {
    /// Items in one page, 1 to 200
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Go on after the page before
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Follow all pages
    #[arg(long, conflicts_with = "cursor")]
    pub(crate) all: bool,
}

/// The present command's surroundings.
#[derive(Debug)]
pub(crate) struct Session {
    /// Global flags.
    pub(crate) global: Global,
    /// Where to write.
    pub(crate) out: Output,
    client: OnceCell<Client>,
    org: OnceCell<String>,
}

impl Session {
    /// Nothing is read or sent yet.
    pub(crate) fn new(global: Global) -> Self {
        let out = Output::new(global.json, global.no_progress);
        Self { global, out, client: OnceCell::new(), org: OnceCell::new() }
    }

    /// The client, made at first use.
    pub(crate) fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let (server, token) = self.login()?;
        let client = Client::new(&server, Some(token))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn login(&self) -> Result<(String, Zeroizing<String>), Failure> {
        let server = || self.global.server.clone().unwrap_or_else(|| SERVER.to_owned());
        if let Some(path) = &self.global.token_file {
            return Ok((server(), ask::secret(Some(path), "The token")?));
        }
        if let Ok(token) = env::var("VENN_TOKEN")
            && !token.trim().is_empty()
        {
            return Ok((server(), Zeroizing::new(token.trim().to_owned())));
        }
        let name = &self.global.profile;
        let mut kept = credentials::read(&credentials::path()?)?;
        let Some(profile) = kept.profiles.remove(name) else {
            let others: Vec<&str> = kept.profiles.keys().map(String::as_str).collect();
            return Err(no_login(name, &others, &server()));
        };
        if let Some(asked) = &self.global.server {
            same_server(asked, &profile.server, name)?;
        }
        if self.global.org.is_none() {
            // A token is for one organization, so it can be kept with it.
            let _ = self.org.set(profile.organization.clone());
        }
        Ok((profile.server, Zeroizing::new(profile.token)))
    }

    /// The organization to act for: `--org`, else the token's.
    pub(crate) fn org(&self) -> Result<&str, Failure> {
        if let Some(org) = &self.global.org {
            return Ok(org);
        }
        self.client()?;
        if let Some(org) = self.org.get() {
            return Ok(org);
        }
        let me = self.get(&["me"])?;
        let slug = raw(&me.value, "organization_slug").to_owned();
        Ok(self.org.get_or_init(|| slug))
    }

    /// GET without a query.
    pub(crate) fn get(&self, segments: &[&str]) -> Result<Reply, Failure> {
        self.call(&Call::new(Method::GET, segments), &Send::Nothing)
    }

    /// POST with a body.
    pub(crate) fn post(&self, segments: &[&str], body: &Value) -> Result<Reply, Failure> {
        self.call(&Call::new(Method::POST, segments), &Send::Json(body))
    }

    /// PUT with a body.
    pub(crate) fn put(&self, segments: &[&str], body: &Value) -> Result<Reply, Failure> {
        self.call(&Call::new(Method::PUT, segments), &Send::Json(body))
    }

    /// DELETE.
    pub(crate) fn delete(&self, segments: &[&str]) -> Result<Reply, Failure> {
        self.call(&Call::new(Method::DELETE, segments), &Send::Nothing)
    }

    /// Any call.
    pub(crate) fn call(&self, call: &Call<'_>, send: &Send<'_>) -> Result<Reply, Failure> {
        self.client()?.call(call, send)
    }

    /// Prints the API's document with `--json`, else what people read.
    pub(crate) fn show(
        &self,
        reply: &Reply,
        human: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        if !self.out.json {
            return self.out.print(&human(&reply.value));
        }
        // Where the API answers nothing, the one document is `null`.
        self.out.print(if reply.text.trim().is_empty() { "null" } else { reply.text.trim_end() })
    }

    /// Reads one page, or all of them joined to one.
    pub(crate) fn page(&self, call: &Call<'_>, page: &Page) -> Result<Reply, Failure> {
        let mut reply = self.call(
            &call.clone().with("limit", page.limit).with("cursor", page.cursor.as_ref()),
            &Send::Nothing,
        )?;
        if !page.all || raw(&reply.value, "next").is_empty() {
            return Ok(reply);
        }
        let mut items = list(&reply.value, "items").to_vec();
        loop {
            let next = raw(&reply.value, "next").to_owned();
            if next.is_empty() {
                break;
            }
            reply = self.call(
                &call.clone().with("limit", page.limit).with("cursor", Some(next)),
                &Send::Nothing,
            )?;
            items.extend_from_slice(list(&reply.value, "items"));
        }
        let value = serde_json::json!({ "items": items, "next": null });
        Ok(Reply { text: value.to_string(), value })
    }

    /// A listing as a table, with what to type for more.
    pub(crate) fn listing(
        &self,
        call: &Call<'_>,
        page: &Page,
        columns: &[Column],
        empty: &str,
    ) -> Result<(), Failure> {
        let reply = self.page(call, page)?;
        self.show(&reply, |value| {
            let items = list(value, "items");
            if items.is_empty() {
                return empty.to_owned();
            }
            let mut out = self.out.table(items, columns);
            if !raw(value, "next").is_empty() {
                put!(out, "There is more: add --all, or --cursor {}\n", text(value, "next"));
            }
            out
        })
    }
}

/// Who has other logins wants one of these, more likely than another.
fn no_login(name: &str, others: &[&str], server: &str) -> Failure {
    let login = format!("`venn login --server {server} --profile {name}`");
    let next = if others.is_empty() {
        format!("{login}, or set VENN_TOKEN.")
    } else {
        format!("Add --profile NAME with one of those that are kept: {}.", others.join(", "))
    };
    Failure::new(Exit::NotLoggedIn, format!("There is no login kept as `{name}`."), next)
}

/// A kept token goes nowhere but to its server.
fn same_server(asked: &str, kept: &str, profile: &str) -> Result<(), Failure> {
    let origin =
        |text: &str| reqwest::Url::parse(text).map(|url| url.origin().ascii_serialization());
    if origin(asked).ok() == origin(kept).ok() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::NotLoggedIn,
        format!(
            "The login kept as `{profile}` is for {kept}, not for {asked}; its token is not sent there."
        ),
        format!("`venn login --server {asked} --profile NAME`, then add --profile NAME."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_other_logins_is_told_their_names() {
        assert_eq!(
            no_login("default", &["acme", "platform"], "http://a:8080").to_string(),
            "error: There is no login kept as `default`.\n  \
             next: Add --profile NAME with one of those that are kept: acme, platform."
        );
        assert_eq!(
            no_login("default", &[], "http://a:8080").next_step(),
            "`venn login --server http://a:8080 --profile default`, or set VENN_TOKEN."
        );
    }

    #[test]
    fn a_kept_token_goes_to_its_own_server_only() {
        assert_eq!(same_server("http://a:8080", "http://a:8080/", "default"), Ok(()));
        for other in ["https://a:8080", "http://a", "http://b:8080", "nonsense"] {
            let failure = same_server(other, "http://a:8080", "default")
                .err()
                .map(|failure| failure.to_string());
            let expected = format!(
                "error: The login kept as `default` is for http://a:8080, not for {other}; its token is not sent there.\n  \
                 next: `venn login --server {other} --profile NAME`, then add --profile NAME."
            );
            assert_eq!(failure, Some(expected));
        }
    }
}
