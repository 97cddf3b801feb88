;; Waits on a timer of five centuries. Used by the attacks: 6.
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(func $handle (type $handle)
  (call $block (call $timer (i64.const -1)))
  (i32.const 1024))
