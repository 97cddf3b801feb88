;; Makes one timer after another and drops none. Used by the attacks: 25.
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(func $handle (type $handle)
  (loop $for_ever (drop (call $timer (i64.const 1000000000))) (br $for_ever)) unreachable)
