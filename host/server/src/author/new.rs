//! `venn new`: a folder with a plugin that builds at once and does one small
//! thing. The files lie in `template/` as they come out, but for the words in
//! double braces.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use venn_domain::manifest::{Manifest, Problem};

use super::{language::Language, sdk};

/// A file of a new plugin: its place, and its text with words to fill in.
type Template = (&'static str, &'static str);

/// The manifest where the SDK makes a fault of what is thrown.
const WITH_UNEXPECTED: &str =
    concat!(include_str!("template/venn.toml.in"), include_str!("template/unexpected.toml.in"));

/// The files of a new plugin in that language.
const fn files(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => &[
            ("venn.toml", include_str!("template/venn.toml.in")),
            ("Cargo.toml", include_str!("template/rust/Cargo.toml.in")),
            ("src/lib.rs", include_str!("template/rust/lib.rs.in")),
            ("README.md", include_str!("template/rust/README.md.in")),
            (".gitignore", include_str!("template/rust/gitignore.in")),
        ],
        Language::Typescript => &[
            ("venn.toml", WITH_UNEXPECTED),
            ("package.json", include_str!("template/typescript/package.json.in")),
            ("tsconfig.json", include_str!("template/typescript/tsconfig.json.in")),
            ("src/app.ts", include_str!("template/typescript/app.ts.in")),
            ("README.md", include_str!("template/typescript/README.md.in")),
            (".gitignore", include_str!("template/typescript/gitignore.in")),
        ],
        Language::Python => &[
            ("venn.toml", WITH_UNEXPECTED),
            ("requirements.txt", include_str!("template/python/requirements.txt.in")),
            ("src/app.py", include_str!("template/python/app.py.in")),
            ("README.md", include_str!("template/python/README.md.in")),
            (".gitignore", include_str!("template/python/gitignore.in")),
        ],
    }
}

/// Makes the plugin `name` in `dir`, or in a folder of its name; answers the
/// folder. Nothing is written where something is.
pub fn new(name: &str, language: Language, dir: Option<&Path>) -> Result<PathBuf> {
    let dir = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if let Ok(mut entries) = dir.read_dir()
        && entries.next().is_some()
    {
        let dir = dir.display();
        bail!("{dir} is not empty. Choose another folder: `venn new {name} --dir FOLDER`");
    }
    let filled = files(language).iter().map(|(path, text)| (*path, fill(text, name)));
    let files: Vec<_> = filled.collect();
    check(name, &files)?;
    for (path, text) in files {
        let path = dir.join(path);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    sdk::write(&dir, language)?;
    Ok(dir)
}

/// The manifest's own rules decide whether a name is one.
fn check(name: &str, files: &[(&str, String)]) -> Result<()> {
    let manifest = files.iter().find(|(path, _)| *path == "venn.toml");
    let manifest = manifest.map_or("", |(_, text)| text.as_str());
    let Err(mut problems) = Manifest::parse_toml(manifest) else { return Ok(()) };
    // Elsewhere the name stands too: what is wrong there is the name.
    if problems.iter().any(|problem| problem.place == "name") {
        problems.retain(|problem| problem.place == "name");
    }
    let told: Vec<_> = problems.iter().map(Problem::to_string).collect();
    bail!("`{name}` cannot be a plugin's name: {}", told.join("; "))
}

fn fill(text: &str, name: &str) -> String {
    text.replace("{{name}}", name)
        .replace("{{title}}", &title(name))
        .replace("{{sdk}}", sdk::FOLDER)
}

/// `crm-tasks` as people write it: `Crm tasks`.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|c| if c == '-' { ' ' } else { c })).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_new_plugin_has_a_manifest_that_passes_in_each_language() {
        for language in [Language::Rust, Language::Typescript, Language::Python] {
            let folder = tempfile::tempdir().unwrap();
            let dir = new("deal-notes", language, Some(&folder.path().join("here"))).unwrap();
            let manifest = fs::read_to_string(dir.join("venn.toml")).unwrap();
            let manifest = Manifest::parse_toml(&manifest).unwrap();
            let names = (manifest.name.as_str(), manifest.title.as_str());
            assert_eq!(names, ("deal-notes", "Deal notes"));
            assert_eq!(Language::of(&dir).unwrap(), language);
            for (path, _) in files(language) {
                let text = fs::read_to_string(dir.join(path)).unwrap();
                assert!(!text.contains("{{"), "{path} has a word that was not filled in");
                let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
                assert!(!text.contains(here.to_str().unwrap()), "{path} names this machine");
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_empty_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        let error = new("notes", Language::Python, Some(folder.path())).unwrap_err().to_string();
        let expected = "is not empty. Choose another folder: `venn new notes --dir FOLDER`";
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_the_manifest_refuses_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("x");
        let error = new("My Plugin!", Language::Rust, Some(&dir)).unwrap_err().to_string();
        assert!(error.starts_with("`My Plugin!` cannot be a plugin's name: name: "), "{error}");
        assert!(!error.contains(';') && !error.contains("support"), "{error}");
        assert!(!dir.exists());
    }
}
