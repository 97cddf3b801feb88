//! A call of the API: one route with one method, told once.
//!
//! What it takes and answers is read off its handler's signature (`shape.rs`),
//! so a route without a description cannot exist; who may, what it is for and
//! how it can fail stand beside it in the route table. Around every call lies
//! one layer (`layer.rs`); `crate::openapi` writes all of them down.
use std::sync::Arc;

use axum::{
    Router,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use serde_json::Value;

use crate::{app::App, error::Code};

mod etag;
mod layer;
mod query;
mod shape;
mod sparse;
#[cfg(test)]
mod tests;
mod usage;

pub use query::Pairs;
pub use shape::{Answer, Body, Described, Input, Reply, Schemas, Shape};
pub use usage::Usage;

/// Who may make a call: what the handler asks for with a
/// [`venn_domain::organization::Need`], as the description tells it. The access
/// tests hold every one of them against the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token: to get in.
    Public,
    /// Any member of any organization.
    Anyone,
    /// Any member of the organization.
    Member,
    /// Any member of any organization, for what is their own.
    Oneself,
    /// The same, whatever the scopes: also with a session that must enrol.
    Enrolling,
    /// A user or admin of the organization.
    User,
    /// An admin of the organization.
    Admin,
    /// An admin of the organization, with an admin token.
    Owner,
    /// A developer or admin of the organization.
    Developer,
    /// Any member of the platform.
    Platform,
    /// An admin of the platform.
    PlatformAdmin,
}

impl Access {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Public => "anybody",
            Self::Anyone => "any member of any organization",
            Self::Oneself | Self::Enrolling => {
                "any member of any organization, for what is their own"
            }
            Self::Member => "any member of the organization",
            Self::User => "a user or admin of the organization",
            Self::Admin | Self::Owner => "an admin of the organization",
            Self::Developer => "a developer or admin of the organization",
            Self::Platform => "any member of the platform",
            Self::PlatformAdmin => "an admin of the platform",
        }
    }

    /// The scope that the token needs; empty where none is looked at.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Public | Self::Enrolling => "",
            Self::Anyone | Self::Member | Self::Platform => "read",
            Self::Oneself | Self::User | Self::Admin => "write",
            Self::Owner | Self::PlatformAdmin => "admin",
            Self::Developer => "publish",
        }
    }

    /// The roles that may.
    pub const fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Public
            | Self::Anyone
            | Self::Oneself
            | Self::Enrolling
            | Self::Member
            | Self::Platform => &["admin", "developer", "user", "support"],
            Self::User => &["admin", "user"],
            Self::Admin | Self::Owner | Self::PlatformAdmin => &["admin"],
            Self::Developer => &["admin", "developer"],
        }
    }

    /// Whether only people of the platform may know of it.
    pub const fn is_of_platform(self) -> bool {
        matches!(self, Self::Platform | Self::PlatformAdmin)
    }
}

/// A call that is to go away (RFC 9745, RFC 8594).
#[derive(Debug, Clone, Copy)]
pub struct Deprecated {
    /// Since when it should not be used in new code: seconds since 1970.
    pub since_s: i64,
    /// When it stops to answer: seconds since 1970.
    pub sunset_s: i64,
    /// What to use instead, a path.
    pub successor: &'static str,
}

/// What a person writes about a call.
#[derive(Debug, Clone)]
pub struct About {
    summary: &'static str,
    details: &'static str,
    example: Option<Value>,
    errors: Vec<Code>,
    deprecated: Option<Deprecated>,
}

/// Begins the description of a call with one sentence.
pub fn about(summary: &'static str) -> About {
    About { summary, details: "", example: None, errors: Vec::new(), deprecated: None }
}

impl About {
    /// More sentences, in Markdown.
    #[must_use]
    pub fn details(mut self, details: &'static str) -> Self {
        self.details = details;
        self
    }

    /// A body that is an example. A test holds it against the body's
    /// schema; ids in it end in [`crate::openapi::EXAMPLE_TAIL`].
    #[must_use]
    pub fn example(mut self, body: Value) -> Self {
        self.example = Some(body);
        self
    }

    /// How it can fail beyond what follows from its shape.
    #[must_use]
    pub fn fails(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.errors.extend(codes);
        self
    }

    /// It is to go away.
    #[must_use]
    pub const fn deprecated(mut self, deprecated: Deprecated) -> Self {
        self.deprecated = Some(deprecated);
        self
    }
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path below `/v1`.
    pub path: &'static str,
    /// Its name, from the handler's: `account-list`. Unique.
    pub id: String,
    /// Who may.
    pub access: Access,
    /// What it takes and answers.
    pub shape: Shape,
    about: About,
}

