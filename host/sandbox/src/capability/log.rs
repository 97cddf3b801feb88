//! Lines for the run's log.
//!
//! A guest can write 256 lines of 4 KiB; the rest is counted. It cannot forge
//! a line: one record is one line, and control characters are escaped.
use wasmtime::component::Linker;

use crate::run::state::RunState;

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/log@0.1.0")?;
    interface.func_wrap("write", |mut cx, (level, message): (String, String)| {
        let core = &mut cx.data_mut().core;
        core.count_call()?;
        core.log.write(&level, &message);
        Ok(())
    })
}
