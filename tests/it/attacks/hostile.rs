//! Guests written by hand: the fields of a core module in `tests/guests/wat`, made
//! into a component of the contract and WASI as a toolchain does it.
//!
//! A file gives `$handle`, of the type `$handle` (the event's twelve values), and
//! leaves the address of its result: at 1024 lies an empty report.
use std::{fs, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The world that they may import: the contract, and of WASI what is attacked.
const WORLD: &str = "
package attack:hostile;
world hostile {
  include venn:plugin/plugin@0.1.0;
  include venn:guests/standard@0.1.0;
  import wasi:cli/stdout@0.2.12;
  import wasi:cli/environment@0.2.12;
  import wasi:sockets/instance-network@0.2.12;
  import wasi:sockets/ip-name-lookup@0.2.12;
  import wasi:sockets/tcp@0.2.12;
  import wasi:sockets/tcp-create-socket@0.2.12;
}";

/// Stands behind the file's own fields.
const COMMON: &str = r#"
(type $handle (func (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (result i32)))
(memory (export "memory") 4)
(export "venn:plugin/entry@0.1.0#handle" (func $handle))
(func (export "venn:plugin/entry@0.1.0#migrate") (param i32 i32) (result i32) (i32.const 1024))
"#;

/// Finds nothing; a file may have its own.
const CHECK: &str = r#"
(func (export "venn:plugin/entry@0.1.0#check") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
"#;

/// Hands out what lies behind 192 KiB, for one event; a file may have its own.
const ALLOCATOR: &str = r#"
(global $next (mut i32) (i32.const 196608))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
  (global.set $next (i32.add (local.get $at) (local.get 3)))
  (local.get $at))
"#;

/// The guest of this name.
pub fn hostile(name: &str) -> Vec<u8> {
    hostile_in(name, StringEncoding::UTF8)
}

/// The same with another encoding of its texts.
pub fn hostile_in(name: &str, encoding: StringEncoding) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fields = fs::read_to_string(root.join(format!("guests/wat/{name}.wat"))).unwrap();
    let allocator = if fields.contains("cabi_realloc") { "" } else { ALLOCATOR };
    let check = if fields.contains("#check") { "" } else { CHECK };
    let text = format!("(module {fields} {COMMON} {check} {allocator})");
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_dir(root.join("../wit")).unwrap();
    resolve.push_dir(root.join("guests/wit-wasi")).unwrap();
    let package = resolve.push_str("hostile.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], Some("hostile")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// The component with another core module in it, instantiated this often.
pub fn with_instances(mut component: Vec<u8>, module: &str, count: u8) -> Vec<u8> {
    let index = u8::try_from(modules(&component)).unwrap();
    let module = wat::parse_str(module).unwrap();
    section(&mut component, 1, &module);
    let mut instances = vec![count];
    for _ in 0..count {
        // Instantiate, this module, with no arguments.
        instances.extend([0, index, 0]);
    }
    section(&mut component, 2, &instances);
    component
}

/// Adds a section.
pub fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    let mut rest = content.len();
    while rest > 0x7f {
        component.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    component.push(u8::try_from(rest).unwrap());
    component.extend(content);
}

/// How many core modules a component has at its top.
fn modules(component: &[u8]) -> usize {
    let (mut at, mut count) = (8, 0);
    while at < component.len() {
        count += usize::from(component[at] == 1);
        at += 1;
        let (mut size, mut shift) = (0, 0);
        loop {
            let byte = usize::from(component[at]);
            at += 1;
            size |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += size;
    }
    count
}
