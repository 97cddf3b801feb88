//! A core module, whatever compiled it, to a component of the contract.
//!
//! A toolchain that knows components leaves the world in a section of the module
//! (Rust, C); where there is none (Go) it is the contract's. What a module asks of
//! WASI 0.1, the interface of nearly every libc, is met by the adapter that
//! belongs to the engine: the component imports WASI 0.2 in its place.
use anyhow::{Context as _, Result, anyhow, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI_0_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::{Resolve, SourceMap};

use super::sdk;

/// The first eight bytes of a core module: magic number and version.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The first eight bytes of a component: magic number, version and layer.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// The section with the world begins with it; C's has a name of its own behind.
const WORLD_SECTION: &str = "component-type";
/// The contract's only world.
const WORLD: &str = "plugin";
/// The interface that makes a component a plugin, before its version.
const ENTRY: &str = "venn:plugin/entry";

/// Makes a component of a core module; a component stays as it is.
pub fn of(bytes: &[u8]) -> Result<Vec<u8>> {
    let component = if bytes.starts_with(COMPONENT) {
        bytes.to_vec()
    } else if bytes.starts_with(MODULE) {
        encode(bytes).context("its imports or exports are not those of the contract")?
    } else {
        bail!("it is no WebAssembly: the first bytes are of something else");
    };
    if !is_plugin(&component)? {
        bail!(
            "it does not export `{ENTRY}`. In Rust, put `venn_sdk::plugin!(YourType);` into src/lib.rs; \
             elsewhere, export the functions of the world `{WORLD}`"
        );
    }
    Ok(component)
}

fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let (mut has_world, mut wants_wasi) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CustomSection(section) => {
                has_world |= section.name().starts_with(WORLD_SECTION);
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    wants_wasi |= import?.module == WASI_0_1;
                }
            }
            _ => {}
        }
    }
    let mut module = module.to_vec();
    if !has_world {
        embed_contract(&mut module)?;
    }
    let mut encoder = ComponentEncoder::default().validate(true).module(&module)?;
    if wants_wasi {
        encoder = encoder.adapter(WASI_0_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
    }
    encoder.encode()
}

/// Says in the module which world it is of: the contract's.
fn embed_contract(module: &mut Vec<u8>) -> Result<()> {
    let mut files = SourceMap::new();
    for (path, text) in sdk::contract() {
        files.push_str(path, text);
    }
    let parsed = files.parse().map_err(|(_, error)| anyhow!("the contract: {error}"))?;
    let mut resolve = Resolve::new();
    let package = resolve.push_group(parsed).map_err(|error| anyhow!("the contract: {error:?}"))?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
}

fn is_plugin(component: &[u8]) -> Result<bool> {
    let decoded = wit_component::decode(component).context("its types cannot be read")?;
    let DecodedWasm::Component(resolve, world) = decoded else { return Ok(false) };
    let exports = resolve.worlds.get(world).into_iter().flat_map(|world| world.exports.keys());
    let mut names = exports.map(|key| resolve.name_world_key(key));
    Ok(names.any(|name| name.split('@').next() == Some(ENTRY)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A module as a compiler without components makes it: names of the contract,
    /// WASI 0.1, no section with a world.
    const BARE: &str = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "venn:plugin/log@0.1.0" "write" (func (param i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (call $exit (i32.const 1)) (i32.const 0))
        (func (export "venn:plugin/entry@0.1.0#handle")
            (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export "venn:plugin/entry@0.1.0#check")
            (param i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export "venn:plugin/entry@0.1.0#migrate") (param i32 i32) (result i32) (i32.const 0))
    )"#;

    fn imports(component: &[u8]) -> Vec<String> {
        let DecodedWasm::Component(resolve, world) = wit_component::decode(component).unwrap()
        else {
            panic!("no component")
        };
        let keys = resolve.worlds[world].imports.keys();
        keys.map(|key| resolve.name_world_key(key)).collect()
    }

    #[test]
    fn what_is_no_wasm_is_refused_with_the_reason() {
        let error = of(b"#!/bin/sh").unwrap_err().to_string();
        assert_eq!(error, "it is no WebAssembly: the first bytes are of something else");
    }

    #[test]
    fn what_is_no_plugin_is_refused_with_what_to_write() {
        let error = of(COMPONENT).unwrap_err().to_string();
        let expected = "it does not export `venn:plugin/entry`. In Rust, put \
                        `venn_sdk::plugin!(YourType);` into src/lib.rs; elsewhere, export the \
                        functions of the world `plugin`";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_module_without_the_contracts_exports_is_told_which_is_missing() {
        let error = format!("{:#}", of(MODULE).unwrap_err());
        assert!(
            error.starts_with("its imports or exports are not those of the contract: ")
                && error.contains("venn:plugin/entry@0.1.0"),
            "{error}"
        );
    }

    #[test]
    fn a_bare_module_gets_the_contract_and_wasi_and_a_component_stays() {
        let component = of(&wat::parse_str(BARE).unwrap()).unwrap();
        let imports = imports(&component);
        assert!(imports.iter().any(|name| name == "venn:plugin/log@0.1.0"), "{imports:?}");
        assert!(imports.iter().any(|name| name.starts_with("wasi:cli/exit@0.2.")), "{imports:?}");
        assert_eq!(of(&component).unwrap(), component);
    }
}
