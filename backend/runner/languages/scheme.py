"""Scheme, with Guile; interpreted, since compiling a small program takes longer than running it."""

from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="scheme",
    title="Scheme",
    aliases=("guile", "scm"),
    packages=("guile-3.0",),
    version=("guile-3.0", "--version"),
    source="main.scm",
    run=("guile-3.0", "--no-auto-compile", "-l", "/opt/output/lines.scm", "-s", "main.scm"),
    hold=Hold("t"),
    hello='(display "Hello, world!")\n(newline)\n',
    sample="""\
(use-modules (srfi srfi-1) (ice-9 match))

(define (simplify expression)
  (match expression
    (('+ 0 x) (simplify x))
    (('* 1 x) (simplify x))
    (('* 0 _) 0)
    ((op . arguments) (cons op (map simplify arguments)))
    (x x)))

(define-syntax unless-zero
  (syntax-rules ()
    ((_ n body ...) (if (zero? n) #f (begin body ...)))))

(define (hanoi n from to via)
  (unless-zero n
    (hanoi (- n 1) from via to)
    (format #t "~a -> ~a~%" from to)
    (hanoi (- n 1) via to from)))

(hanoi 2 'a 'c 'b)
(write (simplify '(+ (* 1 x) (* 0 y)))) (newline)
(write (fold + 0 (filter even? (iota 10)))) (newline)
(write (call/cc (lambda (return) (for-each return '(first second)) 'never))) (newline)
""",
    sample_output="a -> b\na -> c\nb -> c\n(+ x 0)\n20\nfirst\n",
)
