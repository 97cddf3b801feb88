//! `venn new`: a folder with a plugin that builds at once and does one small
//! thing. The files lie in `template/` as they come out, but for the words in
//! double braces.
use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use venn_domain::manifest::{Manifest, Problem};

/// The files of a new plugin.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("venn.toml", include_str!("template/venn.toml.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("README.md", include_str!("template/README.md.in")),
    (".gitignore", include_str!("template/gitignore.in")),
];

/// Names the folder of the Rust SDK, if it is not beside the source that this
/// program was built from.
pub const SDK: &str = "VENN_SDK";

/// Makes the plugin `name` in `dir`, or in a folder of its name; answers the
/// folder. Nothing is written where something is.
pub fn new(name: &str, dir: Option<&Path>) -> Result<PathBuf> {
    let dir = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if let Ok(mut entries) = dir.read_dir()
        && entries.next().is_some()
    {
        let dir = dir.display();
        bail!("{dir} is not empty. Choose another folder: `venn new {name} --dir FOLDER`");
    }
    let sdk = sdk()?;
    let files = FILES.map(|(path, text)| (path, fill(text, name, &sdk)));
    check(name, &files)?;
    for (path, text) in files {
        let path = dir.join(path);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(dir)
}

/// The manifest's own rules decide whether a name is one.
fn check(name: &str, files: &[(&str, String)]) -> Result<()> {
    let manifest = files.iter().find(|(path, _)| *path == "venn.toml");
    let manifest = manifest.map_or("", |(_, text)| text.as_str());
    let Err(problems) = Manifest::parse_toml(manifest) else { return Ok(()) };
    let told: Vec<_> = problems.iter().map(Problem::to_string).collect();
    bail!("`{name}` cannot be a plugin's name: {}", told.join("; "))
}

fn fill(text: &str, name: &str, sdk: &Path) -> String {
    let sdk = sdk.display().to_string();
    text.replace("{{name}}", name).replace("{{title}}", &title(name)).replace("{{sdk}}", &sdk)
}

/// `crm-tasks` as people write it: `Crm tasks`.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|c| if c == '-' { ' ' } else { c })).collect()
}

fn sdk() -> Result<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
    let sdk = env::var_os(SDK).map_or_else(beside, PathBuf::from);
    sdk.canonicalize().with_context(|| {
        let sdk = sdk.display();
        format!("the Rust SDK is not at {sdk}. Set {SDK} to the folder `sdk/rust` of Venn's source")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_new_plugin_has_a_manifest_that_passes() {
        let folder = tempfile::tempdir().unwrap();
        let dir = new("deal-notes", Some(&folder.path().join("here"))).unwrap();
        let manifest = fs::read_to_string(dir.join("venn.toml")).unwrap();
        let manifest = Manifest::parse_toml(&manifest).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.title.as_str()), ("deal-notes", "Deal notes"));
        for (path, _) in FILES {
            let text = fs::read_to_string(dir.join(path)).unwrap();
            assert!(!text.contains("{{"), "{path} has a word that was not filled in");
        }
    }

    #[test]
    fn a_folder_that_is_not_empty_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        let error = new("notes", Some(folder.path())).unwrap_err().to_string();
        let expected = "is not empty. Choose another folder: `venn new notes --dir FOLDER`";
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_the_manifest_refuses_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("x");
        let error = new("My Plugin!", Some(&dir)).unwrap_err().to_string();
        assert!(error.starts_with("`My Plugin!` cannot be a plugin's name: name: "), "{error}");
        assert!(!dir.exists());
    }
}
