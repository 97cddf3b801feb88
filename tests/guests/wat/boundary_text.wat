;; Writes a log line of 64 bytes that are no text, at an odd address: no UTF-8, no
;; UTF-16, whichever it was built for. Used by the attacks: 31.
(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))
(func $handle (type $handle)
  (memory.fill (i32.const 131072) (i32.const 0xd8) (i32.const 128))
  (call $write (i32.const 131072) (i32.const 0) (i32.const 131073) (i32.const 32))
  (i32.const 1024))
