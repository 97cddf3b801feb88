//! Guests written by hand: a core module in WebAssembly text, made into a
//! component with the contract's own WIT, as a toolchain does it.
//!
//! A guest gives the body of `handle`; it must leave the address of its
//! result. [`OK`] is an empty report: a region of zeros.
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Leaves the address of an empty report.
pub(crate) const OK: &str = "i32.const 1024";

/// The contract's folder.
pub(crate) fn wit() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))
}

/// A plugin whose `handle` has this body. `extra` stands in the module before
/// it: imports first, then anything.
pub(crate) fn plugin(extra: &str, handle: &str) -> Vec<u8> {
    component(wit(), &module(extra, handle))
}

/// The module's text. Memory: results from 1024, allocations from 64 KiB.
pub(crate) fn module(extra: &str, handle: &str) -> String {
    format!(
        r#"(module $guest
  {extra}
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    ;; Aligned to 8, never freed, grown as needed.
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
    (local.get $at))
  (func $handle (export "venn:plugin/entry@0.1.0#handle")
    (param $id i32) (param $id_len i32) (param $kind i32) (param $kind_len i32)
    (param $subject i32) (param $subject_len i32) (param $at i64)
    (param $payload i32) (param $payload_len i32)
    (param $again i32) (param $again_at i32) (param $again_len i32)
    (result i32)
    (local $i i32) (local $n i32) (local $d i32)
    {handle})
  (func (export "venn:plugin/entry@0.1.0#check") (param i32 i32 i32 i32) (result i32)
    i32.const 1024)
  (func (export "venn:plugin/entry@0.1.0#migrate") (param i32 i32) (result i32)
    i32.const 1024))"#
    )
}

/// Makes a component of a module, against the WIT in `folder`.
pub(crate) fn component(folder: &Path, text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// A guest that asks for as many overlaps as its payload says (its digits), adds
/// up the lengths of the partners' names, and reports the sum as `done`.
pub(crate) fn sums_overlaps() -> Vec<u8> {
    plugin(
        r#"(import "venn:plugin/overlaps@0.1.0" "find" (func $find
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
        r"
    ;; limit = the digits of the payload
    (local.set $n (i32.const 0))
    (block $read (loop $digit
      (br_if $read (i32.ge_u (local.get $i) (local.get $payload_len)))
      (local.set $d (i32.sub
        (i32.load8_u (i32.add (local.get $payload) (local.get $i))) (i32.const 48)))
      (if (i32.lt_u (local.get $d) (i32.const 10))
        (then (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $d)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $digit)))
    (if (i32.eqz (local.get $n)) (then (return (i32.const 1024))))
    (call $find
      (i32.const 0) (i32.const 0) (i32.const 0)   ;; partnership: none
      (i32.const 0) (i32.const 0)                 ;; our-populations
      (i32.const 0) (i32.const 0)                 ;; their-populations
      (i32.const 0) (i32.const 0)                 ;; fields
      (i32.const 0) (i32.const 0) (i32.const 0)   ;; cursor: none
      (local.get $n) (i32.const 512))             ;; limit, where the result goes
    (if (i32.load8_u (i32.const 512)) (then unreachable))
    ;; ok(page { items }) at 516: address, length; a row has 192 bytes
    (local.set $i (i32.const 0))
    (local.set $n (i32.load (i32.const 520)))
    (block $rows (loop $row
      (br_if $rows (i32.ge_u (local.get $i) (local.get $n)))
      (i64.store (i32.const 1056) (i64.add (i64.load (i32.const 1056))
        (i64.extend_i32_u (i32.load (i32.add (i32.load (i32.const 516))
          (i32.add (i32.mul (local.get $i) (i32.const 192)) (i32.const 140)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $row)))
    i32.const 1024",
    )
}
