//! The gate on the publisher's own machine: the same sandbox code as on the
//! server, with a key that is thrown away, so that what passes here passes
//! there. Nothing is kept, and no guest code runs.
use anyhow::{Context as _, Result};
use venn_domain::manifest::Manifest;
use venn_sandbox::{EgressSettings, PoolSettings, Sandbox, Settings};

use crate::author::check::{Finding, Inspect, Level};

/// Inspects through a sandbox that lives as long as the command.
pub(super) struct Gate;

impl Inspect for Gate {
    fn inspect(&self, component: &[u8], _: &Manifest) -> Result<Vec<Finding>> {
        inspect(component)
    }
}

/// Every check of the gate on these bytes.
pub(super) fn inspect(component: &[u8]) -> Result<Vec<Finding>> {
    let mut artifact_key = [0_u8; 32];
    getrandom::fill(&mut artifact_key).ok().context("the system gives no random numbers")?;
    let sandbox = Sandbox::new(Settings {
        compile_program: std::env::current_exe().context("this program's own path is not known")?,
        compile_args: vec!["compile-child".to_owned()],
        artifact_key,
        egress: EgressSettings::default(),
        scratch: std::env::temp_dir(),
        // Nothing runs here: the smallest pool there is.
        pool: PoolSettings { runs: 1 },
    })?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    let gated = runtime.block_on(sandbox.gate(component))?;
    let findings = gated.inspection.findings.into_iter().map(|found| Finding {
        id: found.check.to_owned(),
        level: if found.ok { Level::Ok } else { Level::Error },
        place: String::new(),
        message: found.message,
        next_step: found.hint,
    });
    Ok(findings.collect())
}
