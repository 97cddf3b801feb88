//! The compile child of `venn`, with a memory: native code of what was compiled
//! before is not made again. The test servers start it in place of `venn
//! compile-child`, for a JavaScript or Python component takes it ten seconds.
//!
//! It only remembers large components that compiled; anything else, and whatever
//! is new, meets the real child. The memory knows the engine, its settings and the
//! limits by the sources that name them.
use std::{
    env,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode, Stdio},
};

/// What decides about native code besides the component.
const ENGINE: [&str; 3] = [
    include_str!("../Cargo.lock"),
    include_str!("../host/sandbox/src/engine.rs"),
    include_str!("../host/domain/src/limits.rs"),
];
/// Smaller ones compile in no time.
const LARGE_BYTES: usize = 1 << 20;

fn main() -> io::Result<ExitCode> {
    let here = env::current_exe()?;
    let folder = here.parent().unwrap_or(&here);
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let mut input = tempfile::tempfile()?;
    input.write_all(&component)?;
    input.rewind()?;
    let mut child = Command::new(folder.join("venn"));
    child.args(env::args_os().skip(1)).stdin(input);
    if component.len() < LARGE_BYTES {
        return Err(child.exec());
    }
    let mut key = DefaultHasher::new();
    (component, ENGINE).hash(&mut key);
    let memory = folder.join("compiled");
    fs::create_dir_all(&memory)?;
    let kept = memory.join(format!("{:016x}.cwasm", key.finish()));
    // Who asks for the same meanwhile waits, and then finds it.
    let lock = File::create(kept.with_extension("lock"))?;
    lock.lock()?;
    if let Ok(mut code) = File::open(&kept) {
        io::copy(&mut code, &mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let output = child.stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        // Died of a signal: the caller sees that it did not end well.
        let code = output.status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(1)));
    }
    let mut part = tempfile::NamedTempFile::new_in(memory)?;
    part.write_all(&output.stdout)?;
    part.persist(kept)?;
    io::stdout().lock().write_all(&output.stdout)?;
    Ok(ExitCode::SUCCESS)
}
