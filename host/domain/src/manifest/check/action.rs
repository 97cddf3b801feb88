//! What must hold of the actions that a manifest offers to people.
use std::collections::HashSet;

use super::{List, SENTENCE_CHARS, TITLE_CHARS};
use crate::{event, limits, manifest::Manifest};

impl Manifest {
    pub(super) fn check_actions(&self, list: &mut List) {
        if self.actions.len() > limits::ACTIONS {
            let (count, most) = (self.actions.len(), limits::ACTIONS);
            let reason = format!("it has {count} entries, at most {most} are allowed");
            list.add("actions", reason, "Leave some out; one takes a text and named values");
        }
        if !self.actions.is_empty() && !self.wants(event::REQUEST) {
            let reason = "`request` is not one of them, and there are actions";
            list.add("events", reason, "Add it, or leave the actions out");
        }
        let mut seen = HashSet::new();
        for (index, action) in self.actions.iter().enumerate() {
            let place = format!("actions[{index}]");
            list.name(&place, &action.name, &mut seen);
            // The plugin is told one `action`, whoever asks.
            if self.webhooks.iter().any(|one| one.answers && one.name == action.name) {
                let reason = "a webhook that answers has this name";
                list.add(format!("{place}.name"), reason, "Choose another name");
            }
            list.text(format!("{place}.title"), &action.title, TITLE_CHARS);
            if let Some(text) = &action.text {
                list.text(format!("{place}.text"), text, SENTENCE_CHARS);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{
        Action,
        tests::{GOOD, good},
    };

    const FIND: &str = r#"{ name = "find", title = "Who knows a company", text = "A domain." }"#;
    const NOTE: &str = r#"{ name = "note", title = "Writes a note" }"#;
    const CHAT: &str =
        r#"{ name = "chat", title = "Chat", signature = "slack", routing = "/team_id" }"#;

    /// [`GOOD`] with a webhook and actions.
    fn with(entries: &[&str]) -> String {
        let entries = entries.join(", ");
        let more = format!("\"webhook\", \"request\"]\nwebhooks = [{CHAT}]\nactions = [{entries}]");
        GOOD.replacen("\"installed\"]", &more, 1)
    }

    /// What is wrong with it where one text stands in another's place.
    fn told(entries: &[&str], from: &str, to: &str) -> Vec<String> {
        let text = with(entries);
        assert!(text.contains(from), "{from}");
        let read = Manifest::parse_toml(&text.replacen(from, to, 1));
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_wrong_with_actions_is_told_whole() {
        assert_eq!(told(&[FIND, NOTE], "find", "find"), Vec::<String>::new());
        let long = "x".repeat(401);
        let cases = [
            (
                ", \"request\"]",
                "]",
                "events: `request` is not one of them, and there are actions. Add it, or leave the actions out",
            ),
            (
                "name = \"note\"",
                "name = \"find\"",
                "actions[1].name: the name stands twice. Choose another name",
            ),
            (
                "name = \"note\"",
                "name = \"a note\"",
                "actions[1].name: `a note` is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit. Choose another name",
            ),
            (
                "title = \"Writes a note\"",
                "title = \" \"",
                "actions[1].title: it is empty. Write it; people read it",
            ),
            ("A domain.", "", "actions[0].text: it is empty. Write it; people read it"),
            (
                "A domain.",
                long.as_str(),
                "actions[0].text: it is longer than 400 characters. Shorten it",
            ),
        ];
        for (from, to, expected) in cases {
            assert_eq!(told(&[FIND, NOTE], from, to), [expected], "{from} -> {to}");
        }
        let shape = &told(&[FIND, NOTE], "text = ", "help = ")[0];
        assert!(shape.contains("unknown field `help`"), "{shape}");
        let many: Vec<_> = (0..17).map(|n| NOTE.replace("note", &format!("note{n}"))).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(
            told(&many, "note", "note"),
            [
                "actions: it has 17 entries, at most 16 are allowed. Leave some out; one takes a text and named values"
            ]
        );
    }

    #[test]
    fn the_plugin_is_told_one_action_so_no_webhook_that_answers_has_the_name() {
        let chat = NOTE.replace("note", "chat");
        let entries = [FIND, chat.as_str()];
        assert_eq!(told(&entries, "find", "find"), Vec::<String>::new());
        let answers = "routing = \"/team_id\", answers = true";
        assert_eq!(
            told(&entries, "routing = \"/team_id\"", answers),
            ["actions[1].name: a webhook that answers has this name. Choose another name"]
        );
    }

    #[test]
    fn a_manifest_without_actions_has_the_bytes_that_it_always_had() {
        let text = String::from_utf8(good().to_json()).unwrap();
        assert!(!text.contains("actions"), "a signature is over these bytes");
        let manifest = Manifest::parse_toml(&with(&[FIND, NOTE])).unwrap();
        assert_eq!(Manifest::parse_json(&manifest.to_json()).unwrap(), manifest);
    }

    fn action() -> impl Strategy<Value = Action> {
        // Names are few, so that they meet.
        let text = proptest::option::of("[ a-z]{0,3}");
        ("[ab-]{1,2}", "[ a]{0,2}", text).prop_map(|(name, title, text)| Action {
            name,
            title,
            text,
        })
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_found_by_its_name_and_reads_back(
            actions in proptest::collection::vec(action(), 0..4),
            wants in any::<bool>(),
            answers in any::<bool>(),
        ) {
            let mut manifest = Manifest::parse_toml(&with(&[])).unwrap();
            manifest.actions = actions;
            manifest.webhooks[0].name = "a".to_owned();
            manifest.webhooks[0].answers = answers;
            manifest.events.retain(|kind| wants || kind != event::REQUEST);
            if manifest.check().is_ok() {
                prop_assert!(wants || (!answers && manifest.actions.is_empty()));
                for action in &manifest.actions {
                    prop_assert_eq!(manifest.action(&action.name), Some(action));
                    prop_assert!(!answers || action.name != "a");
                }
                prop_assert_eq!(Manifest::parse_json(&manifest.to_json()).unwrap(), manifest);
            }
        }
    }
}
