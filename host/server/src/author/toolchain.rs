//! A compiler that can make wasm: found, or set up.
//!
//! In this order: the target is installed, rustup adds it, Debian's compiler
//! builds the standard library itself, a clear message. The environment
//! variable [`FORCE`] names one way and no other is tried, so that each can be
//! walked on purpose.
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::Tell;

/// `installed`, `rustup` or `debian`.
pub const FORCE: &str = "VENN_TOOLCHAIN";

/// What a plugin is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// Imports the contract and nothing else; a fifth smaller. The default.
    #[default]
    Unknown,
    /// For libraries that need clocks or randomness from `std`.
    Wasip2,
}

impl Target {
    /// The name that rustc knows.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Unknown => "wasm32-unknown-unknown",
            Self::Wasip2 => "wasm32-wasip2",
        }
    }
}

/// One way to a compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The target is there already.
    Installed,
    /// `rustup target add`.
    Rustup,
    /// Debian's rustc with the standard library's source.
    Debian,
}

impl Way {
    const ALL: [Self; 3] = [Self::Installed, Self::Rustup, Self::Debian];

    /// The name in [`FORCE`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    /// The ways to try, in order.
    fn order(forced: Option<&str>) -> Result<Vec<Self>> {
        let Some(name) = forced.filter(|name| !name.is_empty()) else {
            return Ok(Self::ALL.to_vec());
        };
        let way = Self::ALL.into_iter().find(|way| way.name() == name);
        let way = way.with_context(|| {
            format!(
                "{FORCE}={name} is not known. Set it to installed, rustup or debian, or unset it"
            )
        })?;
        Ok(vec![way])
    }
}

/// A compiler that can make wasm.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// How it was come by.
    pub way: Way,
    target: Target,
    env: Vec<(&'static str, PathBuf)>,
}

/// Where Debian's packages put the compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The compiler, and the source of its standard library.
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// Finds a compiler for the target, or sets one up. `dir` is the plugin's
/// folder: it may name a toolchain of its own.
pub fn find(dir: &Path, target: Target, tell: Tell<'_>) -> Result<Toolchain> {
    let forced = env::var(FORCE).ok();
    let mut reasons = Vec::new();
    for way in Way::order(forced.as_deref())? {
        let found = match way {
            Way::Installed => installed(dir, target),
            Way::Rustup => rustup(dir, target, tell),
            Way::Debian => debian(dir, target, tell),
        };
        match found {
            Ok(env) => return Ok(Toolchain { way, target, env }),
            Err(reason) => reasons.push(format!("  {}: {reason:#}", way.name())),
        }
    }
    let (triple, reasons) = (target.triple(), reasons.join("\n"));
    bail!(
        "there is no Rust compiler for {triple} here, and none could be set up:\n{reasons}\n\
         Type `rustup target add {triple}` (rustup is at https://rustup.rs), then try again"
    )
}

impl Toolchain {
    /// `cargo build` for the target, to be given what to build.
    pub fn cargo_build(&self, dir: &Path) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(dir).args(["build", "--release", "--target", self.target.triple()]);
        if self.way == Way::Debian {
            // Debian ships no wasm library: it is built once per target folder.
            cargo.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
        }
        cargo.envs(self.env.iter().map(|(name, value)| (name, value)));
        cargo
    }

    /// Where the compiler and its standard libraries are.
    pub fn place(&self, dir: &Path) -> Result<PathBuf> {
        let own = self.env.iter().find(|(name, _)| *name == "RUSTC");
        let program = own.map_or_else(rustc_program, |(_, program)| program.into());
        ask(&program, dir, &["--print", "sysroot"]).map(PathBuf::from)
    }
}

