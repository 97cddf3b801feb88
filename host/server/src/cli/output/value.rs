//! Reading the API's JSON by path, as text that is safe to print.
//!
//! Much of what the API answers was written by others: account names by a
//! CRM, log lines by a plugin. A control character among it could repaint the
//! terminal or hide what a person is asked to agree to, so none is printed.
use serde_json::Value;

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

/// The value at a dotted path, or null.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .filter(|key| !key.is_empty())
        .fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}

/// The value at a path as one line for people.
pub(crate) fn text(value: &Value, path: &str) -> String {
    line(at(value, path))
}

/// The string at a path exactly as it is, for use in another call.
pub(crate) fn raw<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The list at a path; empty if there is none.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// The number at a path; 0 if there is none.
pub(crate) fn number(value: &Value, path: &str) -> u64 {
    at(value, path).as_u64().unwrap_or(0)
}

/// Whether the value at a path is `true`.
pub(crate) fn is_true(value: &Value, path: &str) -> bool {
    at(value, path).as_bool().unwrap_or(false)
}

/// A moment as people read it: `2025-11-24 16:00:00`, in UTC as the API has it.
pub(crate) fn moment(value: &Value, path: &str) -> String {
    let text = text(value, path);
    match (text.get(..10), text.get(10..11), text.get(11..19)) {
        (Some(day), Some("T"), Some(time)) => format!("{day} {time}"),
        _ => text,
    }
}

fn line(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => NOTHING.to_owned(),
        Value::String(text) => clean(text).replace(['\n', '\t'], " "),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join(", "),
        Value::Object(_) => clean(&value.to_string()),
    }
}

/// Text of others, harmless: control characters and those that turn the
/// direction of writing are written out, lines and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (c.is_control() && c != '\n' && c != '\t') {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_text_for_people() {
        let value = json!({"a": {"b": ["x", "y"]}, "on": true, "n": 7, "e": "", "at": "2025-11-24T16:00:00.123456Z"});
        assert_eq!(text(&value, "a.b"), "x, y");
        assert_eq!(text(&value, "a.c.d"), "-");
        assert_eq!(text(&value, "on"), "yes");
        assert_eq!(text(&value, "n"), "7");
        assert_eq!(text(&value, "e"), "-");
        assert_eq!(moment(&value, "at"), "2025-11-24 16:00:00");
        assert_eq!(moment(&value, "a.c"), "-");
        assert_eq!(list(&value, "a.b").len(), 2);
    }

    #[test]
    fn nobody_elses_text_can_repaint_the_terminal_or_turn_it_around() {
        let value = json!({"name": "Acme\u{1b}[2J\u{9b}31m\u{202e}evil\r\nrow"});
        assert_eq!(text(&value, "name"), "Acme\\u{1b}[2J\\u{9b}31m\\u{202e}evil\\u{d} row");
        assert_eq!(clean("two\nlines"), "two\nlines");
    }
}
