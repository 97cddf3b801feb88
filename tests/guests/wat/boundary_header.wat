;; One header field of 40 MiB. Used by the attacks: 24.
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(func $handle (type $handle)
  (if (i32.eq (memory.grow (i32.const 700)) (i32.const -1)) (then unreachable))
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 42000000))
  (call $append (call $fields) (i32.const 131072) (i32.const 8) (i32.const 131072) (i32.const 41943040) (i32.const 512))
  (i32.const 1024))
