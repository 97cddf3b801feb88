//! The guest languages besides Rust: whether each is here, building what the
//! tests run in it, and the unit tests of its SDK and example plugin.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::cargo::{self, Programs};

/// A guest language that needs something beyond Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuestLanguage {
    Typescript,
    Python,
}

impl GuestLanguage {
    pub(crate) const ALL: [Self; 2] = [Self::Typescript, Self::Python];

    /// The name that `venn`, the tests and `VENN_REQUIRE` know.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Typescript => "typescript",
            Self::Python => "python",
        }
    }

    /// The example plugin in it.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::Typescript => "crm-tasks-ts",
            Self::Python => "crm-tasks-py",
        }
    }

    /// Sets its tools up; answers where they are. None if they cannot be had and
    /// nobody requires them; a line says so.
    pub(crate) fn tools(self, programs: &Programs) -> anyhow::Result<Option<PathBuf>> {
        let name = self.name();
        let output = Command::new(&programs.venn).args(["toolchain", name]).output()?;
        if output.status.success() {
            let place = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            return Ok(Some(place.into()));
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        anyhow::ensure!(!cargo::requires(name), "VENN_REQUIRE names {name}, but: {said}");
        let why = said.lines().find(|line| line.starts_with("error")).unwrap_or(&said);
        println!("not tested: plugins in {name} ({why}). VENN_REQUIRE={name} makes that a failure");
        Ok(None)
    }

    /// Builds the example plugin and the test guest. Where nothing has changed,
    /// `venn build` makes nothing again.
    pub(crate) fn build(self, programs: &Programs) -> anyhow::Result<()> {
        cargo::build_example(programs, self.example())?;
        let guest = cargo::root().join("tests/guests").join(self.name());
        let mut build = Command::new(&programs.venn);
        cargo::run(build.args(["build", "--out"]).arg(cargo::guests()).arg(guest))
    }

    /// The unit tests, which need no engine.
    pub(crate) fn unit_tests(self, tools: &Path) -> anyhow::Result<()> {
        let example = cargo::root().join("example-plugins").join(self.example());
        let sdk = cargo::root().join("sdk");
        let (program, runner, folders) = match self {
            Self::Typescript => {
                let folders = [sdk.join("js/test"), example.join("src")];
                (PathBuf::from("node"), sdk.join("js/test/run.mjs"), folders)
            }
            Self::Python => {
                let folders = [sdk.join("python"), example];
                (tools.join("bin/python"), sdk.join("python/tests/run.py"), folders)
            }
        };
        for folder in folders {
            let mut tests = Command::new(&program);
            tests
                .arg(&runner)
                .arg(&folder)
                .env("VENN_TOOLS", tools)
                .env("PYTHONDONTWRITEBYTECODE", "1");
            cargo::run(&mut tests)
                .with_context(|| format!("unit tests in {}", folder.display()))?;
        }
        Ok(())
    }
}
