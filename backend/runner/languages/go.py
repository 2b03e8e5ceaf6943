"""Go. Its standard library is compiled once, into a cache that runs read but cannot write.

There too is a note of how the go command calls compiler and linker. Programs that ask for nothing unusual are built
with these calls; whatever they do not build, the go command builds, or says what is wrong with it. Beside other Go
files the program is its directory's package, and where there is a go.mod, a module.
"""

from pathlib import Path

from backend.runner.languages.language import OPTIONS, PROGRAM, Cache, Language
from backend.runner.languages.testing import Report, Testing

_WARM = Path(__file__).with_name("warm")

_MODULE = """\
if [ -e go.mod ] || [ -e go.work ]; then
    # A sandbox's /tmp is its work directory, and there the go command takes no go.mod for one that is meant.
    # Its index of modules would go into the cache, which cannot be written; without it all of GOROOT is found.
    export GO111MODULE=on TMPDIR="$PWD/.tmp" GODEBUG=goindex=0
    mkdir -p .tmp
"""

_BUILD = f"""\
what=.
{_MODULE}elif [ "$(echo *.go)" = main.go ]; then
    what=main.go
    if [ $# = 0 ] && [ -f "$GOCACHE/build.sh" ] && (. "$GOCACHE/build.sh") >/dev/null 2>&1; then exit; fi
fi
go build -buildvcs=false '-ldflags=-s -w' "$@" -o /program/main $what
status=$?
if [ $status != 0 ] && grep -qE '^(import)?[[:space:](]*"C"' *.go; then
    echo 'import "C": cgo is off here, since it needs a C compiler; write it in Go, or the program in C' >&2
elif [ $status != 0 ] || [ "$(head -c 7 /program/main)" = '!<arch>' ]; then
    package=$(sed -nE 's/^package[[:space:]]+([A-Za-z0-9_]+).*/\\1/p' main.go | head -n 1)
    if [ "${{package:-main}}" != main ]; then
        echo "main.go: package $package is not a program: write package main; other packages go into directories" \
            "of their own, beside a go.mod" >&2
        rm -f /program/main
        exit 1
    fi
fi
exit $status
"""

_TESTS = f"""\
{_MODULE}fi
exec go test -c -vet=off "$@" -o /program/main .
"""

LANGUAGE = Language(
    name="go",
    title="Go",
    aliases=("golang",),
    packages=("golang-go",),
    core=True,
    version=("go", "version"),
    source="main.go",
    compile=("sh", "-c", _BUILD, "go", OPTIONS),
    run=(PROGRAM,),
    formatter=("gofmt",),
    options={
        "-gcflags=-[NlmBS]": "no optimisation, no inlining, print decisions, no bounds checks, print assembly",
        "-tags=[a-z0-9_,]+": "build tags",
    },
    # No module proxy, no other toolchain, no C, no settings of a user: a compile needs nothing but the image.
    variables=(
        ("GOCACHE", "/work/.gocache"),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GO111MODULE", "off"),
        ("CGO_ENABLED", "0"),
        ("GOTELEMETRY", "off"),
        ("GOENV", "off"),  # a file of settings, which may name a program that wraps the compiler
    ),
    cache=Cache(
        variable="GOCACHE",
        warm_up=(_WARM / "go.go").read_text(encoding="utf-8"),
        fill=("sh", "-c", (_WARM / "go.sh").read_text(encoding="utf-8")),
    ),
    testing=Testing(
        marks="_test.go",
        source="main_test.go",
        compile=("sh", "-c", _TESTS, "go", OPTIONS),
        run=(PROGRAM, "-test.v"),
        report=Report.GO,
    ),
    hello='package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello, world!")\n}\n',
    sample="""\
package main

import (
	"fmt"
	"sync"
)

func squares(numbers []int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for _, n := range numbers {
			out <- n * n
		}
	}()
	return out
}

func main() {
	var wait sync.WaitGroup
	sums := make([]int, 3)
	for i := range sums {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			for square := range squares([]int{i + 1, i + 2, i + 3}) {
				sums[i] += square
			}
		}(i)
	}
	wait.Wait()
	fmt.Println(sums)
}
""",
    sample_output="[14 29 50]\n",
)
