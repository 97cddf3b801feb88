//! The customer's configuration of this install.
//!
//! A guest reads the JSON text that was valid under its schema when it was
//! saved. It cannot change it, and credentials are never in it.
use wasmtime::component::Linker;

use crate::run::state::RunState;

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/config@0.1.0")?;
    interface.func_wrap("get", |mut cx, (): ()| {
        let core = &mut cx.data_mut().core;
        core.count_call()?;
        Ok((std::sync::Arc::clone(&core.facts.config),))
    })
}
