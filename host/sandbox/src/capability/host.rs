//! What the run is, and what the host last declined.
//!
//! A guest learns its own names and the newest denial of its own run, also one
//! that a WASI call returned as a bare code. It learns nothing of other runs.
use wasmtime::component::Linker;

use super::denial_record;
use crate::{bindings::host as abi, run::state::RunState};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/host@0.1.0")?;
    interface.func_wrap("info", |mut cx, (): ()| {
        let core = &mut cx.data_mut().core;
        core.count_call()?;
        let info = &core.facts.info;
        Ok((abi::RunInfo {
            run: info.run.to_string(),
            install: info.install.to_string(),
            plugin: info.plugin.clone(),
            version: info.version.clone(),
            attempt: info.attempt,
        },))
    })?;
    interface.func_wrap("last-denial", |mut cx, (): ()| {
        let core = &mut cx.data_mut().core;
        core.count_call()?;
        Ok((core.last_denial().map(denial_record),))
    })
}
