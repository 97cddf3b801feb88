;; Asks for the address of a name, and connects to this machine: both are refused,
;; or it traps. Used by the attacks: 75.
(import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $socket (param i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect"
  (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 256) "localhost")
(func $handle (type $handle) (local $network i32)
  (local.set $network (call $network))
  (call $resolve (local.get $network) (i32.const 256) (i32.const 9) (i32.const 512))
  (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable))
  (call $socket (i32.const 0) (i32.const 528))
  (if (i32.eqz (i32.load8_u (i32.const 528))) (then
    (call $connect (i32.load (i32.const 532)) (local.get $network) (i32.const 0) (i32.const 443)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 544))
    (if (i32.eqz (i32.load8_u (i32.const 544))) (then unreachable))))
  (i32.const 1024))
