;; Takes 56 MiB, writes to each page, and sleeps two seconds: as many such runs as
;; there is room for hold what they have. Used by the attacks: 9, 20.
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(func $handle (type $handle)
  (if (i32.eq (memory.grow (i32.const 900)) (i32.const -1)) (then unreachable))
  (memory.fill (i32.const 262144) (i32.const 7) (i32.const 58000000))
  (call $block (call $timer (i64.const 2000000000)))
  (i32.const 1024))
