;; Ends well, with an answer of 40 MiB. Used by the attacks: 32.
(func $handle (type $handle)
  (if (i32.eq (memory.grow (i32.const 700)) (i32.const -1)) (then unreachable))
  (i32.store8 (i32.const 1072) (i32.const 1))
  (i32.store (i32.const 1084) (i32.const 131072))
  (i32.store (i32.const 1088) (i32.const 41943040))
  (i32.const 1024))
