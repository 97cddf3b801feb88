//! What an install is told of entries that another plugin added to the timeline, and what
//! a run has read by being told.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Event, TIMELINE_ADDED};
use crate::{
    id::PartnershipId,
    limits,
    run::{PartnerRead, PartnerReads, TimelineEntry},
};

/// Payload of [`TIMELINE_ADDED`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineAdded {
    /// In the order in which they were added; none if they were erased since.
    pub entries: Vec<AddedEntry>,
}

/// One entry that another plugin added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedEntry {
    /// The plugin's key.
    pub plugin: String,
    /// The account, one of the customer's own.
    pub account: String,
    /// The plugin's own key of the entry.
    pub key: String,
    /// The plugin's own kind of entry.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
}

impl TimelineAdded {
    /// What is told of these entries of one plugin: each payload is of one partnership, or
    /// of none, and is not too long. Entries of one partnership stay in their order.
    pub fn told(plugin: &str, entries: &[&TimelineEntry]) -> Vec<(Option<PartnershipId>, Self)> {
        let mut apart: BTreeMap<Option<PartnershipId>, Vec<AddedEntry>> = BTreeMap::new();
        for entry in entries {
            apart.entry(entry.partnership.clone()).or_default().push(AddedEntry {
                plugin: plugin.to_owned(),
                account: entry.account.clone(),
                key: entry.key.clone(),
                kind: entry.kind.clone(),
                text: entry.text.clone(),
                at: entry.at.0,
            });
        }
        let mut told = Vec::new();
        for (partnership, entries) in apart {
            for some in entries.chunks(limits::EVENT_ENTRIES) {
                told.push((partnership.clone(), Self { entries: some.to_vec() }));
            }
        }
        told
    }
}

impl Event {
    /// The partnership of which the event itself says something that was derived from the
    /// partner's rows: a run of it has read them before it begins.
    pub fn tells_of(&self) -> Option<PartnershipId> {
        if self.kind == TIMELINE_ADDED { self.subject.parse().ok() } else { None }
    }

    /// The same for the data owner's audit: each entry that is told counts as a row.
    pub fn reads(&self) -> PartnerReads {
        let mut reads = PartnerReads::new();
        let Some(partnership) = self.tells_of() else { return reads };
        let told: TimelineAdded = serde_json::from_str(&self.payload).unwrap_or_default();
        if !told.entries.is_empty() {
            let rows = told.entries.len() as u64;
            reads.insert(partnership, PartnerRead { rows, ..PartnerRead::default() });
        }
        reads
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{id::EventId, time::Timestamp};

    fn partnership(number: u32) -> PartnershipId {
        format!("pty_{number:026}").parse().unwrap()
    }

    fn entry(key: usize, partnership: Option<PartnershipId>) -> TimelineEntry {
        TimelineEntry {
            account: "acc_1".to_owned(),
            kind: "call".to_owned(),
            text: format!("Call {key}."),
            at: Timestamp(7),
            key: key.to_string(),
            partnership,
        }
    }

    fn event(kind: &str, subject: &str, payload: String) -> Event {
        Event {
            id: format!("evt_{:026}", 1).parse::<EventId>().unwrap(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            occurred_at: Timestamp(7),
            payload,
            continuation: None,
        }
    }

    #[test]
    fn each_partnership_is_told_apart_in_order_and_a_piece_at_a_time() {
        let most = limits::EVENT_ENTRIES;
        let entries: Vec<_> = (0..=2 * most)
            .flat_map(|key| [entry(key, Some(partnership(1))), entry(key, Some(partnership(2)))])
            .chain([entry(0, None)])
            .collect();
        let told = TimelineAdded::told("calls", &entries.iter().collect::<Vec<_>>());
        let sizes: Vec<_> =
            told.iter().map(|(of, told)| (of.clone(), told.entries.len())).collect();
        let pieces = |of| [most, most, 1].map(|size| (Some(partnership(of)), size));
        assert_eq!(sizes, [vec![(None, 1)], pieces(1).into(), pieces(2).into()].concat());
        let one = Some(partnership(1));
        let keys = told.iter().filter(|(of, _)| *of == one).flat_map(|(_, told)| &told.entries);
        let expected = (0..=2 * most).map(|key| key.to_string());
        assert!(keys.map(|entry| entry.key.clone()).eq(expected));
        assert_eq!(
            serde_json::to_string(&told.first().unwrap().1).unwrap(),
            r#"{"entries":[{"plugin":"calls","account":"acc_1","key":"0","kind":"call","text":"Call 0.","at":7}]}"#
        );
        assert_eq!(TimelineAdded::told("calls", &[]), []);
    }

    #[test]
    fn who_is_told_what_was_derived_from_a_partners_rows_has_read_them() {
        let (of, entries) = (partnership(1), [entry(1, None), entry(2, None)]);
        let (_, told) = TimelineAdded::told("calls", &entries.iter().collect::<Vec<_>>())
            .into_iter()
            .next()
            .unwrap();
        let payload = serde_json::to_string(&told).unwrap();
        let told = event(TIMELINE_ADDED, of.as_str(), payload.clone());
        let read = PartnerRead { rows: 2, ..PartnerRead::default() };
        assert_eq!(
            (told.tells_of(), told.reads()),
            (Some(of.clone()), PartnerReads::from([(of.clone(), read)]))
        );
        // Erased meanwhile: there is nothing left to read, and it still stays apart.
        let erased = event(TIMELINE_ADDED, of.as_str(), r#"{"entries":[]}"#.to_owned());
        assert_eq!((erased.tells_of(), erased.reads()), (Some(of.clone()), PartnerReads::new()));
        for nobodys in [
            event(TIMELINE_ADDED, "", payload.clone()),
            event("overlaps-changed", of.as_str(), payload),
        ] {
            assert_eq!((nobodys.tells_of(), nobodys.reads()), (None, PartnerReads::new()));
        }
    }
}
