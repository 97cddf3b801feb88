//! Whether a leased delivery becomes a run: a job, or a refusal with a reason.
//!
//! Decided before the guest is loaded, so a refusal costs nothing and is never
//! the plugin's failure. To add a reason: a member of [`Admission`], a rule in
//! [`admit`] at its place (what concerns everyone stands first), a test.
use serde::{Deserialize, Serialize};

use crate::{
    event::{ERASE, UNINSTALLING},
    limits,
    signing::Trust,
    verdict::Owner,
};

/// Where an install is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstallState {
    /// Being set up.
    Draft,
    /// Gets events.
    Active,
    /// Stopped by the customer; what arrives waits.
    Paused,
    /// Says goodbye: only `uninstalling` and `erase` still run.
    Uninstalling,
    /// Gone; kept for the history.
    Uninstalled,
}

crate::verdict::names!(InstallState {
    Draft = "draft",
    Active = "active",
    Paused = "paused",
    Uninstalling = "uninstalling",
    Uninstalled = "uninstalled"
});

/// What the store knows when a delivery is leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission<'a> {
    /// The kind of the event.
    pub kind: &'a str,
    /// Where the install is in its life.
    pub install_state: InstallState,
    /// The platform stopped the plugin.
    pub plugin_suspended: bool,
    /// The release may run: published, and not withdrawn.
    pub release_live: bool,
    /// What the release's signature is worth.
    pub release_trust: Trust,
    /// The manifest asks for this kind of event.
    pub wants_kind: bool,
    /// Whether the event's partnership is active; none if it is about none.
    pub partnership_active: Option<bool>,
    /// Whether the install may be told now what the event tells, as
    /// [`crate::authority::Authority::hears_of`] has it; none if it tells nothing of others'.
    pub may_hear: Option<bool>,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// Why a delivery does not become a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// Stable, for example `install.paused`.
    pub code: &'static str,
    /// The reason, in one sentence.
    pub why: &'static str,
    /// Who can change that.
    pub who_can_change_it: Owner,
    /// The delivery waits until that changes; else it is settled.
    pub waits: bool,
}

/// Whether this delivery becomes a run.
pub fn admit(admission: &Admission<'_>) -> Result<(), Refusal> {
    use Owner::{CustomerAdmin, PlatformAdmin, Publisher};
    let settled = |code, why, who| Err(Refusal { code, why, who_can_change_it: who, waits: false });
    let waits = |code, why, who| Err(Refusal { code, why, who_can_change_it: who, waits: true });
    let farewell = matches!(admission.kind, UNINSTALLING | ERASE);

    match admission.install_state {
        InstallState::Uninstalled => {
            return settled("install.uninstalled", "the installation was removed", CustomerAdmin);
        }
        InstallState::Uninstalling if !farewell => {
            return settled("install.uninstalling", "it is being uninstalled", CustomerAdmin);
        }
        _ => {}
    }
    // For good, so it is not waited for anything else first. The end of a
    // partnership is what `erase` tells of.
    if admission.partnership_active == Some(false) && admission.kind != ERASE {
        return settled("partnership.ended", "the partnership has ended", CustomerAdmin);
    }
    if admission.plugin_suspended {
        let why = "the platform has suspended this integration";
        return waits("plugin.suspended", why, PlatformAdmin);
    }
    if !admission.release_live {
        let why = "this release was withdrawn, and no other one is chosen";
        return waits("release.withdrawn", why, Publisher);
    }
    match admission.release_trust {
        Trust::Signed => {}
        Trust::Unsigned => {
            let why = "this release is not signed: its publisher must publish it again";
            return waits("release.unsigned", why, Publisher);
        }
        Trust::Distrusted => {
            let why = "the key that signed this release is compromised: its publisher must sign it anew, \
                       and the platform approve it anew";
            return waits("release.key-compromised", why, Publisher);
        }
    }
    match admission.install_state {
        InstallState::Draft => {
            return waits("install.draft", "the installation is not enabled yet", CustomerAdmin);
        }
        InstallState::Paused if !farewell => {
            return waits("install.paused", "the installation is paused", CustomerAdmin);
        }
        _ => {}
    }
    if !admission.wants_kind {
        let why = "the release does not ask for this kind of event";
        return settled("event.unwanted", why, Publisher);
    }
    if admission.may_hear == Some(false) {
        let why = "the installation may not be told of it any more";
        return settled("event.withheld", why, CustomerAdmin);
    }
    if u64::from(admission.attempt) > limits::DELIVERY_ATTEMPTS {
        return settled("delivery.dead", "all attempts were used up", CustomerAdmin);
    }
    Ok(())
}

