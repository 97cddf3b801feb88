//! An injected credential never comes back: an echo of it in an answer's
//! headers or body is replaced before the guest, the tape or the log sees it.
use std::fmt::Write as _;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::failed;
use crate::{
    ports::Secret,
    tape::entry::{Blob, HttpResult},
};

const MARK: &[u8] = b"[redacted]";

/// Cleans an answer. One in an encoding that we cannot look into is not
/// handed over: `accept-encoding: identity` was asked for.
pub(super) fn answer(result: HttpResult, secret: Option<&Secret>) -> HttpResult {
    let Some(secret) = secret else { return result };
    let HttpResult::Response { status, mut headers, body } = result else { return result };
    let forms = forms(secret.expose());
    for (name, value) in &headers {
        let encoded = name.eq_ignore_ascii_case("content-encoding")
            && !value.0.eq_ignore_ascii_case(b"identity");
        if encoded && !body.0.is_empty() {
            let message = "the answer is compressed although it was asked not to be; \
                           where the host adds a credential it must be able to read the answer";
            return failed("protocol", message.to_owned());
        }
    }
    let clean = replaced(&body.0, &forms);
    for (name, value) in &mut headers {
        value.0 = replaced(&value.0, &forms);
        if name.eq_ignore_ascii_case("content-length") && clean.len() != body.0.len() {
            value.0 = clean.len().to_string().into();
        }
    }
    HttpResult::Response { status, headers, body: Blob(clean) }
}

/// The forms in which an echo is recognised: as it is, as JSON text writes it,
/// and as a URL writes it.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let quoted = Zeroizing::new(serde_json::to_string(secret).unwrap_or_default());
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let json = inner.unwrap_or_default().to_owned();
    let mut url = String::new();
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    let mut forms: Vec<_> = [secret.to_owned(), json, url]
        .into_iter()
        .filter(|form| !form.is_empty())
        .map(Zeroizing::new)
        .collect();
    forms.dedup();
    forms
}

/// The text with every occurrence of a form replaced; shared if there is none.
fn replaced(text: &Bytes, forms: &[Zeroizing<String>]) -> Bytes {
    let mut text = text.clone();
    for form in forms {
        let form = form.as_bytes();
        let mut out: Vec<u8> = Vec::new();
        let mut rest: &[u8] = &text;
        let mut found = false;
        while let Some(at) = find(rest, form) {
            found = true;
            let (before, after) = rest.split_at(at);
            out.extend_from_slice(before);
            out.extend_from_slice(MARK);
            rest = after.get(form.len()..).unwrap_or_default();
        }
        if found {
            out.extend_from_slice(rest);
            text = out.into();
        }
    }
    text
}

/// Where `needle` starts. Bodies have 5 MiB at most, and the first byte rules
/// out nearly all places.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = from + rest.iter().position(|byte| byte == first)?;
        if text.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(headers: &[(&str, &str)], body: &str) -> HttpResult {
        let headers =
            headers.iter().map(|(n, v)| ((*n).to_owned(), Blob(v.as_bytes().to_vec().into())));
        let result = HttpResult::Response {
            status: 200,
            headers: headers.collect(),
            body: Blob(body.as_bytes().to_vec().into()),
        };
        answer(result, Some(&Secret::new("s3cr/t\"x".to_owned())))
    }

    #[test]
    fn an_echoed_credential_is_replaced_in_every_form() {
        let got = scrubbed(
            &[("x-echo", "Bearer s3cr/t\"x"), ("content-length", "26")],
            r#"{"a":"s3cr/t\"x s3cr/t"} s3cr%2Ft%22x"#,
        );
        let HttpResult::Response { headers, body, .. } = got else { unreachable!() };
        assert_eq!(body.0, r#"{"a":"[redacted] s3cr/t"} [redacted]"#);
        assert_eq!(headers.first().map(|h| h.1.0.clone()), Some("Bearer [redacted]".into()));
        assert_eq!(headers.get(1).map(|h| h.1.0.clone()), Some("36".into()));
    }

    #[test]
    fn a_compressed_answer_is_not_handed_over_where_a_credential_went_out() {
        let got = scrubbed(&[("content-encoding", "gzip")], "…");
        assert!(matches!(got, HttpResult::Failed { kind, .. } if kind == "protocol"));
    }
}
