//! What a run would change inside Venn, while it runs. It is handed out with
//! an `ok` report only; state reads its own writes meanwhile.
use std::collections::BTreeMap;

use venn_domain::{
    id::PartnershipId,
    run::{AccountWrite, Effects, StateWrite, TimelineEntry},
};

use crate::tape::entry::Blob;

type Writes = BTreeMap<String, Option<Blob>>;

/// Effects in the making. Empty it does not allocate.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// One list per partition; there are few.
    state: Vec<(Option<PartnershipId>, Writes)>,
    state_bytes: u64,
    timeline: Vec<TimelineEntry>,
    /// None until the guest says anything about accounts; by external id.
    accounts: Option<BTreeMap<String, AccountWrite>>,
    account_bytes: u64,
    read_from: Vec<PartnershipId>,
}

impl Draft {
    /// The run's own write of this key: `Some(None)` if it removed it.
    pub(crate) fn written(
        &self,
        partition: Option<&PartnershipId>,
        key: &str,
    ) -> Option<&Option<Blob>> {
        self.partition(partition)?.get(key)
    }

    /// The run's own writes of a partition, in byte order.
    pub(crate) fn writes_of(
        &self,
        partition: Option<&PartnershipId>,
    ) -> impl Iterator<Item = (&str, Option<&Blob>)> {
        let writes = self.partition(partition).into_iter().flatten();
        writes.map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    fn partition(&self, partition: Option<&PartnershipId>) -> Option<&Writes> {
        self.state.iter().find(|(id, _)| id.as_ref() == partition).map(|(_, writes)| writes)
    }

    /// Writes or removes a key.
    pub(crate) fn write(
        &mut self,
        partition: Option<PartnershipId>,
        key: &str,
        value: Option<Blob>,
    ) {
        self.state_bytes += value.as_ref().map_or(0, |value| value.0.len()) as u64;
        if let Some((_, writes)) = self.state.iter_mut().find(|(id, _)| *id == partition) {
            writes.insert(key.to_owned(), value);
            return;
        }
        self.state.push((partition, BTreeMap::from([(key.to_owned(), value)])));
    }

    /// Bytes written in this run, also those that were overwritten since.
    pub(crate) const fn state_bytes(&self) -> u64 {
        self.state_bytes
    }

    /// Keys written or removed in this run.
    pub(crate) fn state_keys(&self) -> usize {
        self.state.iter().map(|(_, writes)| writes.len()).sum()
    }

    /// Appends to the timeline.
    pub(crate) fn append(&mut self, entries: Vec<TimelineEntry>) {
        self.timeline.extend(entries);
    }

    /// Timeline entries of this run.
    pub(crate) const fn timeline_len(&self) -> usize {
        self.timeline.len()
    }

    /// Writes and removes accounts; none says that nothing differed.
    pub(crate) fn write_accounts(&mut self, writes: impl Iterator<Item = AccountWrite>) {
        let accounts = self.accounts.get_or_insert_default();
        for write in writes {
            if let AccountWrite::Upsert(row) = &write {
                self.account_bytes += row.bytes() as u64;
            }
            accounts.insert(write.external_id().to_owned(), write);
        }
    }

    /// The run's own word on an account.
    pub(crate) fn account(&self, external_id: &str) -> Option<&AccountWrite> {
        self.accounts.as_ref()?.get(external_id)
    }

    /// Accounts written or removed in this run.
    pub(crate) fn accounts_len(&self) -> usize {
        self.accounts.as_ref().map_or(0, BTreeMap::len)
    }

    /// Bytes of accounts written in this run, also those overwritten since.
    pub(crate) const fn account_bytes(&self) -> u64 {
        self.account_bytes
    }

    /// Remembers whose rows the run has read: by a call, or in what its event told.
    pub(crate) fn reads(&mut self, partnerships: &[PartnershipId]) {
        for id in partnerships {
            if !self.read_from.contains(id) {
                self.read_from.push(id.clone());
            }
        }
    }

    /// The partnerships whose rows the run has read.
    pub(crate) fn read_from(&self) -> &[PartnershipId] {
        &self.read_from
    }

    /// What an `ok` report commits.
    pub(crate) fn finish(self) -> Effects {
        let state = self.state.into_iter().flat_map(|(partnership, writes)| {
            writes.into_iter().map(move |(key, value)| StateWrite {
                partnership: partnership.clone(),
                key,
                value: value.map(|blob| Vec::from(blob.0)),
            })
        });
        Effects {
            state: state.collect(),
            timeline: self.timeline,
            accounts: self.accounts.map(|accounts| accounts.into_values().collect()),
            read_from: self.read_from,
        }
    }
}
