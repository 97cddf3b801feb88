//! The compile child: reads a component from standard input, writes the
//! artifact to standard output. It limits itself before it reads a byte.
use std::{
    io::{Read as _, Write as _},
    process::ExitCode,
};

use rustix::process::{Resource, Rlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};
use venn_domain::limits;

use crate::{
    engine::{Role, engine},
    error::text,
};

/// The component does not compile; standard error says why.
pub(super) const REFUSED: i32 = 2;
/// Something of ours; standard error says what.
pub(super) const BROKEN: i32 = 3;

/// The hidden subcommand of the venn binary. Call it before anything else:
/// no runtime, no logger, no thread.
pub fn child_main() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
    }
}

fn compile() -> Result<(), (i32, String)> {
    let broken = |error: std::io::Error| (BROKEN, error.to_string());
    end_with_parent().and_then(|()| limit_self()).map_err(|error| broken(error.into()))?;
    let mut component = Vec::new();
    // One byte more than allowed shows that it is too long.
    let mut input = std::io::stdin().lock().take(limits::COMPONENT_BYTES + 1);
    input.read_to_end(&mut component).map_err(broken)?;
    if component.len() as u64 > limits::COMPONENT_BYTES {
        return Err((REFUSED, "it is larger than the limit".to_owned()));
    }
    let engine = engine(Role::CompileChild).map_err(|error| (BROKEN, error.to_string()))?;
    let code = engine.precompile_component(&component).map_err(|error| (REFUSED, text(&error)))?;
    let mut output = std::io::stdout().lock();
    output.write_all(&code).and_then(|()| output.flush()).map_err(broken)
}

/// A host that is killed leaves nobody who waits for this work. The signal comes when
/// the thread ends that started the child: one of the runtime's own, or one that waits.
#[cfg(target_os = "linux")]
fn end_with_parent() -> rustix::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> rustix::io::Result<()> {
    Ok(())
}

fn limit_self() -> rustix::io::Result<()> {
    let cpu_s = limits::COMPILE_CPU_MS / 1_000;
    let hard = [
        (Resource::As, limits::COMPILE_MEMORY_BYTES),
        // No core file: it would hold the upload.
        (Resource::Core, 0),
        // Nothing is opened from here on, written to disk, or started.
        (Resource::Nofile, 3),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, value) in hard {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    }
    // The soft limit's signal is told apart from a kill.
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu_s), maximum: Some(cpu_s + 1) })
}
