//! The guest languages, and which one a plugin's folder is written in: its
//! files say so.
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{build::MANIFEST_FILE, cargo, sdk};

/// A language that `venn new` and `venn build` know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Small and fast; compiled by cargo
    Rust,
    /// npm packages; a JavaScript engine comes with the component
    Typescript,
    /// Pure Python packages; an interpreter comes with the component
    Python,
}

impl Language {
    const ALL: [Self; 3] = [Self::Rust, Self::Typescript, Self::Python];

    /// The file that marks a folder as written in it.
    pub const fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Typescript => "package.json",
            Self::Python => "requirements.txt",
        }
    }

    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Typescript => "typescript",
            Self::Python => "python",
        }
    }

    /// The language of the plugin in `dir`.
    pub fn of(dir: &Path) -> Result<Self> {
        let here: Vec<_> =
            Self::ALL.into_iter().filter(|language| dir.join(language.marker()).exists()).collect();
        let markers = |languages: &[Self]| {
            let each = |l: &Self| format!("{} ({})", l.marker(), l.name());
            languages.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        match here[..] {
            [language] => Ok(language),
            [] => bail!(
                "{} has none of {}, so its language is not known. Make a plugin that builds with `venn new NAME --language LANGUAGE`",
                dir.display(),
                markers(&Self::ALL)
            ),
            _ => bail!(
                "{} has {}: its language is not clear. Keep one of them there, and move the other into a folder of its own",
                dir.display(),
                markers(&here)
            ),
        }
    }

    /// Where what is made of the plugin in `dir` goes.
    pub(super) fn target_folder(self, dir: &Path) -> Result<PathBuf> {
        match self {
            Self::Rust => cargo::target_folder(dir),
            Self::Typescript | Self::Python => Ok(dir.join("target")),
        }
    }

    /// The files and folders that the component is made of.
    pub(super) fn sources(self) -> Vec<&'static str> {
        let common = ["src", sdk::FOLDER, MANIFEST_FILE, self.marker()];
        let more: &[_] = match self {
            Self::Rust | Self::Python => &[],
            Self::Typescript => &["package-lock.json", "tsconfig.json"],
        };
        common.iter().chain(more).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_files_say_which_language_and_what_is_unclear_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let of = || Language::of(folder.path()).map_err(|error| error.to_string());
        let dir = folder.path().display();
        assert_eq!(
            of().unwrap_err(),
            format!(
                "{dir} has none of Cargo.toml (rust), package.json (typescript), requirements.txt (python), so its language is not known. Make a plugin that builds with `venn new NAME --language LANGUAGE`"
            )
        );
        std::fs::write(folder.path().join("package.json"), "{}").unwrap();
        assert_eq!(of().unwrap(), Language::Typescript);
        std::fs::write(folder.path().join("requirements.txt"), "").unwrap();
        assert_eq!(
            of().unwrap_err(),
            format!(
                "{dir} has package.json (typescript), requirements.txt (python): its language is not clear. Keep one of them there, and move the other into a folder of its own"
            )
        );
    }
}
