"""Go. Its standard library is compiled once, into a cache that runs read but cannot write."""

from backend.runner.languages.language import PROGRAM, Cache, Language

# What programs mostly import; anything else of the standard library is compiled when it is first asked for.
_PACKAGES = """
    bufio bytes container/heap container/list context crypto/md5 crypto/sha256 encoding/base64 encoding/binary
    encoding/csv encoding/hex encoding/json errors flag fmt io io/fs log math math/big math/bits math/cmplx
    math/rand os os/signal path path/filepath reflect regexp runtime sort strconv strings sync sync/atomic
    text/tabwriter text/template time unicode unicode/utf8
"""

LANGUAGE = Language(
    name="go",
    version=("go", "version"),
    source="main.go",
    compile=("go", "build", "-ldflags=-s -w", "-o", PROGRAM, "main.go"),
    run=(PROGRAM,),
    hello='package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello, world!")\n}\n',
    # No module proxy, no other toolchain, no C: a compile needs nothing that the image does not hold.
    variables=(
        ("GOCACHE", "/work/.gocache"),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GO111MODULE", "off"),
        ("CGO_ENABLED", "0"),
        ("GOTELEMETRY", "off"),
    ),
    cache=Cache(
        variable="GOCACHE",
        warm_up="package main\n\nimport (\n"
        + "".join(f'\t_ "{name}"\n' for name in _PACKAGES.split())
        + ")\n\nfunc main() {}\n",
    ),
)
