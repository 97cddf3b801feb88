//! `venn new`, `venn sdk`, `venn build`, `venn component`, `venn check`: the
//! publisher's own machine, without a server. The work is in [`crate::author`];
//! this is how it is asked for and shown.
use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde_json::json;
use venn_domain::manifest::Manifest;

use super::{
    exit::Exit,
    output::{Paint, failure::Failure, put, value::clean},
    session::Session,
};
use crate::author::{
    build::{self, Options},
    check::{self, Finding, Level},
    component,
    language::Language,
    new, python, sdk,
    toolchain::{self, Target},
    typescript,
};

mod gate;

/// Makes a folder with a plugin that builds at once
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The plugin's name, for example deal-notes
    name: String,
    /// The folder; else one of the plugin's name
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
}

/// Replaces a plugin's SDK by the one that this program carries
#[derive(Debug, Args)]
pub(crate) struct SdkArgs {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Sets up what a language is built with, and says where it is
#[derive(Debug, Args)]
pub(crate) struct ToolchainArgs {
    /// The language
    #[arg(value_enum)]
    language: Language,
}

/// Builds a plugin's component and manifest
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Build every example of the package as a component instead
    #[arg(long)]
    examples: bool,
    /// Where the files go; else target/venn
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Cargo features of the plugin
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// What to compile for
    #[arg(long, value_enum, default_value = "unknown")]
    target: TargetName,
    /// A version other than the one in venn.toml
    #[arg(long, value_name = "VERSION")]
    set_version: Option<semver::Version>,
}

/// Makes a component of a core module that another toolchain compiled
#[derive(Debug, Args)]
pub(crate) struct ComponentArgs {
    /// The core module
    module: PathBuf,
    /// Where the component goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

/// What to compile for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetName {
    /// Imports the contract and nothing else
    Unknown,
    /// For libraries that need clocks or randomness from std
    Wasip2,
}

/// Looks at a plugin as the gate does, before anything is sent
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plugin's folder, a manifest (.toml, .json) or a component (.wasm)
    #[arg(default_value = ".")]
    path: PathBuf,
    /// A manifest (.toml or .json) instead of the folder's
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    manifest: Option<PathBuf>,
    /// A component instead of the one that was built
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    component: Option<PathBuf>,
}

/// `venn new`
pub(crate) fn new(session: &Session, args: &NewArgs) -> Result<(), Failure> {
    let dir = new::new(&args.name, args.language, args.dir.as_deref());
    let dir = dir.map_err(|error| refused(&error))?;
    if session.out.json {
        return session.out.print(&json!({ "dir": dir }).to_string());
    }
    let dir = dir.display();
    session.out.print(&format!("{dir} is ready:\n  cd {dir}\n  venn build\n  venn check\n"))
}

/// `venn sdk`
pub(crate) fn sdk(session: &Session, args: &SdkArgs) -> Result<(), Failure> {
    let place = sdk::replace(&args.dir).map_err(|error| refused(&error))?;
    if session.out.json {
        return session.out.print(&json!({ "dir": place }).to_string());
    }
    let version = env!("CARGO_PKG_VERSION");
    session.out.print(&format!("{} is the SDK of venn {version} now\n", place.display()))
}

/// `venn toolchain`: what `venn build` does first by itself.
pub(crate) fn toolchain(session: &Session, args: &ToolchainArgs) -> Result<(), Failure> {
    let mut tell = |line: &str| session.out.note(&clean(line));
    let place = match args.language {
        // Rust's is rustup's or Debian's to keep.
        Language::Rust => toolchain::find(Path::new("."), Target::default(), &mut tell)
            .and_then(|found| found.place(Path::new("."))),
        Language::Typescript => typescript::toolchain(&mut tell),
        Language::Python => python::toolchain(&mut tell),
    };
    let place = place.map_err(|error| refused(&error))?;
    if session.out.json {
        return session.out.print(&json!({ "dir": place }).to_string());
    }
    session.out.print(&format!("{}\n", place.display()))
}

/// `venn build`
pub(crate) fn build(session: &Session, args: &BuildArgs) -> Result<(), Failure> {
    let mut tell = |line: &str| session.out.note(&clean(line));
    if args.examples {
        let out = args.out.clone().unwrap_or_else(|| args.dir.join("target/venn"));
        let built =
            build::build_examples(&args.dir, &out, &mut tell).map_err(|error| refused(&error))?;
        if session.out.json {
            let items: Vec<_> =
                built.iter().map(|(name, path)| json!({ "name": name, "path": path })).collect();
            return session.out.print(&json!({ "items": items, "next": null }).to_string());
        }
        let lines = built.iter().map(|(name, path)| format!("{name}  {}\n", path.display()));
        return session.out.print(&lines.collect::<String>());
    }
    let options = Options {
        target: if args.target == TargetName::Wasip2 { Target::Wasip2 } else { Target::Unknown },
        features: args.features.clone(),
        set_version: args.set_version.clone(),
    };
    let mut built =
        build::build(&args.dir, &options, &mut tell).map_err(|error| refused(&error))?;
    if let Some(out) = &args.out {
        built.component_path = copy_into(&built.component_path, out)?;
        built.manifest_path = copy_into(&built.manifest_path, out)?;
    }
    if session.out.json {
        return session.out.print(&json!(built).to_string());
    }
    session.out.print(&format!(
        "{} {}: {} bytes, SHA-256 {}\n  component  {}\n  manifest   {}\nNext: `venn check`, then `venn publish`.\n",
        built.manifest.name,
        built.manifest.version,
        built.bytes,
        built.digest,
        built.component_path.display(),
        built.manifest_path.display(),
    ))
}

