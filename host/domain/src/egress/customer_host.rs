//! Hosts that the customer completes: `{instance}.example.com`, where the
//! configuration's field `instance` is one label, and `{site}`, where the field
//! is the whole host.
//!
//! Until it is completed, such a host is a text that no target can have: it
//! allows nothing. What comes of it is a host like any other, and every rule
//! holds for it.
use serde_json::Value;

use super::{host, rule::is_below_suffix};

/// A host with a place for the customer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerHost<'a> {
    /// The configuration's field.
    pub field: &'a str,
    /// What stands after the label; none if the field is the whole host.
    base: Option<&'a str>,
}

/// A host that came of the customer's word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompletedHost {
    /// As the manifest writes it.
    pub place: String,
    /// What it is.
    pub host: String,
}

/// Names of fields in a place.
const FIELD_BYTES: usize = 64;

impl<'a> CustomerHost<'a> {
    /// Reads `{field}.base` or `{field}`; none if it is neither.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (field, rest) = text.strip_prefix('{')?.split_once('}')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let base = if rest.is_empty() { None } else { Some(rest.strip_prefix('.')?) };
        let good = !field.is_empty() && field.len() <= FIELD_BYTES && field.bytes().all(plain);
        good.then_some(Self { field, base })
    }

    /// What is wrong with it as a manifest writes it.
    pub(super) fn check(&self) -> Result<(), String> {
        let Some(base) = self.base else { return Ok(()) };
        let canonical = host::canonical(base).map_err(|error| error.0.replacen("its", "the", 1))?;
        if canonical != base {
            return Err(format!(
                "what stands after `}}` is not canonical, which is `.{canonical}`"
            ));
        }
        if !(is_below_suffix(base) && is_below_suffix(&format!("x.{base}"))) {
            return Err(
                "the customer's word stands before a public suffix, where anyone can register a name"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The host with the customer's word in its place, or why that cannot be.
    pub fn complete(&self, word: &str) -> Result<String, String> {
        let Some(base) = self.base else {
            let canonical = host::canonical(word).map_err(|error| {
                format!("it is not a full host name such as `crm.example.com`: {}", error.0)
            })?;
            if canonical != word {
                return Err(format!("it is not in its canonical form, which is `{canonical}`"));
            }
            if !is_below_suffix(word) {
                return Err("it is a public suffix, where anyone can register a name".to_owned());
            }
            return Ok(canonical);
        };
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_label = (1..=63).contains(&word.len()) && word.bytes().all(letter);
        let whole = format!("{word}.{base}");
        if is_label && host::canonical(&whole).as_deref() == Ok(&whole) && is_below_suffix(&whole) {
            return Ok(whole);
        }
        Err(format!(
            "it is not one label of lower-case letters, digits and `-`; for `acme.{base}` it is `acme`"
        ))
    }

    /// The same with what the configuration says; none if it says nothing that
    /// can be.
    fn complete_from(&self, config: &Value) -> Option<String> {
        self.complete(config.get(self.field)?.as_str()?).ok()
    }

    /// Whether the customer says a label only, and not the whole host.
    pub const fn is_below_a_base(&self) -> bool {
        self.base.is_some()
    }

    /// Whether a host could be what the customer has not said yet.
    pub fn may_become(&self, host: &str) -> bool {
        let Some(base) = self.base else { return true };
        let label = host.strip_suffix(base).and_then(|head| head.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
    }
}

/// Puts the customer's word into a host, if there is a place for it; what came
/// of it.
pub(crate) fn complete(host: &mut String, config: &Value) -> Option<CompletedHost> {
    let completed = CustomerHost::parse(host)?.complete_from(config)?;
    let place = std::mem::replace(host, completed.clone());
    Some(CompletedHost { place, host: completed })
}
