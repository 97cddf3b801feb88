//! The query of an address, strictly: UTF-8, no NUL, no name twice.
use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::error::{ApiError, Code};

/// Names and values, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The pairs of an address.
    pub fn of(uri: &Uri) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for part in uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name)?;
            if pairs.iter().any(|(before, _)| *before == name) {
                return Err(bad(&format!("`{}` stands twice", crate::body::cut(&name))));
            }
            pairs.push((name, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Takes a value out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// Puts them in one order.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    /// As a query.
    pub fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0).finish()
    }
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8();
    let text = text.map_err(|_| bad("a part of it is not UTF-8"))?;
    if text.contains('\0') {
        return Err(bad("a part of it has the character U+0000"));
    }
    Ok(text.into_owned())
}

fn bad(reason: &str) -> ApiError {
    ApiError::new(
        Code::BadQuery,
        format!("The query of the address cannot be read: {reason}."),
        "Correct the address and try again.",
    )
}

/// Whether every segment of a path is UTF-8 text without NUL: nothing that
/// exists has another name.
pub(super) fn is_sound_path(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok_and(|text| !text.contains('\0'))
}
