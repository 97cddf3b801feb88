//! TypeScript to a component: types are checked by `tsc`, esbuild makes one
//! file of the plugin and its packages, componentize-js puts a JavaScript
//! engine around it.
//!
//! The tools come from npm, pinned by the lockfile in
//! `template/typescript/toolchain`; nothing that a package wants to run at its
//! installation is run.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Tell, cache, inputs, tool};

/// The tools and every package below them, with digests.
const LOCK: &str = include_str!("template/typescript/toolchain/package-lock.json");
const PACKAGE: &str = include_str!("template/typescript/toolchain/package.json");
/// The oldest Node.js that the tools run on.
const NODE_MAJOR: u32 = 20;
/// The plugin's own code begins here.
const APP: &str = "src/app.ts";

/// The tools, set up if they must be.
pub fn toolchain(tell: Tell<'_>) -> Result<PathBuf> {
    node()?;
    cache::toolchain("typescript", LOCK, |place| {
        tell("installing componentize-js, esbuild and typescript (400 MB, once)");
        fs::write(place.join("package.json"), PACKAGE)?;
        fs::write(place.join("package-lock.json"), LOCK)?;
        npm(place, "the TypeScript toolchain could not be installed")
    })
}

/// The component of the plugin in `dir`. What is made on the way is kept in
/// `work`, and used again where nothing has changed.
pub(super) fn build(dir: &Path, work: &Path, tell: Tell<'_>) -> Result<Vec<u8>> {
    let app = dir.join(APP);
    if !app.exists() {
        bail!("there is no {}: a plugin exports its `entry` there", app.display());
    }
    let tools = toolchain(tell)?;
    packages(dir, tell)?;
    let wit = dir.join("node_modules/@venn/sdk/wit");
    if !wit.exists() {
        let package = dir.join("package.json");
        bail!(
            "{} has no dependency `@venn/sdk`: `venn new` shows how to name it",
            package.display()
        );
    }
    fs::create_dir_all(work)?;
    let bin = |name: &str| tools.join("node_modules/.bin").join(name);
    if dir.join("tsconfig.json").exists() {
        tell("checking types");
        let mut tsc = Command::new(bin("tsc"));
        tsc.current_dir(dir).args(["--noEmit", "--pretty", "false", "-p", "."]);
        tool::run(&mut tsc, "the types do not fit")?;
    }
    let bundle = work.join("app.js");
    let mut esbuild = Command::new(bin("esbuild"));
    esbuild.current_dir(dir).arg(APP).args([
        "--bundle",
        "--format=esm",
        "--platform=neutral",
        "--main-fields=module,main",
        "--conditions=module",
        "--target=es2022",
        "--external:venn:*",
        "--external:wasi:*",
        "--log-level=warning",
        "--color=false",
    ]);
    esbuild.arg(format!("--outfile={}", bundle.display()));
    tool::run(&mut esbuild, "the plugin does not bundle")?;
    let made_of = [inputs::of(&bundle)?, inputs::of(&wit)?, LOCK.to_owned()];
    inputs::once(&work.join("component.wasm"), &made_of.concat(), tell, |out| {
        let mut componentize = Command::new(bin("componentize-js"));
        componentize.current_dir(work).arg(&bundle).arg("-w").arg(&wit);
        // Nothing calls a plugin over HTTP; all else that it disables is wanted:
        // without clocks and randomness every run would see the build's.
        componentize.args(["-n", "plugin", "-d", "fetch-event", "-o"]).arg(out);
        tool::run(&mut componentize, "the plugin starts with an error").map(drop)
    })
}

/// Installs what `package.json` names, if it changed since the last time.
fn packages(dir: &Path, tell: Tell<'_>) -> Result<()> {
    let time = |name: &str| fs::metadata(dir.join(name)).and_then(|meta| meta.modified()).ok();
    let installed = time("node_modules/.package-lock.json");
    let (named, locked) = (time("package.json"), time("package-lock.json"));
    if installed.is_some() && installed >= named && installed >= locked {
        return Ok(());
    }
    tell("installing the plugin's packages");
    npm(dir, "the plugin's packages could not be installed")
}

/// Installs what the lockfile says, or makes one. Not `npm ci`: that insists on
/// the optional packages of other platforms, which a mirror may lack.
fn npm(dir: &Path, failed: &str) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(dir).args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    npm.args(["--loglevel", "error"]);
    tool::run(&mut npm, failed).map(drop)
}

/// Node.js and npm are there, and new enough.
fn node() -> Result<()> {
    let install = format!(
        "TypeScript plugins are built with Node.js {NODE_MAJOR} or newer and npm. Install them: \
         `apt-get install nodejs npm`, `brew install node`, or https://nodejs.org"
    );
    for program in ["node", "npm"] {
        let told = Command::new(program).arg("--version").output();
        let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let told =
            told.ok().with_context(|| format!("there is no {program} on the PATH. {install}"))?;
        if program == "node" && major(&told).is_none_or(|major| major < NODE_MAJOR) {
            bail!("node on the PATH is {told}. {install}");
        }
    }
    Ok(())
}

/// `v20.20.2` → 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
    }

    #[test]
    fn every_tool_is_pinned_to_the_lockfiles_version() {
        let package: serde_json::Value = serde_json::from_str(PACKAGE).unwrap_or_default();
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap_or_default();
        let named = package["dependencies"].as_object();
        assert_eq!(named.map(serde_json::Map::len), Some(4));
        for (name, version) in named.into_iter().flatten() {
            assert_eq!(&lock["packages"][format!("node_modules/{name}")]["version"], version);
        }
        assert!(!LOCK.contains("\"resolved\""), "npm's own registry, or the reader's mirror");
    }
}
