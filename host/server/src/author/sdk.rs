//! The SDKs, as this program carries them: each plugin has its own in the folder
//! `venn-sdk`, so that who has the plugin and `venn` can build it anywhere.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use include_dir::{Dir, File, include_dir};

use super::language::Language;

/// Where in a plugin's folder its SDK lies.
pub const FOLDER: &str = "venn-sdk";

/// Files of an SDK: their folder in it, and what lies there.
type Part = (&'static str, Dir<'static>);

static RUST: [Part; 2] = [
    ("src", include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/src")),
    ("wit", include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/wit")),
];
static TYPESCRIPT: [Part; 2] = [
    ("src", include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/src")),
    ("wit", include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/wit")),
];
static PYTHON: [Part; 1] =
    [("venn_sdk", include_dir!("$CARGO_MANIFEST_DIR/../../sdk/python/venn_sdk"))];

/// Every file of the SDK for that language.
fn files(language: Language) -> Vec<(PathBuf, &'static [u8])> {
    let (parts, beside): (&'static [Part], [(&str, &'static str); 2]) = match language {
        Language::Rust => (
            &RUST,
            [
                // Its own says most of it by the workspace that it lies in.
                ("Cargo.toml", include_str!("template/rust/sdk.toml.in")),
                ("README.md", include_str!("../../../../sdk/rust/README.md")),
            ],
        ),
        Language::Typescript => (
            &TYPESCRIPT,
            [
                ("package.json", include_str!("../../../../sdk/js/package.json")),
                ("README.md", include_str!("../../../../sdk/js/README.md")),
            ],
        ),
        Language::Python => (
            &PYTHON,
            [
                ("pyproject.toml", include_str!("../../../../sdk/python/pyproject.toml")),
                ("README.md", include_str!("../../../../sdk/python/README.md")),
            ],
        ),
    };
    let mut files: Vec<_> =
        beside.into_iter().map(|(path, text)| (path.into(), text.as_bytes())).collect();
    for (folder, dir) in parts {
        below(dir, &mut |file| files.push((Path::new(folder).join(file.path()), file.contents())));
    }
    files
}

/// The contract's files: names and texts.
pub(super) fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    let wit = RUST.iter().filter(|(folder, _)| *folder == "wit");
    let files = wit.flat_map(|(_, dir)| dir.files());
    files.filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
}

fn below(dir: &'static Dir<'static>, found: &mut dyn FnMut(&'static File<'static>)) {
    // Python writes there what it compiled.
    if dir.path().ends_with("__pycache__") {
        return;
    }
    dir.files().for_each(&mut *found);
    dir.dirs().for_each(|dir| below(dir, found));
}

/// Puts the SDK into the plugin in `dir`, in place of the one that is there.
pub(super) fn write(dir: &Path, language: Language) -> Result<PathBuf> {
    let place = dir.join(FOLDER);
    if place.exists() {
        fs::remove_dir_all(&place)
            .with_context(|| format!("cannot replace {}", place.display()))?;
    }
    for (path, bytes) in files(language) {
        let path = place.join(path);
        let folder = path.parent().unwrap_or(&place);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(place)
}

/// `venn sdk`: this program's SDK in place of the one that the plugin has; answers
/// where it is. A folder without one is left alone: its SDK lies elsewhere.
pub fn replace(dir: &Path) -> Result<PathBuf> {
    let language = Language::of(dir)?;
    if !dir.join(FOLDER).is_dir() {
        bail!(
            "there is no folder {FOLDER} in {}: this plugin has its SDK from elsewhere, as {} says",
            dir.display(),
            language.marker()
        );
    }
    write(dir, language)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    /// Paths of all files below a folder, sorted.
    fn listed(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in folder.read_dir().unwrap().flatten() {
            let path = entry.path();
            if !path.is_dir() {
                found.push(path);
            } else if !path.ends_with("__pycache__") {
                found.extend(listed(&path));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_program_carries_the_sdks_as_they_are() {
        let sdks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        for (language, folder, parts) in [
            (Language::Rust, "rust", vec!["README.md", "src", "wit"]),
            (Language::Typescript, "js", vec!["README.md", "package.json", "src", "wit"]),
            (Language::Python, "python", vec!["README.md", "pyproject.toml", "venn_sdk"]),
        ] {
            let plugin = tempfile::tempdir().unwrap();
            let written = write(plugin.path(), language).unwrap();
            for part in parts {
                let (ours, theirs) = (sdks.join(folder).join(part), written.join(part));
                let (ours, theirs) = if ours.is_dir() {
                    (listed(&ours), listed(&theirs))
                } else {
                    (vec![ours], vec![theirs])
                };
                let names = |paths: &[PathBuf], root: &Path| {
                    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_owned();
                    paths.iter().map(name).collect::<Vec<_>>()
                };
                assert_eq!(
                    names(&theirs, &written),
                    names(&ours, &sdks.join(folder)),
                    "a file came or went: touch host/server/src/author/sdk.rs"
                );
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    assert!(fs::read(ours).unwrap() == fs::read(theirs).unwrap(), "{ours:?}");
                }
            }
        }
    }

    #[test]
    fn the_carried_sdk_for_rust_is_the_same_package_with_the_workspaces_versions() {
        let read = |path: &str| -> toml::Table {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
            toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let (own, workspace) = (read("sdk/rust/Cargo.toml"), read("Cargo.toml"));
        let carried: toml::Table =
            toml::from_str(include_str!("template/rust/sdk.toml.in")).unwrap();
        for section in ["package", "dependencies"] {
            let said = own[section].as_table().unwrap().iter().map(|(name, value)| {
                let inherited = value.get("workspace").is_some();
                let value = if inherited { &workspace["workspace"][section][name] } else { value };
                (name.clone(), value.clone())
            });
            assert_eq!(carried[section].as_table().unwrap(), &said.collect::<toml::Table>());
        }
    }

    #[test]
    fn an_old_sdk_is_replaced_and_none_is_not_added() {
        let plugin = tempfile::tempdir().unwrap();
        fs::write(plugin.path().join("requirements.txt"), "-e ../sdk\n").unwrap();
        assert_eq!(
            replace(plugin.path()).unwrap_err().to_string(),
            format!(
                "there is no folder venn-sdk in {}: this plugin has its SDK from elsewhere, as requirements.txt says",
                plugin.path().display()
            )
        );
        let place = write(plugin.path(), Language::Python).unwrap();
        let (old, changed) = (place.join("venn_sdk/old.py"), place.join("venn_sdk/http.py"));
        fs::write(&old, "").unwrap();
        fs::write(&changed, "").unwrap();
        replace(plugin.path()).unwrap();
        assert!(!old.exists() && fs::metadata(&changed).unwrap().len() > 0);
    }
}
