//! After compilation: do the component's imports and exports have the types of
//! the contract that this host serves? A guest built against a newer minor
//! runs here unless it imports something that is missing or differs; then the
//! refusal names the interface and the function.
use wasmtime::component::{Component, types::ComponentItem};

use super::{GateFinding, failed};
use crate::{bindings::guest, error::text, sandbox::Inner};

const CHECK: &str = "contract.types";

/// Compares with the linker and the embedded world.
pub(crate) fn refusal(inner: &Inner, component: &Component) -> Option<GateFinding> {
    if let Some(required) = component.resources_required()
        && required.num_memories > crate::settings::MEMORIES_PER_RUN
    {
        let max = crate::settings::MEMORIES_PER_RUN;
        return Some(failed(
            "component.too-complex",
            format!("it needs {} memories, and a run has {max}", required.num_memories),
            "compose fewer modules into the component",
        ));
    }
    if let Err(error) = inner.linker.instantiate_pre(component) {
        return Some(failed(
            CHECK,
            import_text(&error),
            "build with an SDK that is not newer than this host, or without what is missing",
        ));
    }
    export_refusal(inner, component)
}

/// The engine's chain: interface, then function, then reason.
fn import_text(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let interface = chain.first().and_then(|text| quoted(text));
    let function = chain.get(1).filter(|_| chain.len() > 2).and_then(|text| quoted(text));
    match (interface, function, chain.last()) {
        (Some(interface), Some(function), Some(reason)) if reason.contains("is missing") => {
            format!("it imports `{function}` of `{interface}`, which this host does not have")
        }
        (Some(interface), Some(function), Some(reason)) => format!(
            "it imports `{function}` of `{interface}` with another type than this host's: {reason}"
        ),
        (Some(interface), None, Some(reason)) => {
            format!("it imports `{interface}`, which this host does not have: {reason}")
        }
        _ => text(error),
    }
}

fn export_refusal(inner: &Inner, component: &Component) -> Option<GateFinding> {
    let hint = "export exactly the functions of the contract's `entry`; the SDK does";
    let ty = component.component_type();
    let mut exports = ty.exports(&inner.engine);
    let Some((name, entry)) = exports.find(|(name, _)| super::is_entry(name)) else {
        let message = format!("it does not export `{}`", super::entry_name());
        return Some(failed("export.missing", message, hint));
    };
    let ComponentItem::ComponentInstance(entry) = entry.ty else {
        return Some(failed(CHECK, format!("its export `{name}` is not an interface"), hint));
    };
    let cx = ty.instance_type();
    for function in ["handle", "check", "migrate"] {
        let Some(export) = entry.get_export(&inner.engine, function) else {
            let message = format!("its export `{name}` has no function `{function}`");
            return Some(failed(CHECK, message, hint));
        };
        let ComponentItem::ComponentFunc(func) = export.ty else {
            let message = format!("`{function}` of its export `{name}` is not a function");
            return Some(failed(CHECK, message, hint));
        };
        let checked = match function {
            "handle" => {
                func.typecheck::<(&guest::Event,), (Result<guest::Report, guest::Fault>,)>(&cx)
            }
            "check" => func
                .typecheck::<(&guest::Draft,), (Result<Vec<guest::Finding>, guest::Fault>,)>(&cx),
            _ => func.typecheck::<(&str,), (Result<(), guest::Fault>,)>(&cx),
        };
        if let Err(error) = checked {
            let message = format!(
                "`{function}` of its export `{name}` has another type than the contract's: {}",
                text(&error)
            );
            return Some(failed(CHECK, message, hint));
        }
    }
    None
}
