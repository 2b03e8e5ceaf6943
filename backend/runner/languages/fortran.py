"""Fortran, with GCC. Where macros are defined there is a preprocessor to replace them; else `//` stays what it is."""

from backend.runner.languages.c import GCC_OPTIONS, SANITIZERS
from backend.runner.languages.language import OPTIONS, PROGRAM, Language

# Options begin with a hyphen, and sources never do.
_COMPILE = f"""\
for word in "$@"; do
    case $word in -D*) set -- -cpp "$@" && break ;; esac
done
exec gfortran -O2 -pipe -B/usr/libexec/mold -J/tmp "$@" -o {PROGRAM}
"""

LANGUAGE = Language(
    name="fortran",
    title="Fortran",
    aliases=("f90", "gfortran"),
    packages=("gfortran", "libc6-dev", "mold"),
    version=("gfortran", "--version"),
    source="main.f90",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS, "main.f90"),
    sources=(".f90", ".F90", ".f95", ".f03", ".f08", ".f", ".for"),
    inclusion="^[ \\t]*(?:#[ \\t]*)?include[ \\t]*[\"']([^\"'\\n]+)",
    modules=(
        "^[ \\t]*module[ \\t]+(?!procedure\\b)(\\w+)[ \\t]*(?:!.*)?\\r?$",
        "^[ \\t]*(?:use\\b(?:[ \\t]*,[ \\t]*\\w+)?[ \\t]*(?:::)?|submodule[ \\t]*\\()[ \\t]*(\\w+)",
    ),
    run=(PROGRAM,),
    variables=SANITIZERS,
    options={
        "-std=(f95|f2003|f2008|f2018|gnu|legacy)": "the standard (otherwise gnu)",
        "-fcheck=(all|array-temps|bits|bounds|do|mem|pointer|recursion)": "checks while the program runs",
        "-f(no-)?(backtrace|implicit-none|default-real-8)": "defaults",
        "-cpp": "a preprocessor, which -D brings as well",
        **GCC_OPTIONS,
    },
    hello='program hello\n  print "(a)", "Hello, world!"\nend program hello\n',
    sample="""\
module statistics
  implicit none
contains
  pure function mean(values) result(average)
    real, intent(in) :: values(:)
    real :: average
    average = sum(values) / size(values)
  end function mean
end module statistics

program sample
  use statistics
  implicit none
  real :: matrix(2, 2) = reshape([1.0, 2.0, 3.0, 4.0], [2, 2])
  integer :: i
  integer, allocatable :: squares(:)

  squares = [(i * i, i = 1, 6)]
  print "(6(i0, :, 1x))", squares
  print "(a, f0.3)", "mean: ", mean(real(squares))
  print "(2(f5.1))", matmul(matrix, matrix)
  print "(a, i0)", "odd squares: ", count(mod(squares, 2) == 1)
end program sample
""",
    sample_output="1 4 9 16 25 36\nmean: 15.167\n  7.0 10.0\n 15.0 22.0\nodd squares: 3\n",
)
