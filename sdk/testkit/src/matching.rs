//! Which calls a fault or a hold is about: all of them, or those of a method and a path prefix.

use serde::{Deserialize, Serialize};

/// A filter on calls. The default matches every call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matching {
    /// Upper-case method, such as `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The start of the path, such as `/crm/v3/objects/tasks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

impl Matching {
    /// Every call whose path starts so.
    pub fn path(prefix: impl Into<String>) -> Self {
        Self { method: None, path_prefix: Some(prefix.into()) }
    }

    pub(crate) fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_must_match() {
        let posts = Matching { method: Some("POST".into()), path_prefix: Some("/a".into()) };
        assert!(posts.matches("POST", "/a/b"));
        assert!(!posts.matches("GET", "/a/b"));
        assert!(!posts.matches("POST", "/b/a"));
        assert!(Matching::default().matches("GET", "/anything"));
    }
}
