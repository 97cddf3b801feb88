;; Does nothing and ends well: what other attacks are built around. Used by the
;; attacks: 12, 41, 47.
(func $handle (type $handle) (i32.const 1024))
