//! Taking values out of what leaves the platform.
//!
//! A path is part of an API's shape, but its variable segments name accounts,
//! tasks and people. What is not plainly a word of the API is taken out.
use venn_domain::run::{CallResult, CallSummary};

/// A call without values.
pub(super) fn call(mut call: CallSummary) -> CallSummary {
    call.target = text(&call.target);
    match &mut call.result {
        CallResult::Denied { denial, .. } => denial.what = text(&denial.what),
        // What a guest got to read may repeat what it sent.
        CallResult::Error { message, .. } => message.clear(),
        _ => {}
    }
    call
}

/// `POST api.example.com/v1/tasks/42` → `POST api.example.com/v1/tasks/{…}`.
fn text(target: &str) -> String {
    let words = target.split(' ').map(|word| {
        let (scheme, rest) = match word.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), word),
        };
        let Some((host, path)) = rest.split_once('/') else { return word.to_owned() };
        let path: Vec<_> = path.split('/').map(segment).collect();
        format!("{scheme}{host}/{}", path.join("/"))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Longer ones are slugs of names.
const WORD_BYTES: usize = 32;

fn segment(segment: &str) -> &str {
    let version = segment.strip_prefix('v').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    let word = segment.len() <= WORD_BYTES
        && segment.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-');
    if version || word { segment } else { "{…}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_segments_of_a_path_are_taken_out() {
        assert_eq!(
            text("PATCH api.example.com/crm/v3/companies/acme.com/batch/4711"),
            "PATCH api.example.com/crm/v3/companies/{…}/batch/{…}"
        );
        assert_eq!(text("field their-amount"), "field their-amount");
        assert_eq!(text("GET https://a.example/x/Acme%20Inc"), "GET https://a.example/x/{…}");
    }
}
