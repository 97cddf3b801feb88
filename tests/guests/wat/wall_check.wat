;; Sleeps four seconds when it is checked. Used by the attacks: 9.
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(func (export "venn:plugin/entry@0.1.0#check") (param i32 i32 i32 i32) (result i32)
  (call $block (call $timer (i64.const 4000000000)))
  (i32.const 1024))
(func $handle (type $handle) (i32.const 1024))
