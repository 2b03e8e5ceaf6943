;; Each line is written as it ends: run as `guile -l /opt/output/lines.scm`.
(setvbuf (current-output-port) 'line)
