//! Guests built against another version of the contract than this host's.
use std::fs;

use crate::{
    guest::{OK, component, module, plugin, wit},
    host::sandbox,
};

/// The contract with a change, in a folder of its own.
fn changed(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(wit()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let mut text = fs::read_to_string(&path).unwrap();
            if path.ends_with(file) {
                assert!(text.contains(from));
                text = text.replace(from, to);
            }
            fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
        }
    }
    folder
}

async fn refusal(component: &[u8]) -> (&'static str, String) {
    let gated = sandbox().gate(component).await.unwrap();
    let finding = &gated.inspection.findings[0];
    assert!(!finding.ok, "{:?}", gated.inspection.findings);
    (finding.check, finding.message.clone())
}

#[tokio::test]
async fn a_newer_function_that_is_missing_here_is_named() {
    let newer = changed(
        "effects.wit",
        "    remove: func(partnership",
        "    forget: func();\n    remove: func(partnership",
    );
    let import = r#"(import "venn:plugin/state@0.1.0" "forget" (func $forget))"#;
    let guest = component(newer.path(), &module(import, "(call $forget) i32.const 1024"));
    assert_eq!(
        refusal(&guest).await,
        (
            "contract.types",
            "it imports `forget` of `venn:plugin/state@0.1.0`, which this host does not have"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_newer_function_that_is_not_used_does_no_harm() {
    let newer = changed(
        "effects.wit",
        "    remove: func(partnership",
        "    forget: func();\n    remove: func(partnership",
    );
    let guest = component(newer.path(), &module("", OK));
    let gated = sandbox().gate(&guest).await.unwrap();
    assert!(gated.inspection.ok(), "{:?}", gated.inspection.findings);
}

#[tokio::test]
async fn a_function_of_another_type_is_named_with_the_difference() {
    let other = changed("host.wit", "get: func() -> string;", "get: func() -> u64;");
    let import = r#"(import "venn:plugin/config@0.1.0" "get" (func $get (result i64)))"#;
    let guest = component(other.path(), &module(import, "(drop (call $get)) i32.const 1024"));
    let (check, message) = refusal(&guest).await;
    assert_eq!(check, "contract.types");
    assert!(
        message.starts_with(
            "it imports `get` of `venn:plugin/config@0.1.0` with another type than this host's: "
        ),
        "{message}"
    );
}

#[tokio::test]
async fn an_export_of_another_type_is_named() {
    let other = changed("plugin.wit", "    retry-after: option<u32>,\n", "");
    let guest = component(other.path(), &module("", OK));
    let (check, message) = refusal(&guest).await;
    assert_eq!(check, "contract.types");
    assert!(
        message.starts_with("`handle` of its export `venn:plugin/entry@0.1.0` has another type than the contract's: "),
        "{message}"
    );
}

#[tokio::test]
async fn every_import_is_listed_with_its_class() {
    let guest = plugin(
        r#"(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))"#,
        OK,
    );
    let gated = sandbox().gate(&guest).await.unwrap();
    let imports = gated.inspection.imports.iter().map(|i| (&*i.name, i.class)).collect::<Vec<_>>();
    assert!(imports.contains(&("venn:plugin/log@0.1.0", "contract")), "{imports:?}");
}
