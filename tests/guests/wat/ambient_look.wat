;; Looks for variables, arguments and directories; `done` is how many it found.
;; Used by the attacks: 43.
(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
(import "wasi:cli/environment@0.2.12" "get-arguments" (func $arguments (param i32)))
(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
(func $handle (type $handle)
  (call $environment (i32.const 512))
  (call $arguments (i32.const 528))
  (call $directories (i32.const 544))
  (i64.store (i32.const 1056) (i64.extend_i32_u (i32.add (i32.load (i32.const 516))
    (i32.add (i32.load (i32.const 532)) (i32.load (i32.const 548))))))
  (i32.const 1024))
