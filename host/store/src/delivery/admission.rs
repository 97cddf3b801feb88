//! What the domain is asked of a delivery: by what its install's control says.
use venn_domain::{
    admission::Admission,
    authority::{Authority, Control},
    event::TIMELINE_ADDED,
};

use super::Leased;
use crate::install::InstallFacts;

impl Leased {
    /// Whether it may be run, as [`venn_domain::admission::admit`] takes it.
    pub fn admission(&self, control: &Control, facts: &InstallFacts) -> Admission<'_> {
        let subject = &self.event.subject;
        let partnership =
            control.partnerships.iter().find(|one| one.id.as_str() == subject.as_str());
        Admission {
            kind: &self.event.kind,
            install_state: facts.state,
            plugin_suspended: facts.plugin_suspended,
            release_live: facts.release_live,
            release_trust: facts.proof.trust(),
            wants_kind: control.manifest.wants(&self.event.kind),
            partnership_active: partnership.map(|one| one.active),
            may_hear: (self.event.kind == TIMELINE_ADDED)
                .then(|| Authority::new(control.clone()).hears_of(self.event.tells_of().as_ref())),
            attempt: self.attempt,
        }
    }
}
