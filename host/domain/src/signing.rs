//! Signed releases: the texts that a publisher's key signs, and what a
//! signature is worth once its key is revoked.
//!
//! A text is a header line that says what is signed, then one line per fact, in
//! a fixed order, each ended by a line feed. No fact holds a line feed, so two
//! different statements never have the same text, and the header keeps a
//! signature made for one purpose from being used for another. The texts are
//! for ever: `docs/signing.md` shows how anyone checks one with openssl.
//!
//! It knows no cryptography: the server signs, verifies and seals.
use crate::{
    id::{OrganizationId, SigningKeyId},
    manifest::Problem,
    time::Timestamp,
};

/// Header of a release's statement.
const RELEASE: &str = "venn release v1";
/// Header of the proof that somebody has the private half of a key.
const KEY: &str = "venn signing key v1";
/// Header of a key's word for another one.
const ENDORSEMENT: &str = "venn signing key endorsement v1";

/// What a publisher says of a release by signing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The publisher.
    pub organization: OrganizationId,
    /// The plugin's key.
    pub plugin: String,
    /// The version, as the manifest has it.
    pub version: String,
    /// SHA-256 of the component, hex.
    pub component: String,
    /// SHA-256 of the manifest's exact bytes, hex.
    pub manifest: String,
}

impl Statement {
    fn lines(&self) -> [(&'static str, String); 5] {
        [
            ("organization", self.organization.to_string()),
            ("plugin", self.plugin.clone()),
            ("version", self.version.clone()),
            ("component", format!("sha256:{}", self.component)),
            ("manifest", format!("sha256:{}", self.manifest)),
        ]
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        text(RELEASE, &self.lines())
    }

    /// Why a signed text is not this statement, line by line; empty if it is.
    pub fn differences(&self, signed: &str) -> Vec<Problem> {
        if signed == self.text() {
            return Vec::new();
        }
        let problem = |place: &str, reason: String| Problem {
            place: place.to_owned(),
            reason,
            next_step: "Sign exactly what is uploaded; `venn publish` does".to_owned(),
        };
        let mut got = signed.split('\n');
        let header = got.next() == Some(RELEASE);
        let mut problems = Vec::new();
        for (name, expected) in self.lines() {
            let line = got.next().unwrap_or_default();
            let said = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
            match said {
                Some(said) if said == expected => {}
                Some(said) => problems.push(problem(
                    &format!("signature.statement.{name}"),
                    format!("`{}` is signed, and `{expected}` was uploaded", shown(said)),
                )),
                None => problems.push(problem(
                    &format!("signature.statement.{name}"),
                    format!("the line `{name} …` is not at its place"),
                )),
            }
        }
        if !header || got.next() != Some("") || got.next().is_some() || problems.is_empty() {
            problems.insert(
                0,
                problem(
                    "signature.statement",
                    format!("it is not a text of six lines that begins with `{RELEASE}`"),
                ),
            );
        }
        problems
    }
}

/// Cut, because it is somebody else's text.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn text(header: &str, lines: &[(&str, String)]) -> String {
    let lines = lines.iter().map(|(name, value)| format!("{name} {value}\n"));
    format!("{header}\n{}", lines.collect::<String>())
}

/// What the new key signs: whoever registers it has its private half, and means
/// it for this organization.
pub fn proof_text(organization: &OrganizationId, public_key: &str) -> String {
    let lines = [
        ("organization", organization.to_string()),
        ("public-key", format!("ed25519:{public_key}")),
    ];
    text(KEY, &lines)
}

/// What an active key signs to let another one stand beside it, or in its place.
pub fn endorsement_text(
    organization: &OrganizationId,
    public_key: &str,
    endorsed_by: &SigningKeyId,
) -> String {
    let lines = [
        ("organization", organization.to_string()),
        ("public-key", format!("ed25519:{public_key}")),
        ("endorsed-by", endorsed_by.to_string()),
    ];
    text(ENDORSEMENT, &lines)
}

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// It is not used any more: what it signed stands, new releases are refused.
    Retired,
    /// Others may have it: what it signed from a moment on does not run until
    /// it is signed anew and approved anew.
    Compromised,
}

