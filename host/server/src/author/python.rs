//! Python to a component: componentize-py starts the plugin once at build time
//! and keeps the interpreter with all that was imported.
//!
//! `requirements.txt` has lines as pip knows them: `-e FOLDER` is used where it
//! lies, everything else is installed into a folder beside the component, pure
//! Python only (there is no compiler for native extensions).
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Tell, cache, inputs, tool};

/// What pip installs into the toolchain's environment.
const PINS: &str = include_str!("template/python/toolchain/requirements.txt");
/// The oldest Python that the tools run on.
const PYTHON_MINOR: u32 = 10;
/// The module of the plugin's own code, in `src`.
const APP: &str = "app";

/// The tools, set up if they must be: an environment with componentize-py.
pub fn toolchain(tell: Tell<'_>) -> Result<PathBuf> {
    let (python, version) = python()?;
    cache::toolchain("python", &format!("{version}\n{PINS}"), |place| {
        tell("installing componentize-py (50 MB, once)");
        let failed = "the Python toolchain could not be installed";
        let mut venv = Command::new(python);
        let made = tool::run(venv.args(["-m", "venv"]).arg(place), failed);
        made.context("Debian has it in a package of its own: `apt-get install python3-venv`")?;
        let pins = place.join("requirements.txt");
        fs::write(&pins, PINS)?;
        let mut pip = Command::new(place.join("bin/pip"));
        pip.args(["install", "--disable-pip-version-check", "--only-binary=:all:", "-r"]);
        tool::run(pip.arg(pins), failed).map(drop)
    })
}

/// The component of the plugin in `dir`. What is made on the way is kept in
/// `work`, and used again where nothing has changed.
pub(super) fn build(dir: &Path, work: &Path, tell: Tell<'_>) -> Result<Vec<u8>> {
    let source = dir.join("src");
    let app = source.join(APP).with_extension("py");
    if !app.exists() {
        bail!("there is no {}: a plugin names its `Entry` there", app.display());
    }
    let tools = toolchain(tell)?;
    let asked = fs::read_to_string(dir.join("requirements.txt"))?;
    let (folders, packages) = requirements(&asked);
    let mut path = vec![source];
    for folder in folders {
        let place = dir.join(folder);
        let found = place.canonicalize();
        path.push(found.with_context(|| format!("requirements.txt names {}", place.display()))?);
    }
    fs::create_dir_all(work)?;
    if !packages.is_empty() {
        path.push(install(&tools, work, &packages, tell)?);
    }
    let wit = path.iter().map(|folder| folder.join("venn_sdk/wit")).find(|wit| wit.exists());
    let wit = wit.context(
        "requirements.txt does not name the SDK: `-e FOLDER` with the folder `sdk/python`, or `venn-sdk`",
    )?;
    let mut made_of = PINS.to_owned();
    for folder in &path {
        made_of += &inputs::of(folder)?;
    }
    inputs::once(&work.join("component.wasm"), &made_of, tell, |out| {
        let mut componentize = Command::new(tools.join("bin/componentize-py"));
        componentize.current_dir(work).arg("-d").arg(&wit);
        componentize.args(["-w", "plugin", "-q", "componentize", APP]);
        for folder in &path {
            componentize.arg("-p").arg(folder);
        }
        // Otherwise the site packages of this machine come along.
        componentize.env("VIRTUAL_ENV", work).env("RUST_BACKTRACE", "0");
        componentize.arg("-o").arg(out);
        tool::run(&mut componentize, "the plugin starts with an error").map(drop)
    })
}

/// The folders to use where they lie, and the lines for pip.
fn requirements(text: &str) -> (Vec<&str>, String) {
    let (mut folders, mut packages) = (Vec::new(), String::new());
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix("-e ").or_else(|| line.strip_prefix("--editable ")) {
            Some(folder) => folders.push(folder.trim()),
            // Writing to a string cannot fail.
            None => drop(writeln!(packages, "{line}")),
        }
    }
    (folders, packages)
}

/// Installs packages into a folder named by what is asked for.
fn install(tools: &Path, work: &Path, packages: &str, tell: Tell<'_>) -> Result<PathBuf> {
    let digest = venn_sandbox::digest(packages.as_bytes());
    let place = work.join(format!("packages-{}", digest.get(..12).unwrap_or_default()));
    if place.exists() {
        return Ok(place);
    }
    tell("installing the plugin's packages");
    let (asked, beside) = (work.join("requirements.txt"), place.with_extension("part"));
    fs::write(&asked, packages)?;
    let mut pip = Command::new(tools.join("bin/pip"));
    pip.args(["install", "--disable-pip-version-check", "--only-binary=:all:"]);
    pip.args(["--implementation", "py", "--abi", "none", "--platform", "any", "--target"]);
    let failed = "the plugin's packages could not be installed (pure Python only)";
    tool::run(pip.arg(&beside).arg("-r").arg(asked), failed)?;
    fs::rename(beside, &place)?;
    Ok(place)
}

/// A Python that is new enough, and its version.
fn python() -> Result<(&'static str, String)> {
    let ask = "import sys; print('%d.%d' % sys.version_info[:2])";
    let mut seen = String::new();
    for program in ["python3", "python"] {
        let Ok(output) = Command::new(program).args(["-c", ask]).output() else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if minor(&version).is_some_and(|minor| minor >= PYTHON_MINOR) {
            return Ok((program, version));
        }
        seen = format!(" ({program} is {version})");
    }
    bail!(
        "there is no Python 3.{PYTHON_MINOR} or newer on the PATH{seen}. Install it: \
         `apt-get install python3 python3-venv`, `brew install python`, or https://www.python.org"
    )
}

/// `3.11` → 11.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_python_is_read() {
        assert_eq!((minor("3.11"), minor("2.7"), minor("")), (Some(11), None, None));
    }

    #[test]
    fn folders_are_used_where_they_lie_and_the_rest_is_pips() {
        let text = "# the SDK\n-e ../../sdk/python\n\nhumanize==4.9.0\n";
        let expected = (vec!["../../sdk/python"], "humanize==4.9.0\n".to_owned());
        assert_eq!(requirements(text), expected);
    }
}
