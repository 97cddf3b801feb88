//! Memory and tables of one run, summed over all of a component's instances.
//!
//! The engine's own limiter counts each memory by itself: twenty instances of
//! 60 MiB would pass it.
use venn_domain::limits;
use wasmtime::ResourceLimiter;

use crate::{
    engine::to_usize,
    settings::{CORE_INSTANCES_PER_RUN, MEMORIES_PER_RUN, TABLES_PER_RUN},
};

/// Counts what was given, and what was refused.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    /// The name of the limit that refused a growth last.
    pub(crate) refused: Option<&'static str>,
}

impl Limiter {
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory_bytes_max: to_usize(memory_bytes_max),
            memory_bytes: 0,
            table_elements: 0,
            refused: None,
        }
    }

    /// The most that was held at once: memories never shrink.
    pub(crate) const fn memory_bytes(&self) -> u64 {
        self.memory_bytes as u64
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if sum > self.memory_bytes_max {
            self.refused = Some("run.memory");
            return Ok(false);
        }
        // What exceeds the guest's own maximum fails without being counted.
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory_bytes = sum;
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.table_elements.saturating_add(desired.saturating_sub(current));
        if sum > to_usize(limits::RUN_TABLE_ELEMENTS) {
            self.refused = Some("run.table");
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.table_elements = sum;
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_RUN as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_RUN as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_RUN as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refused, Some("run.memory"));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert_eq!(limiter.memory_bytes(), 100);
    }
}
