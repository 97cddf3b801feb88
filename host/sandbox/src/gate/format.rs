//! What sort of file an upload is. Each wrong sort has its own text, because
//! each has another way out.
use wasmtime::Engine;

use super::{GateFinding, failed};

const MAGIC: &[u8] = b"\0asm";
/// Version 1, layer 0.
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];
/// Version 13, layer 1.
const COMPONENT: &[u8] = &[13, 0, 1, 0];

/// Why it is not a component, if it is not.
pub(super) fn refusal(bytes: &[u8]) -> Option<GateFinding> {
    if bytes.is_empty() {
        return Some(failed(
            "component.empty",
            "the upload is empty",
            "send the component's bytes, for example with `venn publish`",
        ));
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Some(failed(
            "component.precompiled",
            "it is a precompiled artifact, which is native code and never accepted",
            "upload the component that it was compiled from (`.wasm`)",
        ));
    }
    if let Some(rest) = bytes.strip_prefix(MAGIC) {
        if rest.starts_with(COMPONENT) {
            return None;
        }
        if rest.starts_with(CORE_MODULE) {
            return Some(failed(
                "component.core-module",
                "it is a core WebAssembly module, not a component",
                "build it with `venn build`, or make one of it with `venn component`",
            ));
        }
        return Some(failed(
            "component.not-wasm",
            "it begins like WebAssembly, but has a version that this host does not know",
            "build it with a toolchain for WASI 0.2",
        ));
    }
    let (check, message, hint) = match bytes {
        [0x7f, b'E', b'L', b'F', ..] => (
            "component.not-wasm",
            "it is a native program (ELF), not WebAssembly",
            "build it for the target `wasm32-wasip2` or `wasm32-unknown-unknown`",
        ),
        [b'P', b'K', 3, 4, ..] => (
            "component.not-wasm",
            "it is a zip archive, not WebAssembly",
            "upload the `.wasm` file itself, not packed",
        ),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => (
            "component.not-wasm",
            "it is a compressed file, not WebAssembly",
            "upload the `.wasm` file itself, not compressed",
        ),
        _ if is_text(bytes) => (
            "component.text",
            "it is WebAssembly text, not binary",
            "translate it with `wasm-tools parse`",
        ),
        _ => (
            "component.not-wasm",
            "it is not WebAssembly: it does not begin with `\\0asm`",
            "upload the file that `venn build` wrote",
        ),
    };
    Some(failed(check, message, hint))
}

/// WebAssembly text starts with a parenthesis, after space and comments.
fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes.trim_ascii_start();
    while rest.starts_with(b";;") {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
    }
    [&b"(component"[..], b"(module", b"(;"].iter().any(|start| rest.starts_with(start))
}
