;; Calls the host from its allocator, which the host has just called for an event:
;; again and again, if it were let. Used by the attacks: 17.
(import "venn:plugin/config@0.1.0" "get" (func $get (param i32)))
(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (i32.gt_u (local.get 3) (i32.const 20)) (then (call $get (i32.const 512))))
  (i32.const 196608))
(func $handle (type $handle) (i32.const 1024))