fn copy_into(file: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let name = file.file_name().ok_or_else(|| Failure::unexpected("A built file has no name."))?;
    let to = folder.join(name);
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(file, &to));
    copied.map(|_| to.clone()).map_err(|error| Failure::file(&to, "written", &error))
}

/// `venn component`
pub(crate) fn component(session: &Session, args: &ComponentArgs) -> Result<(), Failure> {
    let bytes = fs::read(&args.module).map_err(|e| Failure::file(&args.module, "read", &e))?;
    let component = component::of(&bytes).map_err(|error| {
        let next = "The contract and how a module says that it is one of it: wit/README.md.";
        Failure::new(Exit::Refused, format!("{error:#}"), next)
            .at(args.module.display().to_string())
    })?;
    build::write(&args.out, &component).map_err(|error| refused(&error))?;
    let (bytes, digest) = (component.len(), venn_sandbox::digest(&component));
    if session.out.json {
        let said = json!({ "component_path": args.out, "bytes": bytes, "digest": digest });
        return session.out.print(&said.to_string());
    }
    let out = args.out.display();
    session.out.print(&format!(
        "{out}: {bytes} bytes, SHA-256 {digest}\n\
         Next: `venn check {out}`, then `venn publish --manifest venn.toml --component {out}`.\n"
    ))
}

/// `venn check`
pub(crate) fn check(session: &Session, args: &CheckArgs) -> Result<(), Failure> {
    let (manifest, component) = (args.manifest.as_deref(), args.component.as_deref());
    let place = manifest.or(component).unwrap_or(&args.path);
    let findings = if manifest.is_some() || component.is_some() {
        let mut findings = manifest.map_or_else(|| Ok(Vec::new()), check_manifest)?;
        findings.extend(component.map_or_else(|| Ok(Vec::new()), check_component)?);
        findings
    } else if args.path.is_file() {
        check_file(&args.path)?
    } else {
        check::check(&args.path, Some(&gate::Gate)).map_err(|error| refused(&error))?
    };
    if session.out.json {
        session
            .out
            .print(&json!({ "ok": check::passes(&findings), "findings": findings }).to_string())?;
    } else {
        session.out.print(&render(&findings, session.out.paint))?;
    }
    if check::passes(&findings) {
        return Ok(());
    }
    let next = "Correct what is marked with `error`, then check again.";
    Err(Failure::new(Exit::Differs, "The plugin would be refused.", next)
        .at(place.display().to_string()))
}

/// By what the file is called: a manifest, else a component.
fn check_file(path: &Path) -> Result<Vec<Finding>, Failure> {
    match path.extension().and_then(|ext| ext.to_str()) {
        Some("toml" | "json") => check_manifest(path),
        _ => check_component(path),
    }
}

fn check_manifest(path: &Path) -> Result<Vec<Finding>, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, "read", &error))?;
    let manifest = if path.extension().is_some_and(|ext| ext == "toml") {
        Manifest::parse_toml(&String::from_utf8_lossy(&bytes))
    } else {
        Manifest::parse_json(&bytes)
    };
    let finding = |level, place: String, message: String, next_step: String| Finding {
        id: "manifest.valid".to_owned(),
        level,
        place,
        message,
        next_step,
    };
    Ok(match manifest {
        Ok(manifest) => {
            let said = format!("{} {} is a valid manifest", manifest.name, manifest.version);
            vec![finding(Level::Ok, String::new(), said, String::new())]
        }
        Err(problems) => problems
            .into_iter()
            .map(|p| finding(Level::Error, p.place, p.reason, p.next_step))
            .collect(),
    })
}

fn check_component(path: &Path) -> Result<Vec<Finding>, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, "read", &error))?;
    match component::of(&bytes) {
        Ok(component) => gate::inspect(&component).map_err(Failure::from),
        Err(error) => Ok(vec![Finding {
            id: "component.shape".to_owned(),
            level: Level::Error,
            place: String::new(),
            message: format!("{error:#}"),
            next_step: "Build it with `venn build`".to_owned(),
        }]),
    }
}

fn render(findings: &[Finding], paint: Paint) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = match finding.level {
            Level::Ok => paint.green("ok     "),
            Level::Warning => paint.yellow("warning"),
            Level::Error => paint.red("error  "),
        };
        let place =
            if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
        put!(out, "{level}  {}  {place}{}", finding.id, clean(&finding.message));
        if !finding.next_step.is_empty() {
            put!(out, " → {}", finding.next_step);
        }
        out.push('\n');
    }
    out
}

/// The toolchain's messages say what to type; they are not ours to explain.
fn refused(error: &anyhow::Error) -> Failure {
    Failure::new(Exit::Refused, format!("{error:#}"), "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("x.wasm");
        fs::write(&wasm, "no wasm").unwrap();
        assert_eq!(
            render(&check_file(&wasm).unwrap(), Paint(false)),
            "error    component.shape  it is no WebAssembly: the first bytes are of something else → Build it with `venn build`\n"
        );
        let manifest = folder.path().join("m.json");
        fs::write(&manifest, "[]").unwrap();
        assert!(!check::passes(&check_file(&manifest).unwrap()));
        // What is said to be a manifest is looked at as one, whatever it is called.
        let findings = check_manifest(&wasm).unwrap();
        assert!(!check::passes(&findings));
        assert!(findings.iter().all(|finding| finding.id == "manifest.valid"));
    }
}
