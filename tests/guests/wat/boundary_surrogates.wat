;; The same at an even address: for UTF-16, 32 halves of characters. Used by the
;; attacks: 31.
(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))
(func $handle (type $handle)
  (memory.fill (i32.const 131072) (i32.const 0xd8) (i32.const 128))
  (call $write (i32.const 131072) (i32.const 0) (i32.const 131072) (i32.const 32))
  (i32.const 1024))
