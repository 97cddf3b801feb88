;; Says that its log line has a gigabyte; its memory has 256 KiB. Used by the
;; attacks: 21.
(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))
(func $handle (type $handle)
  (call $write (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0x40000000))
  (i32.const 1024))
