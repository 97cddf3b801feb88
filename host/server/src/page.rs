//! Pages of listings: `?limit=…&cursor=…` and the listing's own filters.
//!
//! A cursor is the last item's place, sealed with what it pages: the caller's
//! organization, the address and the filters. One that was made up, given to
//! somebody else, or given out by another listing or for other filters is
//! refused; it never reaches a query.
use std::{fmt::Display, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use venn_domain::{cursor::Seal, limits};

use crate::{
    app::App,
    auth::Caller,
    body::read_query,
    call::Pairs,
    error::{ApiError, Code},
};

/// Items of a page whose size nobody asks for.
pub const DEFAULT_LIMIT: u32 = 50;

/// A listing without filters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoFilter {}

/// A listing's answer: all keys always there.
#[derive(Debug, Serialize)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl<T> PageView<T> {
    /// A listing that always fits one answer.
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// What a listing is asked for.
pub struct PageOf<F = NoFilter> {
    /// The listing's own filters.
    pub filter: F,
    /// Items in the page.
    pub limit: u32,
    after: Option<String>,
    seal: Seal,
}

impl<F> PageOf<F> {
    /// The place after which the page begins, as the store gave it out.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, ApiError>
    where
        T::Err: Display,
    {
        // It is ours by its seal; a text that does not parse is of an older version.
        let parse = |text: &String| text.parse().map_err(|_| bad_cursor());
        self.after.as_ref().map(parse).transpose()
    }

    /// The answer.
    pub fn view<T, V>(&self, page: venn_store::Page<T>, view: impl FnMut(T) -> V) -> PageView<V> {
        PageView {
            items: page.items.into_iter().map(view).collect(),
            next: page.next.map(|place| self.seal.give_out(&place)),
        }
    }
}

fn bad_cursor() -> ApiError {
    ApiError::new(
        Code::BadCursor,
        "The cursor is not one that this listing gave out for these filters.",
        "Start without a cursor and follow `next`, with the same address and filters.",
    )
}

impl<F: DeserializeOwned> FromRequestParts<App> for PageOf<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let mut pairs = Pairs::of(&parts.uri)?;
        let limit = pairs.take("limit");
        let cursor = pairs.take("cursor");
        pairs.sort();
        let rest = pairs.to_query();
        let filter = read_query(&rest)?;
        let whose = caller.principal.organization.as_str();
        let seal = Seal::new(&app.keys.cursor, &["api", whose, parts.uri.path(), &rest]);
        let after = match cursor {
            Some(text) => Some(seal.open(&text).ok_or_else(bad_cursor)?),
            None => None,
        };
        Ok(Self { filter, limit: page_limit(limit.as_deref())?, after, seal })
    }
}

/// Checks a page size.
fn page_limit(text: Option<&str>) -> Result<u32, ApiError> {
    let most = u32::try_from(limits::API_PAGE_ITEMS).unwrap_or(u32::MAX);
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let limit = text.parse::<u32>();
    if let Ok(limit) = limit
        && (1..=most).contains(&limit)
    {
        return Ok(limit);
    }
    let next_step = if limit.is_ok_and(|limit| limit > most) {
        "Ask for smaller pages and follow `next`.".to_owned()
    } else {
        format!("Give a number from 1 to {most}, or leave `limit` out: then it is {DEFAULT_LIMIT}.")
    };
    let detail = format!("limit={} is not a number from 1 to {most}.", crate::body::cut(text));
    Err(ApiError::new(Code::BadQuery, detail, next_step))
}
