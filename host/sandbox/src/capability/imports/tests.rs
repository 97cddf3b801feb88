//! The table against the linker, by asking it for everything that anybody
//! could import.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use wasmtime::{
    Engine,
    component::{Component, Linker},
};
use wit_parser::{Resolve, TypeDefKind};

use super::*;
use crate::{capability, engine, run::state::RunState};

/// Interface and item.
type Name = (String, String);

/// What the linker could define: the contract's WIT, and all that the engine's
/// crates bring along, in every version that they speak.
fn known() -> BTreeSet<Name> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        // What other platforms need need not be here.
        .args(["--filter-platform", &platform()])
        .current_dir(&here)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut folders = vec![here.join("../../wit")];
    for package in metadata["packages"].as_array().unwrap() {
        if package["name"].as_str().unwrap().starts_with("wasmtime-wasi") {
            let root = PathBuf::from(package["manifest_path"].as_str().unwrap());
            let root = root.parent().unwrap();
            let places = ["wit", "src/p2/wit", "src/p3/wit"].map(|place| root.join(place));
            folders.extend(places.into_iter().filter(|folder| folder.is_dir()));
        }
    }
    assert!(folders.len() >= 5, "{folders:?}");
    folders.iter().flat_map(|folder| items_of(folder)).collect()
}

/// The machine's, as the compiler calls it.
fn platform() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn items_of(folder: &std::path::Path) -> Vec<Name> {
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    resolve.push_dir(folder).unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
    let mut items = Vec::new();
    for (id, interface) in &resolve.interfaces {
        let Some(name) = resolve.id_of(id) else { continue };
        for function in interface.functions.values() {
            items.push((name.clone(), function.name.clone()));
        }
        for (kind, id) in &interface.types {
            if matches!(resolve.types[*id].kind, TypeDefKind::Resource) {
                items.push((name.clone(), kind.clone()));
            }
        }
    }
    items
}

#[test]
fn every_import_that_is_linked_is_in_the_table_and_the_other_way_round() {
    let engine = engine::engine(engine::Role::Test).unwrap();
    let mut defined = Linker::new(&engine);
    capability::link(&mut defined).unwrap();
    let audited: BTreeSet<Name> = IMPORTS
        .iter()
        .flat_map(|import| {
            import.items.iter().map(|item| (import.interface.to_owned(), (*item).to_owned()))
        })
        .collect();
    let linked: BTreeSet<Name> =
        known().union(&audited).filter(|name| exists(&engine, &defined, name)).cloned().collect();
    let unknown: Vec<_> = linked.difference(&audited).collect();
    let missing: Vec<_> = audited.difference(&linked).collect();
    assert!(unknown.is_empty(), "linked, and not in the table: {unknown:#?}");
    assert!(missing.is_empty(), "in the table, and not linked: {missing:#?}");
    // The question tells what is there from what is not.
    let made_up = ("wasi:cli/environment@0.2.12".to_owned(), "get-password".to_owned());
    assert!(!exists(&engine, &defined, &made_up));
}

/// Whether the linker has it: it is asked for with some type, and only what is
/// not there at all is missing.
fn exists(engine: &Engine, linker: &Linker<RunState>, (interface, item): &Name) -> bool {
    let Some((kind, rest)) = item.strip_prefix('[').and_then(|item| item.split_once(']')) else {
        let kinds = ["(func)", "(type (sub resource))"];
        return kinds.iter().any(|kind| {
            is_found(engine, linker, interface, &format!(r#"(export "{item}" {kind})"#))
        });
    };
    // A method can be asked for only beside its resource.
    let resource = rest.split('.').next().unwrap();
    let function = match kind {
        "constructor" => "(func (result (own $r)))",
        "static" => "(func)",
        _ => r#"(func (param "self" (borrow $r)))"#,
    };
    let exports =
        format!(r#"(export "{resource}" (type $r (sub resource))) (export "{item}" {function})"#);
    is_found(engine, linker, interface, &exports)
}

fn is_found(engine: &Engine, linker: &Linker<RunState>, interface: &str, exports: &str) -> bool {
    let text = format!(r#"(component (import "{interface}" (instance {exports})))"#);
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let component =
        Component::new(engine, bytes).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    match linker.instantiate_pre(&component) {
        Ok(_) => true,
        Err(error) => !format!("{error:?}").contains("implementation is missing"),
    }
}

#[test]
fn every_row_has_its_reason_and_stands_once() {
    let mut seen = BTreeSet::new();
    for import in IMPORTS {
        assert!(seen.insert(import.interface), "{} stands twice", import.interface);
        assert!(import.why.ends_with('.') && !import.items.is_empty(), "{}", import.interface);
        if let Verdict::Capability(name) = import.verdict {
            let known = venn_domain::capability::Capability::ALL.iter().map(|one| one.name());
            assert!(known.into_iter().any(|known| known == name), "{name}");
        }
    }
}

#[test]
fn the_page_is_the_table() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/imports.md");
    assert_eq!(fs::read_to_string(page).unwrap(), document(), "docs/imports.md");
}
