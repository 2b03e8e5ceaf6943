"""Go. Its standard library is compiled once, into a cache that runs read but cannot write."""

from pathlib import Path

from backend.runner.languages.language import PROGRAM, Cache, Language

# What programs mostly import; anything else of the standard library is compiled when a program asks for it.
_WARM_UP = Path(__file__).with_name("warm") / "go.go"

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
    cache=Cache(variable="GOCACHE", warm_up=_WARM_UP.read_text(encoding="utf-8")),
)
