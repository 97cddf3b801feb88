//! The test guest in C (`tests/guests/c`): a plugin that knows the contract alone,
//! built as `wit/README.md` tells a stranger to: bindings of the WIT, `zig cc`,
//! `venn component`.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use wit_bindgen_core::{Files, wit_parser::Resolve};

use crate::cargo::{self, Programs};

/// The compiler, libc included, as Python's registry has it.
const COMPILER: &str = "ziglang==0.17.1";

/// Builds it to `target/guests/guest-c.wasm`. False if there is no compiler to be
/// had and nobody requires it; a line says so.
pub(crate) fn build(programs: &Programs) -> anyhow::Result<bool> {
    let python = match compiler() {
        Ok(python) => python,
        Err(why) if !cargo::requires("c") => {
            println!("not tested: plugins in C ({why:#}). VENN_REQUIRE=c makes that a failure");
            return Ok(false);
        }
        Err(why) => return Err(why.context("VENN_REQUIRE names c")),
    };
    let work = cargo::target().join("guest-c");
    let (bound, core) = (work.join("gen"), work.join("core.wasm"));
    bindings(&bound)?;
    let mut compile = Command::new(python);
    compile.args(["-m", "ziglang", "cc", "--target=wasm32-wasi", "-mexec-model=reactor"]);
    compile.args(["-Os", "-s", "-Wl,-z,stack-size=65536", "-Wall", "-Wextra", "-I"]).arg(&work);
    compile.arg("-o").arg(&core).arg(cargo::root().join("tests/guests/c/plugin.c"));
    compile.args([bound.join("plugin.c"), bound.join("plugin_component_type.o")]);
    // What it compiled of libc is kept with all else that is built here.
    cargo::run(compile.env("ZIG_GLOBAL_CACHE_DIR", work.join("cache")))?;
    let mut component = Command::new(&programs.venn);
    component.args(["--json", "component", "--out"]).arg(cargo::guests().join("guest-c.wasm"));
    let made = component.arg(&core).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(true)
}

/// What `wit-bindgen c wit --world plugin --out-dir gen` writes.
fn bindings(out: &Path) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(cargo::root().join("wit"))?;
    let world = resolve.select_world(&[package], Some("plugin"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(out)?;
    for (name, bytes) in files.iter() {
        fs::write(out.join(name), bytes)?;
    }
    Ok(())
}

/// A Python with the compiler in it, set up once per version.
fn compiler() -> anyhow::Result<PathBuf> {
    let place = cargo::target().join("tools").join(COMPILER.replace("==", "-"));
    let (python, done) = (place.join("bin/python"), place.join("done"));
    if done.exists() {
        return Ok(python);
    }
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    quietly(Command::new(&python).args(["-m", "pip", "install", "--only-binary=:all:", COMPILER]))?;
    fs::write(done, "")?;
    Ok(python)
}

/// Runs a command; its last words are the error.
fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let (name, last) = (command.get_program().display(), said.lines().last().unwrap_or_default());
    ensure!(output.status.success(), "{name}: {last}");
    Ok(())
}
