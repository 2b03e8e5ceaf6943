"""Common Lisp, with SBCL, as a script."""

from backend.runner.languages.language import Language
from backend.runner.sandbox.limits import Limits

LANGUAGE = Language(
    name="lisp",
    title="Common Lisp",
    aliases=("commonlisp", "common-lisp", "sbcl", "cl"),
    packages=("sbcl",),
    version=("sbcl", "--version"),
    source="main.lisp",
    run=("sbcl", "--dynamic-space-size", "256MB", "--script", "main.lisp"),
    limits=Limits(memory_kb=384 * 1024),
    hello='(write-line "Hello, world!")\n',
    sample="""\
(defclass account ()
  ((balance :initform 0 :accessor balance)))

(define-condition overdrawn (error)
  ((amount :initarg :amount :reader amount)))

(defgeneric withdraw (account amount))

(defmethod withdraw ((account account) amount)
  (when (> amount (balance account))
    (error 'overdrawn :amount amount))
  (decf (balance account) amount))

(defmacro while (condition &body body)
  `(loop (unless ,condition (return)) ,@body))

(let ((account (make-instance 'account)) (n 0))
  (while (< n 4)
    (incf (balance account) (incf n)))
  (format t "balance: ~a~%" (balance account))
  (handler-case (withdraw account 11)
    (overdrawn (c) (format t "cannot withdraw ~r~%" (amount c)))))

(format t "~{~a~^, ~}~%" (loop for i from 1 to 5 collect (expt i i)))
""",
    sample_output="balance: 10\ncannot withdraw eleven\n1, 4, 27, 256, 3125\n",
)
