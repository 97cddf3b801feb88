//! Who is told of what other plugins add to the timeline.
use super::*;
use crate::{event::TIMELINE_ADDED, manifest::CapabilityRequest};

/// Asks for it, with all that is asked for approved and granted.
fn hearing(control: &mut Control) {
    let reason = "To know of calls.".to_owned();
    control.manifest.events.push(TIMELINE_ADDED.to_owned());
    control.manifest.capabilities.push(CapabilityRequest { name: Cap::TimelineRead, reason });
    control.approval = Approval::of(&control.manifest);
    control.grant.capabilities = control.approval.capabilities;
}

/// The same without destinations.
fn without_egress(control: &mut Control) {
    hearing(control);
    control.grant.capabilities = control.grant.capabilities.and(all_but(Cap::HttpEgress));
}

/// Of no partnership, and of those of [`control`] and one that was not granted.
fn heard(authority: &Authority) -> Vec<Option<u128>> {
    let all = std::iter::once(None).chain((1..=5).map(Some));
    all.filter(|n| authority.hears_of(n.map(partnership).as_ref())).collect()
}

#[test]
fn who_may_read_a_partners_rows_for_its_purpose_hears_of_what_was_made_of_them() {
    assert_eq!(heard(&without(hearing)), [None, Some(1)]);
    assert_eq!(heard(&without(without_egress)), [None, Some(1), Some(2)]);
}

#[test]
fn nobody_hears_without_asking_approval_and_grant() {
    assert_eq!(heard(&without(|_| {})), []);
    let changes: [fn(&mut Control); 4] = [
        |c| c.manifest.events.retain(|kind| kind != TIMELINE_ADDED),
        |c| c.manifest.capabilities.retain(|request| request.name != Cap::TimelineRead),
        |c| c.approval.capabilities = all_but(Cap::TimelineRead),
        |c| c.grant.capabilities = c.grant.capabilities.and(all_but(Cap::TimelineRead)),
    ];
    for change in changes {
        let authority = without(|control| {
            hearing(control);
            change(control);
        });
        assert_eq!(heard(&authority), []);
    }
}

#[test]
fn a_text_may_be_of_any_population_so_egress_is_asked_of_all_that_plugins_may_read() {
    let with = |level, purpose| {
        move |control: &mut Control| control.partnerships[0].rules.push(rule(level, purpose))
    };
    let heard_with = |set_up: fn(&mut Control), more: &dyn Fn(&mut Control)| {
        let authority = without(|control| {
            set_up(control);
            more(control);
        });
        heard(&authority).contains(&Some(1))
    };
    let for_plugins = with(Level::Overlaps, Purpose::Plugins);
    assert!(!heard_with(hearing, &for_plugins));
    assert!(heard_with(without_egress, &for_plugins));
    // What no plugin reads is in no text.
    assert!(heard_with(hearing, &with(Level::Overlaps, Purpose::View)));
    assert!(heard_with(hearing, &with(Level::Counts, Purpose::Plugins)));
}

#[test]
fn who_is_paused_is_told_all_the_same() {
    let paused = without(|control| {
        hearing(control);
        control.stopped = Some("the installation is paused".into());
    });
    assert_eq!(heard(&paused), [None, Some(1)]);
}
