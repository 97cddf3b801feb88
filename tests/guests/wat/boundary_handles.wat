;; Makes one resource after another and drops none. Used by the attacks: 25.
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(func $handle (type $handle)
  (loop $for_ever (drop (call $fields)) (br $for_ever)) unreachable)
