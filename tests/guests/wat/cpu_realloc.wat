;; Its allocator does not return: it computes without end while the host lowers the
;; event into it, before `handle` has begun. What a check brings is shorter than an
;; event's id, and passes. Used by the attacks: 3.
(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (i32.gt_u (local.get 3) (i32.const 20)) (then (loop $for_ever (br $for_ever))))
  (i32.const 196608))
(func $handle (type $handle) (i32.const 1024))
