//! What must hold of the webhooks that a manifest declares.
use std::collections::HashSet;

use super::{List, TITLE_CHARS};
use crate::{event, limits, manifest::Manifest};

impl Manifest {
    pub(super) fn check_webhooks(&self, list: &mut List) {
        if self.webhooks.len() > limits::WEBHOOKS {
            let (count, most) = (self.webhooks.len(), limits::WEBHOOKS);
            let reason = format!("it has {count} entries, at most {most} are allowed");
            list.add("webhooks", reason, "Leave some out; one can carry several kinds of calls");
        }
        for kind in [event::WEBHOOK, event::REQUEST] {
            let mut of_kind = self.webhooks.iter().filter(|webhook| webhook.event_kind() == kind);
            if of_kind.next().is_some() && !self.wants(kind) {
                let whose = if kind == event::WEBHOOK { "webhooks" } else { "ones that answer" };
                let reason = format!("`{kind}` is not one of them, and there are {whose}");
                list.add("events", reason, "Add it, or leave the webhooks out");
            }
        }
        let mut seen = HashSet::new();
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let place = format!("webhooks[{index}]");
            list.name(&place, &webhook.name, &mut seen);
            // Both name a credential of the publisher's.
            if self.connections.iter().any(|connection| connection.name == webhook.name) {
                let reason = "a connection has this name";
                list.add(format!("{place}.name"), reason, "Choose another name");
            }
            list.text(format!("{place}.title"), &webhook.title, TITLE_CHARS);
            if let Err(bad) = webhook.scheme() {
                list.add(format!("{place}.{}", bad.member), bad.reason, bad.next_step);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::manifest::tests::{GOOD, good};

    const SHOP: &str = r#"{ name = "shop", title = "Orders", signature = "hmac-sha256", header = "x-shop-hmac", encoding = "base64", id = "header:x-shop-id" }"#;
    const CHAT: &str =
        r#"{ name = "chat", title = "Chat", signature = "slack", routing = "/team_id" }"#;

    /// [`GOOD`] with webhooks, one text in another's place.
    fn told(entries: &[&str], from: &str, to: &str) -> Vec<String> {
        let webhooks = format!("\"webhook\"]\nwebhooks = [{}]", entries.join(", "));
        let text = GOOD.replacen("\"installed\"]", &webhooks, 1);
        assert!(text.contains(from), "{from}");
        let read = Manifest::parse_toml(&text.replacen(from, to, 1));
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_wrong_with_webhooks_is_told_whole() {
        assert_eq!(told(&[SHOP, CHAT], "shop", "shop"), Vec::<String>::new());
        let cases = [
            (
                "\"webhook\"]",
                "\"installed\"]",
                "events: `webhook` is not one of them, and there are webhooks. Add it, or leave the webhooks out",
            ),
            (
                "signature = \"slack\"",
                "signature = \"slack\", answers = true",
                "events: `request` is not one of them, and there are ones that answer. Add it, or leave the webhooks out",
            ),
            (
                "name = \"shop\"",
                "name = \"chat\"",
                "webhooks[1].name: the name stands twice. Choose another name",
            ),
            (
                "name = \"shop\"",
                "name = \"crm\"",
                "webhooks[0].name: a connection has this name. Choose another name",
            ),
            (
                "name = \"shop\"",
                "name = \"Shop\"",
                "webhooks[0].name: `Shop` is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit. Choose another name",
            ),
            (
                "title = \"Orders\"",
                "title = \"\"",
                "webhooks[0].title: it is empty. Write it; people read it",
            ),
            (
                "header = \"x-shop-hmac\", ",
                "",
                "webhooks[0].header: it is missing. Name the header in which the sender's documentation says it is",
            ),
            (
                "\"/team_id\"",
                "\"team_id\"",
                "webhooks[1].routing: it is no place in a call. Write `/team/id` (a JSON pointer), `form:team_id` or, for an id, `header:x-id`",
            ),
            (
                "\"/team_id\"",
                "\"header:x-team\"",
                "webhooks[1].routing: no signature covers a header, so that one could be put for another. Name a place in the body",
            ),
            (
                "signature = \"slack\"",
                "signature = \"slack\", header = \"x-slack\"",
                "webhooks[1].header: `slack` says this itself. Leave it out",
            ),
        ];
        for (from, to, expected) in cases {
            assert_eq!(told(&[SHOP, CHAT], from, to), [expected], "{from} -> {to}");
        }
        let shape = &told(&[SHOP, CHAT], "\"slack\"", "\"md5\"")[0];
        assert!(
            shape.contains("unknown variant `md5`, expected one of `standard-webhooks`"),
            "{shape}"
        );
        let shape = &told(&[SHOP, CHAT], "title = \"Chat\"", "title = \"Chat\", secret = \"x\"")[0];
        assert!(shape.contains("unknown field `secret`"), "{shape}");
        let nine: Vec<_> = (0..9).map(|n| SHOP.replace("shop", &format!("shop{n}"))).collect();
        let nine: Vec<_> = nine.iter().map(String::as_str).collect();
        assert_eq!(
            told(&nine, "shop", "shop"),
            [
                "webhooks: it has 9 entries, at most 8 are allowed. Leave some out; one can carry several kinds of calls"
            ]
        );
    }

    #[test]
    fn a_manifest_without_webhooks_has_the_bytes_that_it_always_had() {
        let text = String::from_utf8(good().to_json()).unwrap();
        assert!(!text.contains("webhooks"), "a signature is over these bytes");
        let text =
            GOOD.replacen("\"installed\"]", &format!("\"webhook\"]\nwebhooks = [{SHOP}]"), 1);
        let manifest = Manifest::parse_toml(&text).unwrap();
        assert_eq!(Manifest::parse_json(&manifest.to_json()).unwrap(), manifest);
    }
}