crate::verdict::names!(RevocationReason { Retired = "retired", Compromised = "compromised" });

/// What a release's signature is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It stands.
    Signed,
    /// There is none: the release is older than signing.
    Unsigned,
    /// Its key was compromised when it was made.
    Distrusted,
}

/// What a signature that arrived at `signed_at` is worth when its key is not
/// believed from `distrusted_from` on. The moment is the host's own: a thief
/// cannot date a signature back.
pub fn trust(signed_at: Option<Timestamp>, distrusted_from: Option<Timestamp>) -> Trust {
    match (signed_at, distrusted_from) {
        (None, _) => Trust::Unsigned,
        (Some(at), Some(from)) if at >= from => Trust::Distrusted,
        (Some(_), _) => Trust::Signed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            organization: "org_00000000000000000000000001".parse().unwrap(),
            plugin: "crm-tasks".to_owned(),
            version: "1.2.3".to_owned(),
            component: "aa".repeat(32),
            manifest: "bb".repeat(32),
        }
    }

    #[test]
    fn the_texts_are_for_ever() {
        let (aa, bb) = ("aa".repeat(32), "bb".repeat(32));
        assert_eq!(
            statement().text(),
            format!(
                "venn release v1\norganization org_00000000000000000000000001\nplugin crm-tasks\n\
                 version 1.2.3\ncomponent sha256:{aa}\nmanifest sha256:{bb}\n"
            )
        );
        let organization = statement().organization;
        assert_eq!(
            proof_text(&organization, &aa),
            format!(
                "venn signing key v1\norganization org_00000000000000000000000001\n\
                 public-key ed25519:{aa}\n"
            )
        );
        let by = "sgk_00000000000000000000000002".parse().unwrap();
        assert_eq!(
            endorsement_text(&organization, &aa, &by),
            format!(
                "venn signing key endorsement v1\norganization org_00000000000000000000000001\n\
                 public-key ed25519:{aa}\nendorsed-by sgk_00000000000000000000000002\n"
            )
        );
    }

    #[test]
    fn what_differs_is_named_with_both_sides() {
        let told = |signed: &str| {
            let problems = statement().differences(signed);
            problems.iter().map(|p| format!("{}: {}", p.place, p.reason)).collect::<Vec<_>>()
        };
        let text = statement().text();
        assert!(told(&text).is_empty());
        assert_eq!(
            told(&text.replace("crm-tasks", "crm-leads").replace("1.2.3", "1.2.4")),
            [
                "signature.statement.plugin: `crm-leads` is signed, and `crm-tasks` was uploaded",
                "signature.statement.version: `1.2.4` is signed, and `1.2.3` was uploaded",
            ]
        );
        let shape =
            "signature.statement: it is not a text of six lines that begins with `venn release v1`";
        for broken in [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            format!("{text}more"),
            text.replace('\n', "\r\n"),
            text.replace("venn release v1", "venn release v2"),
        ] {
            assert_eq!(told(&broken).first().map(String::as_str), Some(shape), "{broken:?}");
        }
        // A fact with a line feed in it does not read as two facts.
        let smuggled = Statement { plugin: "crm\nversion 1.2.3".to_owned(), ..statement() };
        assert!(!smuggled.differences(&text).is_empty());
        assert!(!statement().differences(&smuggled.text()).is_empty());
    }

    #[test]
    fn a_signature_from_before_the_theft_stands_and_one_without_date_does_not() {
        let at = |us| Some(Timestamp(us));
        assert_eq!(trust(None, None), Trust::Unsigned);
        assert_eq!(trust(None, at(5)), Trust::Unsigned);
        assert_eq!(trust(at(4), None), Trust::Signed);
        assert_eq!(trust(at(4), at(5)), Trust::Signed);
        assert_eq!(trust(at(5), at(5)), Trust::Distrusted);
        assert_eq!(trust(at(6), at(5)), Trust::Distrusted);
    }
}
