//! From a component to a sealed artifact, in a child.
//!
//! A compiler can be made to take all memory or all time by 95 KB of input,
//! and the engine's authors do not count that as a vulnerability. So it runs
//! in a short-lived child with limits of its own; a child that dies is a
//! refusal of that upload, never a retry, and nothing else notices.
use std::{os::unix::process::ExitStatusExt as _, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};
use venn_domain::limits;

use crate::{
    artifact,
    error::{LoadError, SandboxError, text},
    gate::{self, GateFinding, Inspection, contract_types},
    run::log::plain,
    sandbox::{Inner, Sandbox},
};

mod child;
pub use child::child_main;

/// What the gate made of an upload.
#[derive(Debug, Clone)]
pub struct Gated {
    /// Every check.
    pub inspection: Inspection,
    /// The sealed artifact, if nothing failed.
    pub artifact: Option<Vec<u8>>,
}

/// Native code is two to three times the component's size; a Python component
/// makes 33 MB.
const ARTIFACT_BYTES: u64 = 256 << 20;
/// What a child says about its failure.
const STDERR_BYTES: u64 = 16 << 10;

impl Sandbox {
    /// Inspects, compiles and compares with the contract: everything that
    /// happens to an upload before a person decides on it.
    pub async fn gate(&self, component: &[u8]) -> Result<Gated, SandboxError> {
        let mut inspection = gate::inspect(component);
        if !inspection.ok() {
            return Ok(Gated { inspection, artifact: None });
        }
        let code = match self.compile(component).await? {
            Ok(code) => code,
            Err(finding) => {
                inspection.fail(finding);
                return Ok(Gated { inspection, artifact: None });
            }
        };
        inspection.pass("compile.failed");
        inspection.pass("compile.died");
        let sealed = self.0.sealer.seal(&inspection.digest, &code);
        drop(code);
        let opened = self.0.sealer.open(&inspection.digest, &sealed);
        let opened = opened.map_err(|error| SandboxError::Child(error.to_string()))?;
        let loaded = match artifact::load(&self.0.engine, opened) {
            Ok(loaded) => loaded,
            // The child's engine has no pool: what never fits into ours is found here.
            Err(LoadError::Engine(why)) => {
                inspection.fail(no_room(&why));
                return Ok(Gated { inspection, artifact: None });
            }
            Err(error) => return Err(SandboxError::Child(error.to_string())),
        };
        if let Some(finding) = contract_types::refusal(&self.0, &loaded) {
            inspection.fail(finding);
            return Ok(Gated { inspection, artifact: None });
        }
        inspection.pass("contract.types");
        Ok(Gated { inspection, artifact: Some(sealed) })
    }

    /// Compiles again what passed the gate before: after an engine update, or
    /// on another processor. Returns the sealed artifact, or why not.
    pub async fn recompile(
        &self,
        component: &[u8],
    ) -> Result<Result<Vec<u8>, GateFinding>, SandboxError> {
        let code = self.compile(component).await?;
        Ok(code.map(|code| self.0.sealer.seal(&artifact::digest(component), &code)))
    }

    async fn compile(
        &self,
        component: &[u8],
    ) -> Result<Result<Vec<u8>, GateFinding>, SandboxError> {
        // One at a time: a publisher's slow uploads queue, and runs keep a core.
        let _turn = self.0.compiling.lock().await;
        if self.0.in_process {
            return Ok(self
                .0
                .engine
                .precompile_component(component)
                .map_err(|e| failed(&text(&e))));
        }
        run_child(&self.0, component).await
    }
}

async fn run_child(
    inner: &Inner,
    component: &[u8],
) -> Result<Result<Vec<u8>, GateFinding>, SandboxError> {
    let ours = |error: std::io::Error| SandboxError::Child(error.to_string());
    let mut child = Command::new(&inner.settings.compile_program)
        .args(&inner.settings.compile_args)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(ours)?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(SandboxError::Child("it has no pipes".to_owned()));
    };
    let (mut code, mut said) = (Vec::new(), Vec::new());
    let talk = async {
        let feed = async move {
            // A child that dies early closes the pipe; how it died says more.
            let _ = stdin.write_all(component).await;
        };
        let mut code_pipe = stdout.take(ARTIFACT_BYTES);
        let mut said_pipe = stderr.take(STDERR_BYTES);
        let read = code_pipe.read_to_end(&mut code);
        let listen = said_pipe.read_to_end(&mut said);
        let ((), read, listen) = tokio::join!(feed, read, listen);
        read.and(listen)?;
        child.wait().await
    };
    let wall = Duration::from_millis(limits::COMPILE_WALL_MS);
    let Ok(status) = tokio::time::timeout(wall, talk).await else {
        // `kill_on_drop` ends it.
        let limit = limits::COMPILE_WALL_MS / 1_000;
        return Ok(Err(died(&format!("it took more than {limit} s"))));
    };
    let status = status.map_err(ours)?;
    if status.success() {
        return Ok(Ok(code));
    }
    Ok(Err(match (status.signal(), status.code()) {
        (Some(signal), _) => died(&signal_text(signal)),
        (None, Some(child::REFUSED)) => failed(&String::from_utf8_lossy(&said)),
        (None, Some(child::BROKEN) | None) => {
            return Err(SandboxError::Child(plain(&String::from_utf8_lossy(&said), 500)));
        }
        (None, Some(other)) => died(&format!("it left with code {other}")),
    }))
}

fn failed(reason: &str) -> GateFinding {
    gate::failed(
        "compile.failed",
        format!("it does not compile: {}", plain(reason.trim(), 500)),
        "build it with a toolchain for WASI 0.2 and without proposals such as threads, 64-bit memories or garbage collection",
    )
}

fn no_room(reason: &str) -> GateFinding {
    gate::failed(
        "component.too-complex",
        format!("one run has no room for it: {}", plain(reason, 300)),
        "build it with fewer instances, memories and tables, or smaller ones; what a run has is among the published limits",
    )
}

fn died(how: &str) -> GateFinding {
    gate::failed(
        "compile.died",
        format!("compiling it was stopped: {how}"),
        "no ordinary program needs that much; look for generated functions with thousands of branches or variables",
    )
}

fn signal_text(signal: i32) -> String {
    let memory = limits::COMPILE_MEMORY_BYTES >> 20;
    let cpu = limits::COMPILE_CPU_MS / 1_000;
    match signal {
        // SIGXCPU, and SIGKILL a second later.
        24 | 9 => format!("it took more than {cpu} s of CPU time (signal {signal})"),
        // SIGABRT: a failed allocation aborts.
        6 => format!("it took more than {memory} MiB of memory (signal 6)"),
        // SIGSEGV, SIGBUS: deep recursion.
        11 | 7 => format!("the compiler crashed on it (signal {signal})"),
        other => format!("signal {other}"),
    }
}
