;; Traps in a function whose name is a page with a script, a line of a log, and text
;; that runs from right to left. Used by the attacks: 47.
(func $"<script>alert(1)</script>\0aERROR forged\1b[31m\e2\80\aefdp.exe" unreachable)
(func $handle (type $handle)
  (call $"<script>alert(1)</script>\0aERROR forged\1b[31m\e2\80\aefdp.exe")
  (i32.const 1024))
