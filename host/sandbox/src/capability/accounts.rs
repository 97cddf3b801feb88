//! Writing the customer's own accounts.
//!
//! A guest could add, change and remove accounts of its own customer, as
//! effects. This host does not serve it yet: who may call it gets a typed
//! `unavailable`, who may not gets the denial, so that a plugin built against
//! the contract runs here. Nothing is written, so nothing can be attacked.
use venn_domain::capability::Capability;
use wasmtime::component::Linker;

use super::{Declined, Live, answered, perform};
use crate::{
    bindings::accounts as abi,
    run::state::RunState,
    tape::entry::{Answer, Refusal, Request},
};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/accounts@0.1.0")?;
    interface.func_wrap_async("upsert", |cx, (rows,): (Vec<abi::AccountRow>,)| {
        let request = Request::AccountsUpsert { rows: rows.len() as u64 };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |_| None::<abi::UpsertResult>)?,))
        })
    })?;
    interface.func_wrap_async("remove", |cx, (external_ids,): (Vec<String>,)| {
        let request = Request::AccountsRemove { external_ids };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |_| None::<u32>)?,))
        })
    })
}

pub(super) fn write(live: &Live) -> Result<Answer, Declined> {
    live.authority.allows(Capability::AccountsWrite)?;
    let why = "accounts:write is not served by this host yet".to_owned();
    Err(Declined::Refused(Refusal::Unavailable(why)))
}
