//! What a handler takes and answers, read off its signature.
//!
//! To teach it an extractor: an [`Input`]; an answer: an [`Answer`]. Both are
//! traits without methods of an object, so a signature is all that it takes.
use axum::{
    Json,
    body::Body as Bytes,
    extract::{Multipart, Path, State, multipart::MultipartRejection},
    handler::Handler,
    http::{HeaderMap, StatusCode},
};
use schemars::{
    JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform,
};
use serde_json::Value;

use crate::{
    app::App,
    auth::{Caller, source::Source},
    body::{JsonBody, QueryOf},
    error::ApiError,
    page::{PageOf, PageView},
};

/// Where the schemas are collected: of what is taken, and of what is answered.
/// The same type may differ: a member with a default may be left out of a body,
/// and is always there in an answer.
#[derive(Debug)]
pub struct Schemas {
    /// Of bodies and queries.
    pub taken: SchemaGenerator,
    /// Of answers.
    pub answered: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        let width = RecursiveTransform(bounded);
        Self {
            taken: settings().for_deserialize().with_transform(width).into_generator(),
            answered: settings().for_serialize().into_generator(),
        }
    }
}

/// The width of an integer as a bound, which every reader of schemas knows.
fn bounded(schema: &mut Schema) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64" | "uint") => u64::MAX,
        _ => return,
    };
    if schema.get("maximum").is_none() {
        schema.insert("maximum".to_owned(), most.into());
    }
}

/// The body that a call takes.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// None, or an empty object.
    #[default]
    None,
    /// JSON.
    Json(Schema),
    /// Any bytes, told in words.
    Bytes(&'static str),
    /// A form of parts: name, type, words.
    Form(&'static [(&'static str, &'static str, &'static str)]),
}

/// What stands in an answer of one status.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Schema),
    /// Text of this type.
    Text(&'static str),
}

/// What a call takes and answers.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The query's parameters, as the members of an object.
    pub query: Option<Schema>,
    /// It is a listing: it takes `limit` and `cursor` and answers a page.
    pub is_page: bool,
    /// The body.
    pub body: Body,
    /// The good answers.
    pub replies: Vec<(StatusCode, Reply)>,
}

impl Shape {
    /// The schema of the answer to a good GET, if it is JSON.
    pub fn json(&self) -> Option<&Schema> {
        self.replies.iter().find_map(|(status, reply)| match reply {
            Reply::Json(schema) if *status == StatusCode::OK => Some(schema),
            _ => None,
        })
    }
}

/// Something that a handler takes.
#[diagnostic::on_unimplemented(
    message = "the API's description does not know the extractor `{Self}`",
    note = "take one of those in `host/server/src/call/shape.rs`, or implement `Input` for it there"
)]
pub trait Input {
    /// Adds it to the shape.
    fn describe(shape: &mut Shape, schemas: &mut Schemas);
}

/// Something that a handler answers.
#[diagnostic::on_unimplemented(
    message = "the API's description does not know the answer `{Self}`",
    note = "answer `Json<View>`, `Created<View>`, `Accepted<View>`, `NoContent` (host/server/src/answer.rs) or a `Result` of one and `ApiError`; a view derives `schemars::JsonSchema`"
)]
pub trait Answer {
    /// Its statuses.
    fn replies(schemas: &mut Schemas) -> Vec<(StatusCode, Reply)>;
}

/// A handler whose signature says what it takes and answers.
#[diagnostic::on_unimplemented(
    message = "the API's description cannot read this handler's signature",
    note = "every extractor must be an `Input` and the answer an `Answer`: host/server/src/call/shape.rs; bodies, queries and views derive `schemars::JsonSchema`"
)]
pub trait Described<T>: Handler<T, App> {
    /// What it takes and answers.
    fn shape(&self, schemas: &mut Schemas) -> Shape;
}

macro_rules! described {
    ($($input:ident),*) => {
        impl<F, Fut, R, M, $($input),*> Described<(M, $($input,)*)> for F
        where
            F: Handler<(M, $($input,)*), App> + FnOnce($($input),*) -> Fut,
            Fut: Future<Output = R>,
            R: Answer,
            $($input: Input,)*
        {
            fn shape(&self, schemas: &mut Schemas) -> Shape {
                let mut shape = Shape::default();
                $($input::describe(&mut shape, schemas);)*
                shape.replies = R::replies(schemas);
                shape
            }
        }
    };
}

described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);
described!(A, B, C, D, E);

macro_rules! silent {
    ($($input:ty),*) => {
        $(impl Input for $input {
            fn describe(_: &mut Shape, _: &mut Schemas) {}
        })*
    };
}

silent!(State<App>, Caller, HeaderMap, Source);

/// Parameters of the path stand in its template.
impl<T> Input for Path<T> {
    fn describe(_: &mut Shape, _: &mut Schemas) {}
}

impl<T: JsonSchema> Input for JsonBody<T> {
    fn describe(shape: &mut Shape, schemas: &mut Schemas) {
        shape.body = Body::Json(schemas.taken.subschema_for::<T>());
    }
}

impl<T: JsonSchema> Input for QueryOf<T> {
    fn describe(shape: &mut Shape, schemas: &mut Schemas) {
        shape.query = Some(inline::<T>(schemas));
    }
}

impl<F: JsonSchema> Input for PageOf<F> {
    fn describe(shape: &mut Shape, schemas: &mut Schemas) {
        shape.query = Some(inline::<F>(schemas));
        shape.is_page = true;
    }
}

/// The members of a query are parameters, and its type is nothing of its own.
fn inline<T: JsonSchema>(schemas: &mut Schemas) -> Schema {
    T::json_schema(&mut schemas.taken)
}

impl Input for Bytes {
    fn describe(shape: &mut Shape, _: &mut Schemas) {
        shape.body = Body::Bytes("The file, whatever its type says.");
    }
}

impl Input for Result<Multipart, MultipartRejection> {
    fn describe(shape: &mut Shape, _: &mut Schemas) {
        shape.body = Body::Form(crate::api::release::PARTS);
    }
}

impl<T: Answer> Answer for Result<T, ApiError> {
    fn replies(schemas: &mut Schemas) -> Vec<(StatusCode, Reply)> {
        T::replies(schemas)
    }
}

impl<T: JsonSchema> Answer for Json<T> {
    fn replies(schemas: &mut Schemas) -> Vec<(StatusCode, Reply)> {
        vec![(StatusCode::OK, Reply::Json(schemas.answered.subschema_for::<T>()))]
    }
}

/// A page's schema is written here, so that it is one name with its item's.
impl<T: JsonSchema> JsonSchema for PageView<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Page", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        schemars::json_schema!({
            "type": "object",
            "description": "One page of a listing.",
            "properties": {
                "items": { "type": "array", "items": item, "description": "The items." },
                "next": {
                    "type": ["string", "null"],
                    "description": "The `cursor` of the next page; null if this is the last one.",
                },
            },
            "required": ["items", "next"],
        })
    }
}
