;; Ends well, with an answer as large as allowed: a million brackets that open.
;; Used by the attacks: 32.
(func $handle (type $handle)
  (if (i32.eq (memory.grow (i32.const 20)) (i32.const -1)) (then unreachable))
  (memory.fill (i32.const 131072) (i32.const 91) (i32.const 1048576))
  (i32.store8 (i32.const 1072) (i32.const 1))
  (i32.store (i32.const 1084) (i32.const 131072))
  (i32.store (i32.const 1088) (i32.const 1048576))
  (i32.const 1024))
