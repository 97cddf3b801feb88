//! Every call of the API is reached by some command: each story says which ones
//! it types, and is held to it by the API's own count of calls. `venn api`, which
//! types any call, does not count.
use std::collections::BTreeSet;

use super::desk::Desk;
use crate::support::description::{SPEC, operations};

/// What each story types.
const STORIES: &[(&str, &[&str])] = &[
    (
        "a_list_is_brought_in_and_looked_at",
        &[
            "account-get",
            "account-list",
            "import-cancel",
            "import-confirm",
            "import-create",
            "import-get",
            "import-list",
            "import-upload-put-file",
            "inbox-timeline",
            "population-create",
            "population-list",
        ],
    ),
    (
        "a_partnership_is_made_looked_into_and_ended",
        &[
            "overlap-get",
            "overlap-list",
            "overlap-matrix",
            "overlap-unpaired",
            "pairing-decide",
            "partnership-accept",
            "partnership-end",
            "partnership-get",
            "partnership-list",
            "partnership-propose",
            "sharing-rule-list",
            "sharing-rule-replace",
            "why-not-get",
        ],
    ),
    (
        "a_plugin_is_published_reviewed_enabled_and_watched",
        &[
            "connection-create",
            "connection-delete",
            "connection-get",
            "connection-list",
            "connection-replace-secret",
            "delivery-discard",
            "delivery-get",
            "delivery-list",
            "delivery-redeliver",
            "inbox-done",
            "inbox-inbox",
            "inbox-incidents",
            "inbox-item",
            "waiting-list",
            "install-change-backfill",
            "install-change-config",
            "install-change-connections",
            "install-change-grant",
            "install-change-pause",
            "install-change-resume",
            "install-change-start-backfill",
            "install-change-try-now",
            "install-change-uninstall",
            "install-check",
            "install-create",
            "install-enable",
            "install-get",
            "install-list",
            "marketplace-get",
            "marketplace-list",
            "plugin-create",
            "plugin-get",
            "plugin-list",
            "release-create",
            "release-get",
            "release-list",
            "release-withdraw",
            "review-approve",
            "review-decide",
            "review-get",
            "review-list",
            "review-resume",
            "review-suspend",
            "review-withdraw",
            "run-get",
            "run-list",
            "run-log",
            "run-replay",
            "run-transcript",
        ],
    ),
    (
        "an_install_is_connected_at_a_services_page",
        &[
            "connect-begin",
            "connect-finish",
            "publisher-credential-list",
            "publisher-credential-remove",
            "publisher-credential-rotate",
            "publisher-credential-set",
        ],
    ),
    (
        "a_webhook_is_opened_called_rotated_and_closed",
        &["webhook-close", "webhook-list", "webhook-open", "webhook-rotate"],
    ),
    ("a_person_asks_an_install_and_reads_the_answer", &["action-ask", "action-list"]),
    ("a_newer_release_is_seen_and_chosen_by_its_version", &["install-change-upgrade"]),
    (
        "what_a_release_was_built_from_is_seen_and_looked_through",
        &["dependency-get", "dependency-scan"],
    ),
    (
        "a_publisher_is_verified_by_its_domain_or_the_platforms_word",
        &[
            "verification-get",
            "verification-known",
            "verification-prove",
            "verification-unverify",
            "verification-vouch",
        ],
    ),
    (
        "people_and_tokens_come_and_go",
        &[
            "me-get",
            "member-add",
            "member-add-service",
            "member-list",
            "member-remove",
            "member-set-role",
            "organization-create",
            "organization-directory",
            "organization-get",
            "organization-list",
            "token-create",
            "token-list",
            "token-recover",
            "token-revoke",
        ],
    ),
    (
        "a_person_is_invited_logs_in_and_out",
        &[
            "password-change",
            "password-invite",
            "password-set",
            "second-factor-confirm",
            "second-factor-demand",
            "second-factor-get",
            "second-factor-remove",
            "second-factor-reset",
            "second-factor-set-up",
            "session-create",
            "session-end",
            "session-list",
            "session-log-out",
        ],
    ),
    (
        "a_publisher_is_let_look_for_a_while",
        &["support-give", "support-given", "support-received", "support-revoke"],
    ),
    (
        "keys_come_and_go_and_the_audit_says_so",
        &[
            "api-usage-list",
            "audit-export",
            "audit-list",
            "audit-verify",
            "signing-key-list",
            "signing-key-register",
            "signing-key-revoke",
            "signing-key-rotate",
        ],
    ),
    (
        "a_source_runs_when_asked_and_its_question_is_answered",
        &[
            "install-change-run",
            "schedule-list",
            "source-cancel",
            "source-confirm",
            "source-get",
            "source-list",
        ],
    ),
];

/// Fails unless a story has typed what it says here.
pub async fn check(story: &str, desk: &Desk) {
    let reached = desk.reached().await;
    let (_, told) = STORIES.iter().find(|(name, _)| *name == story).unwrap();
    let missing: Vec<_> = told.iter().filter(|call| !reached.contains(**call)).collect();
    assert!(missing.is_empty(), "{story} does not type {missing:?}; it types {reached:?}");
}

#[test]
fn every_call_is_reached_by_some_command() {
    let all = operations(&SPEC).map(|one| one.told["operationId"].as_str().unwrap());
    let typed: BTreeSet<&str> = STORIES.iter().flat_map(|(_, calls)| *calls).copied().collect();
    let all: BTreeSet<&str> = all.collect();
    let missing: Vec<_> = all.difference(&typed).collect();
    let gone: Vec<_> = typed.difference(&all).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "no story of tests/it/command_line.rs types {missing:?}: give each a command and a line in a \
         story, and name it in STORIES. No calls (any more): {gone:?}"
    );
}
