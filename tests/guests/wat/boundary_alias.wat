;; Asks for a million fields whose names are the same 64 KiB: sixty gigabytes of
;; text in eight megabytes. Used by the attacks: 22.
(import "venn:plugin/overlaps@0.1.0" "lookup" (func $lookup (param i32 i32 i32 i32 i32)))
(func $handle (type $handle) (local $at i32)
  (if (i32.eq (memory.grow (i32.const 140)) (i32.const -1)) (then unreachable))
  (local.set $at (i32.const 262144))
  (loop $entry
    (i32.store (local.get $at) (i32.const 131072))
    (i32.store offset=4 (local.get $at) (i32.const 65536))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $entry (i32.lt_u (local.get $at) (i32.const 8262144))))
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 65536))
  (call $lookup (i32.const 131072) (i32.const 8) (i32.const 262144) (i32.const 1000000) (i32.const 512))
  (i32.const 1024))
