//! Every refusal of the gate, with its whole text.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use super::*;

fn refused(bytes: &[u8]) -> String {
    let inspection = inspect(bytes);
    let [finding, ..] = inspection.findings.as_slice() else { panic!("nothing was found") };
    assert!(!finding.ok, "{finding:?}");
    format!("{}: {}. {}", finding.check, finding.message, finding.hint)
}

fn component(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {body})")).unwrap()
}

#[test]
fn what_is_not_a_component_is_told_what_it_is() {
    let module = wat::parse_str("(module)").unwrap();
    let engine = wasmtime::Engine::default();
    let artifact = engine.precompile_component(&component("")).unwrap();
    let texts = [
        refused(b""),
        refused(&artifact),
        refused(&module),
        refused(b"\n ;; a comment\n(component)"),
        refused(b"\x7fELF\x02\x01\x01"),
        refused(b"PK\x03\x04"),
        refused(b"\x1f\x8b\x08"),
        refused(b"\0asm\x0d\0\x02\0"),
        refused(b"hello"),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
component.empty: the upload is empty. send the component's bytes, for example with `venn publish`
component.precompiled: it is a precompiled artifact, which is native code and never accepted. upload the component that it was compiled from (`.wasm`)
component.core-module: it is a core WebAssembly module, not a component. build it with `venn build`, or make one of it with `venn component`
component.text: it is WebAssembly text, not binary. translate it with `wasm-tools parse`
component.not-wasm: it is a native program (ELF), not WebAssembly. build it for the target `wasm32-wasip2` or `wasm32-unknown-unknown`
component.not-wasm: it is a zip archive, not WebAssembly. upload the `.wasm` file itself, not packed
component.not-wasm: it is a compressed file, not WebAssembly. upload the `.wasm` file itself, not compressed
component.not-wasm: it begins like WebAssembly, but has a version that this host does not know. build it with a toolchain for WASI 0.2
component.not-wasm: it is not WebAssembly: it does not begin with `\0asm`. upload the file that `venn build` wrote
"#);
}

#[test]
fn what_is_too_large_is_refused_unread() {
    let bytes = vec![0; 32 * 1024 * 1024 + 1];
    assert_eq!(
        refused(&bytes),
        "component.too-large: the upload has 33554433 bytes, and a component may have 33554432. strip debug information (`strip = true` in the release profile) and leave out what the plugin does not use"
    );
}

#[test]
fn bombs_are_refused_by_their_shape() {
    let functions = "(func)".repeat(100_001);
    let locals = format!("(func (local {}))", "i64 ".repeat(10_001));
    let exports: String =
        (0..20_001).map(|i| format!("(export \"e{i}\" (func 0))")).collect::<Vec<_>>().concat();
    let body = format!("(func {})", "(drop (i64.const 0x7fffffffffffffff))".repeat(100_000));
    let data = format!("(memory 1) {}", "(data (i32.const 0) \"x\")".repeat(100_001));
    let nested = (0..20).fold(String::new(), |inner, _| format!("(component {inner})"));
    let texts = [
        refused(&component(&format!("(core module {functions})"))),
        refused(&component(&format!("(core module {locals})"))),
        refused(&component(&format!("(core module (func) {exports})"))),
        refused(&component(&format!("(core module {body})"))),
        refused(&component(&format!("(core module {data})"))),
        refused(&component(&nested)),
        refused(&component(&"(core module)".repeat(65))),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
component.too-complex: it has more than 100000 functions. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 10000 local variables in one function. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 20000 exports. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 1048576 bytes in one function. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 100000 data segments. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 16 levels of nested components. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
component.too-complex: it has more than 64 core modules. split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code
"#);
}

#[test]
fn imports_and_exports_are_looked_at_before_compiling() {
    let texts = [
        refused(&component("")),
        refused(&component(r#"(import "acme:tools/files@1.0.0" (instance))"#)),
        refused(&component(r#"(import "venn:plugin/overlaps@0.2.0" (instance))"#)),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
export.missing: it does not export `venn:plugin/entry@0.1.0`. build with the SDK, which exports it; a library or a command is not a plugin
import.foreign: `acme:tools/files@1.0.0` is neither of the contract venn:plugin@0.1.0 nor of WASI 0.2; remove the library that imports it or build it in. a plugin may import the contract and WASI 0.2 only; leave out what needs more
import.version: `venn:plugin/overlaps@0.2.0` is of a newer contract venn:plugin@0.2.0, and this host has 0.1.0; build with an SDK for 0.1. build with the SDK of this host's version of the contract
"#);
}

#[test]
fn a_truncated_or_changed_component_is_refused_or_still_reads() {
    let whole = component("(core module (func) (memory 1))");
    for length in 1..whole.len() {
        // Never a panic; most are malformed, some are shorter components.
        let _ = inspect(&whole[..length]);
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            let _ = inspect(&changed);
        }
    }
}

#[test]
fn every_finding_has_its_id_in_the_table() {
    let found = inspect(&component(r#"(import "acme:tools/files@1.0.0" (instance))"#));
    assert!(!found.ok());
    for finding in &found.findings {
        assert!(CHECKS.iter().any(|(id, _)| *id == finding.check), "{}", finding.check);
    }
}
