;; Asks for 2^60 random bytes. Used by the attacks: 27.
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(func $handle (type $handle)
  (call $random (i64.const 0x1000000000000000) (i32.const 512))
  (i32.const 1024))
