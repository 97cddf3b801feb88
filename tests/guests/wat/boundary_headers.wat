;; Appends a million header fields of 200 bytes. Used by the attacks: 24.
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(func $handle (type $handle) (local $fields i32) (local $count i32)
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 65536))
  (local.set $fields (call $fields))
  (loop $more
    (call $append (local.get $fields) (i32.const 131072) (i32.const 8) (i32.const 131072) (i32.const 200) (i32.const 512))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $count) (i32.const 1000000))))
  (i32.const 1024))
