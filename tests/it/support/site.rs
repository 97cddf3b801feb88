//! A publisher's website, as small as it can be: one file, whose text a test sets.
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::json;
use venn_testkit::{Answer, Call, Clock, ThirdParty, Trouble};

/// The domain.
pub const DOMAIN: &str = "taskworks.example";

/// The site; clones are the same one.
#[derive(Clone, Default)]
pub struct Site(Arc<Mutex<String>>);

impl Site {
    /// The file has this text from now on.
    pub fn says(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ThirdParty for Site {
    fn name(&self) -> &'static str {
        "site"
    }

    fn host_names(&self) -> Vec<String> {
        vec![DOMAIN.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    fn answer(&self, call: &Call, _: &Clock) -> Answer {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if call.path != "/.well-known/venn-publisher.txt" || text.is_empty() {
            return Answer::empty(404);
        }
        match text.strip_prefix("redirect:") {
            Some(to) => Answer::empty(302).header("location", to),
            None => Answer { body: Bytes::from(text), ..Answer::empty(200) },
        }
    }

    fn trouble(&self, trouble: &Trouble, _: &Call) -> Answer {
        Answer::json(trouble.status(), &json!({}))
    }
}
