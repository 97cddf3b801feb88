;; Fills and copies 56 MiB at a time, without end: one instruction is milliseconds.
;; Used by the attacks: 7.
(func $handle (type $handle)
  (if (i32.eq (memory.grow (i32.const 900)) (i32.const -1)) (then unreachable))
  (loop $for_ever
    (memory.fill (i32.const 262144) (i32.const 7) (i32.const 29000000))
    (memory.copy (i32.const 29500000) (i32.const 262144) (i32.const 29000000))
    (br $for_ever))
  unreachable)
