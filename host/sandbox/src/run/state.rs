//! The data of one run's store. A store lives for one run and is thrown away.
use venn_domain::limits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    core::{Core, Facts},
    limiter::Limiter,
    log_stream::LogStream,
};
use crate::engine::to_usize;

pub(crate) struct RunState {
    /// First of all fields: it is dropped before the table, in which half a
    /// request body may lie.
    _over: Over,
    pub(crate) core: Core,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    /// Made when a guest first touches WASI: its random generators cost more
    /// than a whole small run.
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
}

/// Says that the run has ended, however it ended.
struct Over(std::sync::Arc<Facts>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl RunState {
    pub(crate) fn new(core: Core, memory_bytes: u64) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(to_usize(limits::RUN_HANDLES));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(to_usize(limits::HTTP_FIELDS_BYTES));
        Self {
            _over: Over(std::sync::Arc::clone(&core.facts)),
            core,
            table,
            limiter: Limiter::new(memory_bytes),
            wasi: None,
            http,
        }
    }
}

/// WASI 0.2 as a guest finds it: no environment, arguments, sockets or names;
/// output goes to the log. Files are [`crate::capability`]'s.
impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let log = &self.core.log;
        let ctx = self.wasi.get_or_insert_with(|| {
            WasiCtxBuilder::new()
                .stdout(LogStream::new(log.clone(), "info"))
                .stderr(LogStream::new(log.clone(), "warn"))
                .max_random_size(limits::RUN_RANDOM_BYTES)
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false)
                .build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for RunState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.core }
    }
}
