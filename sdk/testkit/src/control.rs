//! The side of a simulator that is not the third party: scripting it, holding it, looking into
//! it. In this process a value, in others the HTTP listener of `admin.rs`, which only forwards
//! to this.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::calls::{CallLog, CallRecord};
use crate::fault::{FaultRule, Script};
use crate::hold::{Hold, HoldState, Holds, Stage};
use crate::matching::Matching;
use crate::party::{ThirdParty, Token};
use crate::{Clock, Fault};

/// Drives a running simulator. Clones drive the same one.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    party: Arc<dyn ThirdParty>,
    clock: Clock,
    faults: Script,
    holds: Holds,
    calls: CallLog,
}

impl Control {
    pub(crate) fn new(party: Arc<dyn ThirdParty>, clock: Clock) -> Self {
        let (faults, holds, calls) = (Script::default(), Holds::default(), CallLog::default());
        Self(Arc::new(Inner { party, clock, faults, holds, calls }))
    }

    /// All calls, until [`Control::clear_faults`], get this.
    pub fn fail(&self, fault: Fault) {
        self.script(FaultRule::new(fault));
    }

    /// The next `times` calls get this.
    pub fn fail_next(&self, times: u64, fault: Fault) {
        self.script(FaultRule::new(fault).times(times));
    }

    /// Adds a rule behind those that are in force.
    pub fn script(&self, rule: FaultRule) {
        self.0.faults.add(rule);
    }

    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The rules still in force, with what is left of their counts.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.0.faults.rules()
    }

    /// Calls whose path starts so wait before they have any effect.
    pub fn hold(&self, path_prefix: &str) -> Hold {
        self.hold_at(Stage::BeforeEffect, Matching::path(path_prefix))
    }

    /// Matching calls wait at that stage.
    pub fn hold_at(&self, stage: Stage, matching: Matching) -> Hold {
        Hold { state: self.0.holds.add(matching, stage), control: self.clone() }
    }

    /// The calls so far, in order of arrival.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.0.calls.all()
    }

    /// Waits until that many calls have arrived since the start or the last reset.
    pub async fn arrived(&self, calls: u64) {
        self.0.calls.wait_for(calls).await;
    }

    pub fn clear_calls(&self) {
        self.0.calls.clear();
    }

    /// Replaces the accepted tokens; calls in flight have been checked already.
    pub fn set_tokens(&self, tokens: Vec<Token>) {
        self.0.party.set_tokens(tokens);
    }

    /// How many objects of each kind there are, archived ones left out.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.party.counts()
    }

    /// All objects of one kind as the vendor would show them; `None` for an unknown kind.
    pub fn objects(&self, kind: &str) -> Option<Value> {
        self.0.party.objects(kind)
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Back to the start: no objects, faults, holds or calls. Tokens and time stay.
    pub fn reset(&self) {
        self.0.faults.clear();
        self.0.holds.release_all();
        self.0.party.reset();
        self.0.calls.clear();
    }

    pub(crate) fn add_hold(&self, stage: Stage, matching: Matching) -> u64 {
        self.0.holds.add(matching, stage).id
    }

    pub(crate) fn find_hold(&self, id: u64) -> Option<Arc<HoldState>> {
        self.0.holds.find(id)
    }

    pub(crate) fn release(&self, id: u64) -> bool {
        self.0.holds.release(id)
    }

    pub(crate) fn party(&self) -> &dyn ThirdParty {
        &*self.0.party
    }

    pub(crate) fn call_log(&self) -> &CallLog {
        &self.0.calls
    }

    pub(crate) fn next_fault(&self, method: &str, path: &str) -> Option<FaultRule> {
        self.0.faults.next(method, path)
    }

    pub(crate) async fn pass_holds(&self, stage: Stage, method: &str, path: &str) {
        self.0.holds.pass(stage, method, path).await;
    }
}
