;; Grows its table to 2^32 elements, then beyond the published limit, then modestly:
;; -1, -1 and the old size, or it traps. Used by the attacks: 14.
(table $t 1 funcref)
(func $handle (type $handle)
  (if (i32.ne (table.grow $t (ref.null func) (i32.const -1)) (i32.const -1)) (then unreachable))
  (if (i32.ne (table.grow $t (ref.null func) (i32.const 20000)) (i32.const -1)) (then unreachable))
  (if (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const 1)) (then unreachable))
  (i32.const 1024))
