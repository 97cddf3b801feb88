//! One call as it came: nothing of it is believed yet.
use serde_json::Value;
use url::form_urlencoded;

use super::{Refusal, Scheme, is_word};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// `header:x-id`: in a header. No signature but a scheme's own covers it.
    Header(&'a str),
    /// `/team/id`: in a JSON body, at a pointer (RFC 6901), a text or a whole number. In a
    /// list, at the same pointer in each of its elements, which all say the same.
    Pointer(&'a str),
    /// `form:team_id`: in the body of a form, in the field of this name.
    Form(&'a str),
}

impl<'a> Place<'a> {
    /// Reads a place as manifests write it.
    pub fn parse(text: &'a str) -> Option<Self> {
        let place = if text.starts_with('/') {
            let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            escapes.then_some(Self::Pointer(text))?
        } else if let Some(name) = text.strip_prefix("header:") {
            Self::Header(name)
        } else {
            Self::Form(text.strip_prefix("form:").filter(|name| !name.is_empty())?)
        };
        is_word(text).then_some(place)
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
    pub fn find(&self, place: Place<'_>) -> Option<String> {
        let found = match place {
            Place::Header(name) => self.header(name).ok()?.to_owned(),
            Place::Pointer(pointer) => match serde_json::from_slice(self.body).ok()? {
                Value::Array(elements) => {
                    let mut told = elements.iter().map(|element| told(element, pointer));
                    let first = told.next()??;
                    told.all(|other| other.as_ref() == Some(&first)).then_some(first)?
                }
                one => told(&one, pointer)?,
            },
            Place::Form(name) => {
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

    /// The one text at a pointer of the body; see [`Place::Pointer`].
    fn text(&self, pointer: &str) -> Option<String> {
        self.find(Place::Pointer(pointer))
    }

    /// What Slack wants to hear when it asks, with its signature, whose URL this is.
    pub(super) fn slack_challenge(&self) -> Option<String> {
        let asks = self.text("/type").as_deref() == Some("url_verification");
        asks.then(|| self.text("/challenge")).flatten()
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

/// The text or whole number at a pointer.
fn told(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}