type Env = Vec<(&'static str, PathBuf)>;

fn installed(dir: &Path, target: Target) -> Result<Env> {
    let folder = rustc(dir, &["--print", "target-libdir", "--target", target.triple()])?;
    if has_library(Path::new(&folder)) {
        return Ok(Vec::new());
    }
    bail!("{folder} has no standard library")
}

fn has_library(folder: &Path) -> bool {
    let is_std = |name: &str| {
        name.starts_with("libstd-") && Path::new(name).extension().is_some_and(|end| end == "rlib")
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(is_std))
}

fn rustup(dir: &Path, target: Target, tell: Tell<'_>) -> Result<Env> {
    tell(&format!("adding the Rust target {}", target.triple()));
    let mut rustup = Command::new("rustup");
    run(rustup.current_dir(dir).args(["target", "add", target.triple()]))?;
    installed(dir, target)
}

fn debian(dir: &Path, target: Target, tell: Tell<'_>) -> Result<Env> {
    if target != Target::Unknown {
        bail!("Debian's compiler makes {} only", Target::Unknown.triple());
    }
    if !debian_is_there() {
        tell("installing Debian's Rust compiler (rustc-web, rust-web-src)");
        let install = || {
            let mut apt = Command::new("apt-get");
            apt.args(["install", "-y", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
            apt.env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        if run(&mut install()).is_err() {
            // The list of packages may be missing or old.
            run(Command::new("apt-get").arg("update"))?;
            let names = DEBIAN_PACKAGES.join(" ");
            run(&mut install()).with_context(|| {
                format!("type `sudo apt-get install -y --no-install-recommends {names}`")
            })?;
        }
    }
    if !debian_is_there() {
        bail!("the packages are there, but not {DEBIAN_RUSTC} with the standard library's source");
    }
    Ok(vec![
        ("RUSTC", PathBuf::from(DEBIAN_RUSTC)),
        ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker(dir)?),
    ])
}

fn debian_is_there() -> bool {
    let output = Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]).output();
    output.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists()
    })
}

/// The linker that ships with the Rust that compiles the host; else LLVM's.
fn linker(dir: &Path) -> Result<PathBuf> {
    let sysroot = PathBuf::from(rustc(dir, &["--print", "sysroot"])?);
    let version = rustc(dir, &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let ours = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    if ours.exists() {
        return Ok(ours);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).map(|folder| folder.join("wasm-ld")).find(|file| file.exists());
    found.context("there is no linker for wasm: type `sudo apt-get install -y lld`")
}

/// What rustc prints, as cargo in that folder would call it.
fn rustc(dir: &Path, arguments: &[&str]) -> Result<String> {
    ask(&rustc_program(), dir, arguments)
}

fn rustc_program() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn ask(program: &OsStr, dir: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).current_dir(dir).args(arguments).output();
    let output = output.context("there is no rustc on the PATH")?;
    if !output.status.success() {
        bail!("rustc says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command quietly; its last words are the error.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{name} is not here"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    bail!("{name} says: {}", said.lines().last().unwrap_or("nothing"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_way_is_tried_in_order_and_one_can_be_forced() {
        assert_eq!(Way::order(None).unwrap(), [Way::Installed, Way::Rustup, Way::Debian]);
        assert_eq!(Way::order(Some("")).unwrap().len(), 3);
        assert_eq!(Way::order(Some("debian")).unwrap(), [Way::Debian]);
        assert_eq!(
            Way::order(Some("gentoo")).unwrap_err().to_string(),
            "VENN_TOOLCHAIN=gentoo is not known. Set it to installed, rustup or debian, or unset it"
        );
    }

    #[test]
    fn the_place_of_a_compiler_is_a_folder_with_its_libraries() {
        let toolchain = Toolchain { way: Way::Installed, target: Target::Unknown, env: Vec::new() };
        let place = toolchain.place(Path::new(".")).unwrap();
        assert!(place.join("lib/rustlib").is_dir(), "{}", place.display());
    }

    #[test]
    fn debian_makes_one_target_only() {
        let error = debian(Path::new("."), Target::Wasip2, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "Debian's compiler makes wasm32-unknown-unknown only");
    }

    #[test]
    fn a_folder_without_a_standard_library_is_not_an_installed_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_library(folder.path()));
        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(has_library(folder.path()));
    }
}
