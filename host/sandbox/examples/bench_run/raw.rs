//! Raw wasmtime: no limits, no authority, no tape, no metering. It hands over
//! the same records, shared and not copied, as cheaply as the engine can.
use std::sync::Arc;

use venn_domain::overlap::{Overlap, OverlapPage};
use venn_sandbox::{PoolSettings, Role, engine_config};
use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};

mod bindings {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        unreachable_pub,
        dead_code,
        reason = "generated code"
    )]
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        exports: { default: async },
    });
}

use bindings::{
    PluginPre,
    exports::venn::plugin::entry::Event,
    venn::plugin::{
        overlaps::{Page, Query},
        types,
    },
};

pub(crate) struct Raw {
    engine: Engine,
    pre: PluginPre<Arc<Page>>,
    page: Arc<Page>,
}

impl Raw {
    pub(crate) fn new(component: &[u8], page: OverlapPage) -> Self {
        let engine = Engine::new(&engine_config(Role::Serve(PoolSettings { runs: 8 }))).unwrap();
        let component = Component::from_binary(&engine, component).unwrap();
        let mut linker: Linker<Arc<Page>> = Linker::new(&engine);
        linker.instance("venn:plugin/types@0.1.0").unwrap();
        linker
            .instance("venn:plugin/overlaps@0.1.0")
            .unwrap()
            .func_wrap_async("find", |cx, (_query,): (Query,)| {
                let page = Arc::clone(cx.data());
                Box::new(async move { Ok((Ok::<_, types::HostError>(page),)) })
            })
            .unwrap();
        // What a guest imports besides, and does not call.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let pre = PluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Self { engine, pre, page: Arc::new(abi(page)) }
    }

    /// What the guest reported: summary and `done`.
    pub(crate) async fn call(&self, payload: &str) -> (String, u64) {
        let mut store = Store::new(&self.engine, Arc::clone(&self.page));
        // Without a deadline every call would end at once.
        store.set_epoch_deadline(u64::MAX / 2);
        let plugin = self.pre.instantiate_async(&mut store).await.unwrap();
        let event = Event {
            id: "evt_00000000000000000000000001".to_owned(),
            kind: "overlaps-changed".to_owned(),
            subject: String::new(),
            occurred_at: 1_764_000_000_000_000,
            payload: payload.to_owned(),
            continuation: None,
        };
        let report = plugin.venn_plugin_entry().call_handle(&mut store, &event).await.unwrap();
        let report = report.unwrap();
        (report.summary, report.done)
    }
}

/// The contract's record, moved from the domain's.
fn abi(page: OverlapPage) -> Page {
    Page {
        items: page.items.into_iter().map(overlap).collect(),
        cursor: page.cursor,
        withheld: page.withheld,
        withheld_partners: page.withheld_partners,
    }
}

fn overlap(row: Overlap) -> types::Overlap {
    types::Overlap {
        id: row.id.into(),
        partnership: row.partnership.into(),
        partner: row.partner,
        domain: row.domain,
        evidence: row.evidence,
        confidence: row.confidence,
        paired_at: row.paired_at.0,
        our_account: row.our_account.into(),
        our_population: row.our_population,
        our_name: row.our_name,
        our_website: row.our_website,
        our_owner: row.our_owner,
        our_stage: row.our_stage,
        our_amount: row.our_amount,
        our_created_on: row.our_created_on,
        their_account: row.their_account.into(),
        their_population: row.their_population,
        their_name: row.their_name,
        their_website: row.their_website,
        their_owner: row.their_owner,
        their_stage: row.their_stage,
        their_amount: row.their_amount,
        their_created_on: row.their_created_on,
        extra: Vec::new(),
    }
}