/// What a run that ended well waits for, if its install was stopped in the middle of it.
///
/// Nothing of such a run may be kept, and a plugin that was told so may have gone on
/// without. Where that can be lifted, the delivery waits and is run again; what was taken
/// away for good, or of the grant only, is left out, and the delivery is done.
pub fn stopped_meanwhile(at_its_end: &Admission<'_>, lost_something: bool) -> Option<Refusal> {
    admit(at_its_end).err().filter(|refusal| lost_something && refusal.waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Admission<'static> = Admission {
        kind: "overlaps-changed",
        install_state: InstallState::Active,
        plugin_suspended: false,
        release_live: true,
        release_trust: Trust::Signed,
        wants_kind: true,
        partnership_active: Some(true),
        may_hear: Some(true),
        attempt: 8,
    };

    #[test]
    fn each_reason_refuses_with_its_whole_text() {
        let refused = |admission: Admission<'_>| {
            let r = admit(&admission).err();
            r.map(|r| (r.code, r.why, r.who_can_change_it.name(), r.waits))
        };
        assert_eq!(refused(GOOD), None);
        assert_eq!(refused(Admission { partnership_active: None, ..GOOD }), None);
        let state = |install_state| Admission { install_state, ..GOOD };
        let cases = [
            (
                state(InstallState::Uninstalled),
                ("install.uninstalled", "the installation was removed", "customer-admin", false),
            ),
            (
                state(InstallState::Uninstalling),
                ("install.uninstalling", "it is being uninstalled", "customer-admin", false),
            ),
            (
                state(InstallState::Draft),
                ("install.draft", "the installation is not enabled yet", "customer-admin", true),
            ),
            (
                state(InstallState::Paused),
                ("install.paused", "the installation is paused", "customer-admin", true),
            ),
            (
                Admission { plugin_suspended: true, ..GOOD },
                (
                    "plugin.suspended",
                    "the platform has suspended this integration",
                    "platform-admin",
                    true,
                ),
            ),
            (
                Admission { release_live: false, ..GOOD },
                (
                    "release.withdrawn",
                    "this release was withdrawn, and no other one is chosen",
                    "publisher",
                    true,
                ),
            ),
            (
                Admission { release_trust: Trust::Unsigned, ..GOOD },
                (
                    "release.unsigned",
                    "this release is not signed: its publisher must publish it again",
                    "publisher",
                    true,
                ),
            ),
            (
                Admission { release_trust: Trust::Distrusted, ..GOOD },
                (
                    "release.key-compromised",
                    "the key that signed this release is compromised: its publisher must sign it anew, \
                     and the platform approve it anew",
                    "publisher",
                    true,
                ),
            ),
            (
                Admission { wants_kind: false, ..GOOD },
                (
                    "event.unwanted",
                    "the release does not ask for this kind of event",
                    "publisher",
                    false,
                ),
            ),
            (
                Admission { partnership_active: Some(false), ..GOOD },
                ("partnership.ended", "the partnership has ended", "customer-admin", false),
            ),
            (
                Admission { may_hear: Some(false), ..GOOD },
                (
                    "event.withheld",
                    "the installation may not be told of it any more",
                    "customer-admin",
                    false,
                ),
            ),
            (
                Admission { attempt: 9, ..GOOD },
                ("delivery.dead", "all attempts were used up", "customer-admin", false),
            ),
        ];
        for (admission, expected) in cases {
            assert_eq!(refused(admission), Some(expected));
        }
    }

    #[test]
    fn what_lost_something_to_a_stop_waits_while_that_can_be_lifted() {
        let waits = |admission: Admission<'_>, lost| {
            stopped_meanwhile(&admission, lost).map(|refusal| refusal.code)
        };
        let paused = Admission { install_state: InstallState::Paused, ..GOOD };
        let suspended = Admission { plugin_suspended: true, ..GOOD };
        let withdrawn = Admission { release_live: false, ..GOOD };
        assert_eq!(waits(paused, true), Some("install.paused"));
        assert_eq!(waits(suspended, true), Some("plugin.suspended"));
        assert_eq!(waits(withdrawn, true), Some("release.withdrawn"));
        assert_eq!(waits(paused, false), None, "it was over before");
        assert_eq!(waits(GOOD, true), None, "its grant lacks something");
        let gone = Admission { install_state: InstallState::Uninstalled, ..GOOD };
        assert_eq!(waits(gone, true), None);
        let ended = Admission { partnership_active: Some(false), ..paused };
        assert_eq!(waits(ended, true), None);
        let withheld = Admission { may_hear: Some(false), ..GOOD };
        assert_eq!(waits(withheld, true), None);
    }

    #[test]
    fn a_farewell_still_runs_but_not_on_a_suspended_plugin() {
        let farewell = |kind, install_state| Admission {
            kind,
            install_state,
            partnership_active: (kind == ERASE).then_some(false),
            ..GOOD
        };
        for kind in [UNINSTALLING, ERASE] {
            assert_eq!(admit(&farewell(kind, InstallState::Uninstalling)), Ok(()));
            assert_eq!(admit(&farewell(kind, InstallState::Paused)), Ok(()));
            let gone = admit(&farewell(kind, InstallState::Uninstalled));
            assert_eq!(gone.map_err(|r| r.code), Err("install.uninstalled"));
            let suspended =
                Admission { plugin_suspended: true, ..farewell(kind, InstallState::Uninstalling) };
            assert_eq!(admit(&suspended).map_err(|r| r.code), Err("plugin.suspended"));
        }
    }
}
