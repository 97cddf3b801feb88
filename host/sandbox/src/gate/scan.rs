//! The shape of a component, read without compiling or validating it.
//!
//! A file-size limit protects nothing: 95 KB can hold a function that takes a
//! compiler 900 MiB. These limits stop the plain bombs in milliseconds; what
//! passes them meets the compile child's own limits. They let the real ones
//! through: JavaScript (13 MB), Python (19 MB), Go (5 MB), C, Rust.
use wasmparser::{ComponentExternalKind, Parser, Payload};

use super::{GateFinding, failed};

/// What the gate needs to know.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// One limit of the shape.
struct Shape {
    what: &'static str,
    max: u64,
}

/// Core modules in all: Python brings about a dozen, shims included.
const MODULES: Shape = Shape { what: "core modules", max: 64 };
/// Components inside components: `wasm-tools component new` makes one a used
/// interface.
const COMPONENTS: Shape = Shape { what: "nested components", max: 200 };
/// How deep they nest: composition makes two or three levels.
const DEPTH: Shape = Shape { what: "levels of nested components", max: 16 };
/// Functions in all: JavaScript's and Python's engines have 10,000 to 30,000.
const FUNCTIONS: Shape = Shape { what: "functions", max: 100_000 };
/// One body: an interpreter's main loop has a few hundred kilobytes.
const BODY_BYTES: Shape = Shape { what: "bytes in one function", max: 1 << 20 };
/// Locals of one function, parameters not counted. Register allocation grows
/// with locals times branches: 5,000 took 916 MiB.
const LOCALS: Shape = Shape { what: "local variables in one function", max: 10_000 };
/// Data segments in all: Go makes one of all bytes between zeros, 42,000 in a small
/// program. The engine takes as many in one module.
const DATA_SEGMENTS: Shape = Shape { what: "data segments", max: 100_000 };
/// Elements segments in all.
const ELEMENT_SEGMENTS: Shape = Shape { what: "element segments", max: 10_000 };
/// Types in all sections of all modules and components.
const TYPES: Shape = Shape { what: "types", max: 100_000 };
/// Imports of one module or component: Python's imports all of WASI.
const IMPORTS: Shape = Shape { what: "imports", max: 5_000 };
/// Exports of all modules and components.
const EXPORTS: Shape = Shape { what: "exports", max: 20_000 };
/// Instances, aliases and canonical functions in all.
const LINKS: Shape = Shape { what: "instances, aliases and adapters", max: 50_000 };
/// Globals, tables and memories in all.
const GLOBALS: Shape = Shape { what: "globals, tables and memories", max: 50_000 };

#[derive(Default)]
struct Counts {
    modules: u64,
    components: u64,
    functions: u64,
    data: u64,
    elements: u64,
    types: u64,
    imports: u64,
    exports: u64,
    links: u64,
    globals: u64,
}

/// Reads the shape.
pub(super) fn scan(bytes: &[u8]) -> Result<Found, GateFinding> {
    let mut found = Found::default();
    let mut counts = Counts::default();
    // One component is open at the start; the parser closes each with an end.
    let mut depth = 0_u64;
    let mut open: Vec<bool> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| malformed(&error))?;
        match &payload {
            Payload::Version { encoding, .. } => {
                open.push(*encoding == wasmparser::Encoding::Component);
                depth = open.len() as u64;
                within(&DEPTH, depth)?;
            }
            Payload::End(_) => {
                open.pop();
                depth = open.len() as u64;
            }
            Payload::ComponentImportSection(reader) if depth == 1 => {
                add(&mut counts.imports, reader.count(), &IMPORTS)?;
                for import in reader.clone() {
                    found.imports.push(import.map_err(|e| malformed(&e))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(reader) if depth == 1 => {
                add(&mut counts.exports, reader.count(), &EXPORTS)?;
                for export in reader.clone() {
                    let export = export.map_err(|error| malformed(&error))?;
                    if export.kind == ComponentExternalKind::Instance {
                        found.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                add(&mut counts.functions, 1, &FUNCTIONS)?;
                function(body)?;
            }
            other => count(&mut counts, other)?,
        }
    }
    Ok(found)
}

fn count(counts: &mut Counts, payload: &Payload<'_>) -> Result<(), GateFinding> {
    match payload {
        Payload::ModuleSection { .. } => add(&mut counts.modules, 1, &MODULES),
        Payload::ComponentSection { .. } => add(&mut counts.components, 1, &COMPONENTS),
        // Declared but without bodies is a bomb as well.
        Payload::FunctionSection(r) if u64::from(r.count()) > FUNCTIONS.max => {
            within(&FUNCTIONS, u64::from(r.count()))
        }
        Payload::DataSection(r) => add(&mut counts.data, r.count(), &DATA_SEGMENTS),
        Payload::ElementSection(r) => add(&mut counts.elements, r.count(), &ELEMENT_SEGMENTS),
        Payload::TypeSection(r) => add(&mut counts.types, r.count(), &TYPES),
        Payload::CoreTypeSection(r) => add(&mut counts.types, r.count(), &TYPES),
        Payload::ComponentTypeSection(r) => add(&mut counts.types, r.count(), &TYPES),
        Payload::ImportSection(r) => add(&mut counts.imports, r.count(), &IMPORTS),
        Payload::ComponentImportSection(r) => add(&mut counts.imports, r.count(), &IMPORTS),
        Payload::ExportSection(r) => add(&mut counts.exports, r.count(), &EXPORTS),
        Payload::ComponentExportSection(r) => add(&mut counts.exports, r.count(), &EXPORTS),
        Payload::InstanceSection(r) => add(&mut counts.links, r.count(), &LINKS),
        Payload::ComponentInstanceSection(r) => add(&mut counts.links, r.count(), &LINKS),
        Payload::ComponentAliasSection(r) => add(&mut counts.links, r.count(), &LINKS),
        Payload::ComponentCanonicalSection(r) => add(&mut counts.links, r.count(), &LINKS),
        Payload::GlobalSection(r) => add(&mut counts.globals, r.count(), &GLOBALS),
        Payload::TableSection(r) => add(&mut counts.globals, r.count(), &GLOBALS),
        Payload::MemorySection(r) => add(&mut counts.globals, r.count(), &GLOBALS),
        _ => Ok(()),
    }
}

fn function(body: &wasmparser::FunctionBody<'_>) -> Result<(), GateFinding> {
    within(&BODY_BYTES, body.range().len() as u64)?;
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(|error| malformed(&error))? {
        let (count, _) = group.map_err(|error| malformed(&error))?;
        locals = locals.saturating_add(u64::from(count));
        within(&LOCALS, locals)?;
    }
    Ok(())
}

fn add(sum: &mut u64, count: u32, shape: &Shape) -> Result<(), GateFinding> {
    *sum = sum.saturating_add(u64::from(count));
    within(shape, *sum)
}

fn within(shape: &Shape, count: u64) -> Result<(), GateFinding> {
    if count <= shape.max {
        return Ok(());
    }
    Err(failed(
        "component.too-complex",
        format!("it has more than {} {}", shape.max, shape.what),
        "split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code",
    ))
}

fn malformed(error: &wasmparser::BinaryReaderError) -> GateFinding {
    failed(
        "component.malformed",
        format!(
            "it cannot be read at byte {}: {}",
            error.offset(),
            crate::run::log::plain(error.message(), 200)
        ),
        "build it again; if it was copied or downloaded, compare its SHA-256",
    )
}