impl Call {
    /// One sentence.
    pub fn summary(&self) -> &'static str {
        self.about.summary
    }

    /// More sentences; empty if there are none.
    pub fn details(&self) -> &'static str {
        self.about.details
    }

    /// The example body.
    pub fn example(&self) -> Option<&Value> {
        self.about.example.as_ref()
    }

    /// Whether and when it goes away.
    pub fn deprecated(&self) -> Option<Deprecated> {
        self.about.deprecated
    }

    /// Whether the same request has the same effect once, by `Idempotency-Key`.
    pub fn takes_key(&self) -> bool {
        let is_plain = !matches!(self.shape.body, Body::Form(_));
        self.method == Method::POST && is_plain && self.access != Access::Public
    }

    /// What it is about: the first word of its path, below the organization's.
    pub fn noun(&self) -> &'static str {
        let path = self.path.trim_start_matches("/organizations/{org}/");
        path.trim_start_matches('/').split('/').next().unwrap_or_default()
    }

    /// The names of its query parameters.
    pub fn parameters(&self) -> Vec<String> {
        let query = self.shape.query.as_ref().and_then(|query| query.get("properties"));
        let filters = query.and_then(Value::as_object).into_iter().flat_map(|own| own.keys());
        let mut names: Vec<String> = filters.cloned().collect();
        if self.shape.is_page {
            names.extend(["limit", "cursor"].map(ToOwned::to_owned));
        }
        if self.has_fields() {
            names.push("fields".to_owned());
        }
        names
    }

    /// The names of its answer's members, or its items'.
    pub fn members(&self, schemas: &Schemas) -> Vec<String> {
        let definitions = schemas.answered.definitions();
        self.shape.json().map(|schema| sparse::members(schema, definitions)).unwrap_or_default()
    }

    /// Whether it takes `fields`, and answers with a tag.
    pub fn has_fields(&self) -> bool {
        self.method == Method::GET && self.shape.json().is_some()
    }

    /// Every code that it can answer with, in the order of the table of codes.
    pub fn errors(&self) -> Vec<Code> {
        let mut codes = vec![Code::BadQuery, Code::NotAcceptable, Code::Internal];
        if self.access != Access::Public {
            codes.extend([Code::Unauthenticated, Code::ScopeTooSmall, Code::TooMany]);
        }
        if self.method != Method::GET {
            codes.push(Code::CrossSite);
        }
        if self.access.roles().len() < Access::Anyone.roles().len() {
            codes.push(Code::RoleTooSmall);
        }
        if self.path.contains('{') || self.access.is_of_platform() {
            codes.push(Code::NotFound);
        }
        if self.shape.is_page {
            codes.push(Code::BadCursor);
        }
        match self.shape.body {
            Body::Json(_) => codes.extend([Code::BadBody, Code::ContentType, Code::TooLarge]),
            Body::None if self.method != Method::GET => codes.extend([Code::BadBody]),
            Body::None => {}
            Body::Bytes(_) | Body::Form(_) => codes.extend([Code::BadUpload, Code::TooLarge]),
        }
        if self.takes_key() {
            codes.extend([Code::KeyReused, Code::WrongState, Code::TooLarge]);
        }
        codes.extend(&self.about.errors);
        Code::ALL.iter().copied().filter(|code| codes.contains(code)).collect()
    }
}

/// The calls of the API, and their handlers.
#[derive(Default)]
pub struct Calls {
    calls: Vec<(Arc<Call>, MethodRouter<App>)>,
    schemas: Schemas,
}

impl Calls {
    /// Adds a call that reads.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, access: Access, handler: H, about: About) -> Self
    where
        H: Described<T>,
        T: 'static,
    {
        self.add(Method::GET, path, access, handler, about)
    }

    /// Adds a call that makes or does something.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, access: Access, handler: H, about: About) -> Self
    where
        H: Described<T>,
        T: 'static,
    {
        self.add(Method::POST, path, access, handler, about)
    }

    /// Adds a call that sets something.
    #[must_use]
    pub fn put<H, T>(self, path: &'static str, access: Access, handler: H, about: About) -> Self
    where
        H: Described<T>,
        T: 'static,
    {
        self.add(Method::PUT, path, access, handler, about)
    }

    /// Adds a call that takes something away.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, access: Access, handler: H, about: About) -> Self
    where
        H: Described<T>,
        T: 'static,
    {
        self.add(Method::DELETE, path, access, handler, about)
    }

    fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: H,
        about: About,
    ) -> Self
    where
        H: Described<T>,
        T: 'static,
    {
        let shape = handler.shape(&mut self.schemas);
        let id = name_of(std::any::type_name::<H>());
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let call = Call { method, path, id, access, shape, about };
        self.calls.push((Arc::new(call), on(filter, handler)));
        self
    }

    /// Changes how the newest call is served: a limit of its own, for example.
    #[must_use]
    pub fn served(mut self, with: impl FnOnce(MethodRouter<App>) -> MethodRouter<App>) -> Self {
        if let Some((call, router)) = self.calls.pop() {
            self.calls.push((call, with(router)));
        }
        self
    }

    /// All of them, in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().map(|(call, _)| call.as_ref())
    }

    /// The schemas that they speak of.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// The router, with the layer around every call.
    pub fn router(self, app: &App) -> Router<App> {
        self.calls.into_iter().fold(Router::new(), |router, (call, handler)| {
            router.route(call.path, layer::around(handler, app, call, &self.schemas))
        })
    }
}

/// `venn_server::api::account::list` is `account-list`.
fn name_of(handler: &str) -> String {
    let name = handler.rsplit_once("::api::").map_or(handler, |(_, name)| name);
    name.replace("::", "-").replace('_', "-")
}
