//! One call as it came: nothing of it is believed yet.
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{Refusal, Scheme};
use crate::egress::header;

/// A call of a webhook's URL, byte by byte.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Upper case.
    pub method: &'a str,
    /// The whole URL, as the sender was told it, with path and query as they came.
    pub url: &'a str,
    /// Names of either case, in the order of arrival.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Before any reading.
    pub body: &'a [u8],
}

/// Where in a call something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In a header. No signature but a scheme's own covers it.
    Header(String),
    /// In a JSON body, at a JSON pointer (RFC 6901): a text or a whole number.
    #[schemars(example = "/team_id")]
    Pointer(String),
    /// In the body of a form, in the field of this name.
    Field(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Pointer(pointer) => write!(f, "`{pointer}` in the body"),
            Self::Field(name) => write!(f, "the field `{name}`"),
        }
    }
}

/// Headers that say who is calling, whatever else they are for.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

impl<'a> Call<'a> {
    /// The one header of this name; two of them are none, for nobody knows which one
    /// somebody else reads.
    pub fn header(&self, name: &str) -> Result<&'a str, Refusal> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = found.next().ok_or_else(|| Refusal::Missing(name.to_owned()))?;
        if found.next().is_some() {
            return Err(Refusal::Repeated(name.to_owned()));
        }
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
        text.ok_or_else(|| Refusal::Malformed(name.to_owned()))
    }

    /// What stands at a place; nothing if there is none, it is empty, or there are two.
    pub fn find(&self, place: &Place) -> Option<String> {
        let found = match place {
            Place::Header(name) => self.header(name).ok()?.to_owned(),
            Place::Pointer(pointer) => {
                let body: serde_json::Value = serde_json::from_slice(self.body).ok()?;
                match body.pointer(pointer)? {
                    serde_json::Value::String(text) => text.clone(),
                    serde_json::Value::Number(number) if !number.is_f64() => number.to_string(),
                    _ => return None,
                }
            }
            Place::Field(name) => {
                let mut fields = form_urlencoded::parse(self.body).filter(|(key, _)| key == name);
                let (_, value) = fields.next()?;
                if fields.next().is_some() {
                    return None;
                }
                value.into_owned()
            }
        };
        (!found.is_empty()).then_some(found)
    }

    /// The headers that a plugin sees, in lower case: neither credentials and signatures
    /// nor what belongs to the way on which the call came.
    pub fn shown_headers(&self, scheme: &Scheme) -> Vec<(String, String)> {
        let shown = |name: &str| {
            !CREDENTIALS.contains(&name)
                // Vendors send older signatures beside the newest.
                && !name.contains("signature")
                && scheme.header() != name
                && !header::is_reserved(name)
        };
        let named = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        named
            .filter(|(name, _)| shown(name))
            .map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned()))
            .collect()
    }
}
