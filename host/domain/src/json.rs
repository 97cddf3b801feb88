//! JSON that people send, checked for what a plain parse lets through.
//!
//! A key that stands twice: whoever reads the first one and whoever reads the
//! last one would act on different things. The character U+0000: a text with it
//! cannot be kept by every database.
use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What is said of a text with U+0000.
const NUL: &str = "the text has the character U+0000, which cannot be kept";

/// Says what is wrong with a document, with its line and column.
pub fn check(bytes: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice::<Sound>(bytes).map(|Sound| ())
}

/// Any JSON that is sound.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SoundVisitor)
    }
}

struct SoundVisitor;

impl<'de> Visitor<'de> for SoundVisitor {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Sound, E> {
        if text.contains('\0') {
            return Err(E::custom(NUL));
        }
        Ok(Sound)
    }

    fn visit_unit<E>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sound, A::Error> {
        while items.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Sound, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom(NUL));
            }
            if keys.contains(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            keys.insert(key);
            members.next_value::<Sound>()?;
        }
        Ok(Sound)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_a_plain_parse_lets_through_is_refused_at_its_place() {
        let said = |text: &str| check(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(said(r#"{"a":[1,{"b":null}],"c":"x"}"#), None);
        let twice = said(r#"{"config":{"a":1,"a":2}}"#);
        assert_eq!(twice.as_deref(), Some("duplicate key `a` at line 1 column 20"));
        for text in [r#"{"a":["x\u0000"]}"#, r#"{"a\u0000":1}"#] {
            let nul = said(text).unwrap_or_default();
            assert!(nul.starts_with(super::NUL), "{nul}");
        }
        assert!(said(&"[".repeat(1_000)).is_some_and(|text| text.starts_with("recursion limit")));
        assert!(said("1e400").is_some_and(|text| text.starts_with("number out of range")));
    }
}
