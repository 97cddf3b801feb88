//! Rules of the house that a reader would otherwise have to check by hand.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !["target", "node_modules", ".git"].iter().any(|skip| name == **skip) {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests that a text names, each as `CRATE path::of::the_test`: crate and path.
pub fn named_tests(text: &str) -> Vec<(String, String)> {
    let named = text.split('`').skip(1).step_by(2);
    named
        .map(|text| text.split_once(' ').unwrap_or_else(|| panic!("{text}: a crate and a test")))
        .map(|(package, path)| (package.to_owned(), path.to_owned()))
        .collect()
}

/// Whether there is such a test: `it`, or the one of a crate in `host/`.
pub fn is_a_test(package: &str, path: &str) -> bool {
    let folder = match package.strip_prefix("venn-") {
        Some(name) => root().join("host").join(name),
        None => root().join("tests/it"),
    };
    let mut files = Vec::new();
    rust_files(&folder, &mut files);
    let function = format!("fn {}(", path.rsplit("::").next().unwrap());
    files.iter().any(|path| fs::read_to_string(path).unwrap().contains(&function))
}

#[test]
fn every_promise_names_its_tests() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, promises) = text.split_once("## Promises").unwrap();
    let (promises, _) = promises.split_once("\n## ").unwrap();
    let rows = promises.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<_> = rows.filter_map(|row| row.split_once(" | ")).skip(1).collect();
    assert!(rows.len() >= 10, "{rows:?}");
    for (promise, by) in rows {
        let tests = named_tests(by);
        assert!(!tests.is_empty(), "{promise}: by which test?");
        for (package, path) in tests {
            assert!(is_a_test(&package, &path), "{promise}: no test {path} in {package}");
        }
    }
}

#[test]
fn every_module_begins_with_what_it_is() {
    let mut files = Vec::new();
    for folder in ["host", "sdk", "example-plugins", "tests", "xtask"] {
        rust_files(&root().join(folder), &mut files);
    }
    let bare: Vec<_> = files
        .iter()
        .filter(|path| !path.ends_with("build.rs") && !path.to_string_lossy().contains("template"))
        .filter(|path| {
            !fs::read_to_string(path)
                .unwrap()
                .trim_start()
                .lines()
                .take(12)
                .any(|line| line.starts_with("//!"))
        })
        .collect();
    assert!(bare.is_empty(), "modules without a head: {bare:#?}");
}

#[test]
fn dependencies_point_inward_and_siblings_do_not_know_each_other() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed = |name: &str| -> Option<&[&str]> {
        match name {
            "venn-domain" | "venn-mapping" => Some(&[]),
            "venn-sandbox" | "venn-store" => Some(&["venn-domain"]),
            "venn-server" => Some(&["venn-domain", "venn-mapping", "venn-sandbox", "venn-store"]),
            _ => None,
        }
    };
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(allowed) = allowed(name) else { continue };
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let normal = dependency["kind"].is_null();
            if normal && other.starts_with("venn-") {
                assert!(allowed.contains(&other), "{name} must not depend on {other}");
            }
        }
    }
}

#[test]
fn only_one_crate_links_the_engine_and_only_one_speaks_sql() {
    for (crate_name, owner) in [("wasmtime", "host/sandbox"), ("sqlx", "host/store")] {
        for folder in ["host/domain", "host/mapping", "host/sandbox", "host/store", "host/server"] {
            let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
            let uses = manifest.lines().any(|line| line.starts_with(&format!("{crate_name}.")));
            assert_eq!(uses, folder == owner, "{folder} and {crate_name}");
        }
    }
}

#[test]
fn every_api_error_code_and_every_limit_is_documented() {
    let errors = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    for code in venn_server::error::Code::ALL {
        let line = format!(
            "| `{}` | {} | {} | {} |",
            code.name(),
            code.status().as_u16(),
            code.owner(),
            code.title()
        );
        assert!(errors.contains(&line), "docs/errors.md lacks: {line}");
    }
    let limits = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    for limit in venn_domain::limits::TABLE {
        let line =
            format!("| `{}` | {} | {} | {} |", limit.name, limit.value, limit.unit, limit.why);
        assert!(limits.contains(&line), "docs/limits.md lacks: {line}");
    }
}

#[test]
fn every_figure_is_documented() {
    let text = fs::read_to_string(root().join("docs/watching.md")).unwrap();
    for figure in venn_server::telemetry::metrics::TABLE {
        let labels: Vec<_> = figure.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let line = format!(
            "| `{}` | {} | {labels} | {} |",
            figure.prometheus_name(),
            figure.prometheus_type(),
            figure.help
        );
        assert!(text.contains(&line), "docs/watching.md lacks: {line}");
    }
    let figures = text.lines().filter(|line| line.starts_with("| `") && line.ends_with(". |"));
    assert_eq!(figures.count(), venn_server::telemetry::metrics::TABLE.len());
}

#[test]
fn every_test_guest_is_used_by_a_test() {
    let mut used = BTreeSet::new();
    let mut files = Vec::new();
    rust_files(&root().join("tests/it"), &mut files);
    let sources: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let bench = fs::read_to_string(root().join("xtask/src/bench.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/guests/examples")).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        if sources.contains(&format!("\"{name}\"")) || bench.contains(&format!("{name}.wasm")) {
            used.insert(name);
        } else {
            panic!("the guest {name} has no test");
        }
    }
    assert!(!used.is_empty());
    for entry in fs::read_dir(root().join("tests/guests/wat")).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(sources.contains(&format!("(\"{name}\"")), "the guest {name} has no test");
    }
}

#[test]
fn the_contract_in_the_sdks_is_the_contract() {
    for copy in ["sdk/rust/wit", "sdk/js/wit", "sdk/python/venn_sdk/wit"] {
        let names = |folder: &str| {
            let entries = fs::read_dir(root().join(folder)).unwrap().flatten();
            let files = entries.map(|entry| entry.path()).filter(|path| path.is_file());
            files.map(|path| path.file_name().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        let mut ours = names("wit");
        ours.remove(std::ffi::OsStr::new("README.md"));
        assert_eq!(names(copy), ours, "{copy}");
        for name in ours {
            let read = |folder: &str| fs::read_to_string(root().join(folder).join(&name)).unwrap();
            assert!(read(copy) == read("wit"), "copy wit/{} to {copy}", name.display());
        }
    }
}

#[test]
fn the_example_plugin_asks_for_the_same_in_each_language() {
    let manifest = |folder: &str| {
        let path = root().join("example-plugins").join(folder).join("venn.toml");
        let mut manifest =
            venn_domain::manifest::Manifest::parse_toml(&fs::read_to_string(path).unwrap())
                .unwrap();
        // Rust has no such thing: a panic is a trap.
        manifest.faults.retain(|fault| fault.code != "unexpected");
        let json = String::from_utf8(manifest.to_json()).unwrap();
        json.replace(folder, "crm-tasks")
    };
    for folder in ["crm-tasks-ts", "crm-tasks-py"] {
        assert_eq!(manifest(folder), manifest("crm-tasks"));
    }
}

#[test]
fn the_project_speaks_only_of_itself() {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let words = [concat!("/wo", "rk/"), concat!("../sha", "red")];
    for name in listed.lines() {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for word in words {
            assert!(!text.contains(word), "{name} speaks of {word}");
        }
    }
}
