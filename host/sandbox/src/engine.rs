//! The engine's configuration, once for all roles, and what it hashes to.
//!
//! Serving and compiling differ only in what is no part of the code: how
//! instances are allocated. A test compares their compatibility hashes,
//! because an artifact is refused where they differ.
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};
use venn_domain::limits;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
};

use crate::{
    error::{SandboxError, text},
    settings::{CORE_INSTANCES_PER_RUN, MEMORIES_PER_RUN, PoolSettings, TABLES_PER_RUN},
};

/// What an engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs guests, from a pool.
    Serve(PoolSettings),
    /// Compiles one component in a short-lived child.
    CompileChild,
    /// Compiles and runs hostile guests in tests: quick to compile. The level
    /// is part of the compatibility hash, so its artifacts never serve.
    Test,
}

/// Deep enough for recursive parsers, and a quarter of the stack it lives on.
const WASM_STACK_BYTES: usize = 512 << 10;
/// The guest's stack and that of the host functions it calls.
const ASYNC_STACK_BYTES: usize = 2 << 20;
/// Frames of a trap's trace; the innermost say what happened.
const BACKTRACE_FRAMES: usize = 16;

/// The configuration for a role.
pub fn engine_config(role: Role) -> Config {
    let mut config = Config::new();
    config
        // Never Winch: three sandbox bugs in 2026.
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(if role == Role::Test { OptLevel::None } else { OptLevel::Speed })
        // No fuel: it costs two to three times what epochs do.
        .epoch_interruption(true)
        // The contract is synchronous; this drops a cost per store.
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // Pooled stacks go from one organization's run to another's.
        .async_stack_zeroing(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    close_features(&mut config);
    match role {
        Role::Serve(pool) => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)));
        }
        Role::CompileChild | Role::Test => {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        }
    }
    config
}

/// Proposals that no producer of ours needs; each is opened by itself, with a
/// component in the corpus that needs it. Threads, shared memory, GC and
/// stack switching are not even compiled in.
fn close_features(config: &mut Config) {
    config
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false);
}

fn pooling(pool: PoolSettings) -> PoolingAllocationConfig {
    let runs = pool.runs;
    let mut config = PoolingAllocationConfig::new();
    config
        .total_component_instances(runs)
        .total_stacks(runs)
        .total_core_instances(runs.saturating_mul(CORE_INSTANCES_PER_RUN))
        .total_memories(runs.saturating_mul(MEMORIES_PER_RUN))
        .total_tables(runs.saturating_mul(TABLES_PER_RUN))
        .max_core_instances_per_component(CORE_INSTANCES_PER_RUN)
        .max_memories_per_component(MEMORIES_PER_RUN)
        .max_tables_per_component(TABLES_PER_RUN)
        .max_memory_size(to_usize(limits::RUN_MEMORY_BYTES))
        .table_elements(to_usize(limits::RUN_TABLE_ELEMENTS))
        // A Python component's instance has thousands of imports and functions.
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20);
    config
}

/// Makes the engine; a pool that cannot be made fails the start.
pub(crate) fn engine(role: Role) -> Result<Engine, SandboxError> {
    Engine::new(&engine_config(role)).map_err(|error| SandboxError::Engine(text(&error)))
}

/// What an artifact depends on besides the component: engine version and
/// settings, and the processor. SHA-256, because `DefaultHasher` is not stable.
pub(crate) fn compatibility(engine: &Engine) -> [u8; 32] {
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut feed);
    feed.0.finalize().into()
}

/// Limits are `u64` in the one table; on every machine that we serve they fit.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_the_child_compiles_is_what_the_server_loads() {
        let serve = engine(Role::Serve(PoolSettings { runs: 2 })).unwrap();
        let child = engine(Role::CompileChild).unwrap();
        let test = engine(Role::Test).unwrap();
        assert_eq!(compatibility(&serve), compatibility(&child));
        assert_ne!(compatibility(&serve), compatibility(&test));
    }
}
