;; Asks for the time as fast as it can, without end. Used by the attacks: 5.
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
(func $handle (type $handle)
  (loop $for_ever (drop (call $now)) (br $for_ever)) unreachable)
