//! `venn build`: a plugin's folder to a component and its manifest, side by
//! side in `target/venn`, ready to publish.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use venn_domain::{
    count::counted,
    manifest::{Manifest, Problem},
};

use super::{
    Tell, cargo, component,
    language::Language,
    python,
    toolchain::{self, Target},
    typescript,
};

/// What a person may choose.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What to compile for.
    pub target: Target,
    /// Cargo features of the plugin.
    pub features: Vec<String>,
    /// A version other than the one in `venn.toml`.
    pub set_version: Option<semver::Version>,
}

/// What was built.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// The component.
    pub component_path: PathBuf,
    /// The manifest as it is sent.
    pub manifest_path: PathBuf,
    /// What it says.
    #[serde(skip)]
    pub manifest: Manifest,
    /// SHA-256 of the component, 64 hexadecimal digits.
    pub digest: String,
    /// Size of the component.
    pub bytes: u64,
}

/// The hand-written manifest.
pub const MANIFEST_FILE: &str = "venn.toml";

/// Builds the plugin in `dir`.
pub fn build(dir: &Path, options: &Options, tell: Tell<'_>) -> Result<Built> {
    let mut manifest = read_manifest(dir)?;
    if let Some(version) = &options.set_version {
        manifest.version = version.clone();
    }
    let dir = &dir.canonicalize()?;
    let language = Language::of(dir)?;
    if language != Language::Rust && !options.features.is_empty() {
        bail!("--features are cargo's: a plugin in {} has none", language.name());
    }
    tell(&format!("compiling {} {}", manifest.name, manifest.version));
    let (component_path, manifest_path) = places(dir, &manifest.name)?;
    let work = component_path.with_extension("work");
    let made = match language {
        Language::Rust => rust(dir, options, tell)?,
        Language::Typescript => typescript::build(dir, &work, tell)?,
        Language::Python => python::build(dir, &work, tell)?,
    };
    let component = component::of(&made).context("cannot make a component")?;
    write(&component_path, &component)?;
    write(&manifest_path, &manifest.to_json())?;
    let (digest, bytes) = (venn_sandbox::digest(&component), component.len() as u64);
    Ok(Built { component_path, manifest_path, manifest, digest, bytes })
}

/// The wasm file that cargo makes of the package in `dir`.
fn rust(dir: &Path, options: &Options, tell: Tell<'_>) -> Result<Vec<u8>> {
    let toolchain = toolchain::find(dir, options.target, tell)?;
    let mut arguments = vec!["--lib".to_owned()];
    if !options.features.is_empty() {
        arguments.extend(["--features".to_owned(), options.features.join(",")]);
    }
    let made = cargo::build(&toolchain, dir, &arguments)?;
    let made = made.first().context(
        "the package makes no wasm file. In Cargo.toml, under [lib], set crate-type = [\"cdylib\"]",
    )?;
    fs::read(&made.path).with_context(|| format!("cannot read {}", made.path.display()))
}

/// What [`build`] left in `dir` the last time, if it is there.
pub fn built(dir: &Path) -> Result<Option<Built>> {
    let (component_path, manifest_path) = places(dir, &read_manifest(dir)?.name)?;
    if !component_path.exists() || !manifest_path.exists() {
        return Ok(None);
    }
    let component = fs::read(&component_path)?;
    let manifest = Manifest::parse_json(&fs::read(&manifest_path)?);
    let manifest = manifest.map_err(|problems| told(&manifest_path, &problems))?;
    let (digest, bytes) = (venn_sandbox::digest(&component), component.len() as u64);
    Ok(Some(Built { component_path, manifest_path, manifest, digest, bytes }))
}

/// Builds every example of the package in `dir` as a component, into `out`;
/// answers names and files. For the test guests: one file is one component.
pub fn build_examples(dir: &Path, out: &Path, tell: Tell<'_>) -> Result<Vec<(String, PathBuf)>> {
    let toolchain = toolchain::find(dir, Target::Unknown, tell)?;
    tell("compiling the test guests");
    let mut examples = Vec::new();
    for made in cargo::build(&toolchain, dir, &["--examples".to_owned()])? {
        let path = out.join(format!("{}.wasm", made.name));
        write(&path, &component_of(&made.path)?)?;
        examples.push((made.name, path));
    }
    examples.sort();
    Ok(examples)
}

/// Reads and checks `venn.toml`.
pub fn read_manifest(dir: &Path) -> Result<Manifest> {
    let path = dir.join(MANIFEST_FILE);
    let text = fs::read_to_string(&path).with_context(|| {
        let dir = dir.display();
        format!("there is no {MANIFEST_FILE} in {dir}. Go to a plugin's folder, or make one with `venn new NAME`")
    })?;
    Manifest::parse_toml(&text).map_err(|problems| told(&path, &problems))
}

/// All problems of a manifest as one message.
fn told(path: &Path, problems: &[Problem]) -> anyhow::Error {
    let mut text = format!(
        "{} has {} to correct:",
        path.display(),
        counted(problems.len() as u64, "problem", "problems")
    );
    for problem in problems {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {problem}");
    }
    anyhow::Error::msg(text)
}

fn places(dir: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let folder = Language::of(dir)?.target_folder(dir)?.join("venn");
    Ok((folder.join(format!("{name}.wasm")), folder.join(format!("{name}.manifest.json"))))
}

fn component_of(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    component::of(&bytes).with_context(|| format!("cannot make a component of {}", path.display()))
}

/// Writes beside, then renames: who looks meanwhile sees the old or the new.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    let beside = path.with_extension("part");
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&beside, bytes))
        .and_then(|()| fs::rename(&beside, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_problem_of_a_manifest_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = "name = \"X y\"\nversion = \"0.1.0\"\ntitle = \"\"\nsummary = \"s\"\n\
                    category = \"crm\"\n[support]\ncontact = \"a@b.example\"\n";
        fs::write(folder.path().join(MANIFEST_FILE), text).unwrap();
        let error = read_manifest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("\n  name: ") && error.contains("\n  title: "), "{error}");
    }

    #[test]
    fn a_folder_without_a_manifest_says_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_manifest(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("or make one with `venn new NAME`"), "{error}");
    }
}
