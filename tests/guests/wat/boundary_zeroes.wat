;; Has a terabyte of zeros written to its standard output. Used by the attacks: 28.
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
(func $handle (type $handle)
  (call $zeroes (call $stdout) (i64.const 0x10000000000) (i32.const 512))
  (i32.const 1024))
