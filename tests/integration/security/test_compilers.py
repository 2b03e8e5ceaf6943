"""Sources that turn on what compiles them."""

from typing import Any

import pytest

_ENDED = {"compile_error", "memory_limit", "timeout", "cpu_limit", "output_limit", "disk_limit", "process_limit"}

_SECRETS = ["/etc/shadow", "/root/.ssh/id_rsa", "/dev/mem", "/dev/kmsg", "/proc/kcore", "/proc/1/mem", "/proc/1/root/root/x",
            "/opt/codecanvas/backend/runner/settings.py"]  # fmt: skip


@pytest.mark.parametrize("path", _SECRETS)
def test_c_cannot_include_what_a_program_cannot_read(attack: Any, path: str) -> None:
    for language in ("c", "c++"):
        result = attack(language, f'#include "{path}"\nint main() {{ return 0; }}')
        assert result["status"] == "compile_error"
        assert "root:" not in result["stderr"]
        assert "RUNNER_" not in result["stderr"]


@pytest.mark.parametrize("path", _SECRETS)
def test_an_assembler_cannot_include_what_a_program_cannot_read(attack: Any, path: str) -> None:
    for directive in (".incbin", ".include"):
        source = f'__asm__("{directive} \\"{path}\\""); int main(void) {{ return 0; }}'
        assert attack("c", source)["status"] == "compile_error"


@pytest.mark.parametrize("path", _SECRETS)
def test_rust_cannot_include_what_a_program_cannot_read(attack: Any, path: str) -> None:
    source = f'static A: &[u8] = include_bytes!("{path}"); fn main() {{ println!("{{:?}}", A); }}'
    assert attack("rust", source)["status"] == "compile_error"


def test_what_a_compiler_knows_of_its_own_process_is_no_secret(attack: Any) -> None:
    source = r"""
#include <stdio.h>
__asm__(".section .rodata\n.globl blob\nblob: .incbin \"/proc/self/environ\"\n.incbin \"/proc/self/cmdline\"\n"
        ".incbin \"/proc/1/environ\"\n.incbin \"/proc/1/cmdline\"\n.globl end\nend: .byte 0\n.text");
extern const char blob[], end[];
int main(void) { fwrite(blob, 1, end - blob, stdout); }"""
    seen = attack("c", source)["stdout"]
    for secret in ("RUNNER_", "PYTHONPATH", "TOKEN", "FLY_", "site-packages"):
        assert secret not in seen


def test_rust_sees_no_variable_of_the_service(attack: Any) -> None:
    names = ("RUNNER_PORT", "RUNNER_HOST", "PYTHONPATH", "NUM_RUNNERS", "FLY_APP_NAME", "RUSTC_BOOTSTRAP")
    tries = "\n".join(f'if let Some(v) = option_env!("{name}") {{ println!("{{}}", v); }}' for name in names)
    result = attack("rust", f'fn main() {{ {tries} println!("end"); }}')
    assert result["stdout"] == "end\n"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom", "/dev/random", "/dev/full"])
def test_an_endless_include_ends(attack: Any, path: str) -> None:
    result = attack("c", f'#include "{path}"\nint main(void) {{ return 0; }}')
    assert result["status"] in _ENDED
    assert result["error"].startswith("compilation")
    assert len(result["stderr"]) <= 1 << 20


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/tty", "/proc/self/fd/0", "/proc/self/mem", ".", "/"])
def test_an_include_that_waits_for_input_gets_none(attack: Any, path: str) -> None:
    result = attack("c", f'#include "{path}"\nint main(void) {{ return 0; }}', stdin="int leaked;\n")
    assert result["status"] in {"ok", "compile_error"}
    assert result["time_ms"] < 10_000


_BOMBS = {
    "includes itself": ("c", "#include __FILE__\nint main(void) { return 0; }"),
    "includes itself twice": ("c", '#include "main.c"\n#include "main.c"\n'),
    "includes itself under another name": ("c", '#line 1 "other.c"\n#include "./././main.c"\n'),
    "macros": (
        "c",
        "#define A0 +1+1+1+1+1+1+1+1\n"
        + "".join(f"#define A{n} A{n - 1} A{n - 1} A{n - 1} A{n - 1} A{n - 1} A{n - 1} A{n - 1} A{n - 1}\n" for n in range(1, 12))
        + "int main(void) { return A11; }",
    ),
    "a file of macros": ("c", "#define B(x) x x x x x x x x\n#define C(x) B(B(B(B(x))))\n"
                              "int a[] = { C(C(C(1,))) };\nint main(void) {}"),
    "static initialiser": ("c", "char a[1l << 32] = {1};\nint main(void) { return a[5]; }"),
    "static initialiser by range": ("c", "int a[] = {[0 ... 999999999] = 7};\nint main(void) { return a[5]; }"),
    "assembler fill": ("c", '__asm__(".data\\n.fill 0x7fffffff, 8, 1"); int main(void) {}'),
    "assembler repeat": ("c", '__asm__(".rept 1000000000\\n.byte 1\\n.endr"); int main(void) {}'),
    "assembler macro": ("c", '__asm__(".macro m\\nm\\nm\\n.endm\\nm"); int main(void) {}'),
    "alignment": ("c", "int a __attribute__((aligned(1 << 28))) = 1; int main(void) { return a; }"),
    "templates": ("c++", "template<int N> struct A { typedef typename A<N + 1>::T T; }; A<0>::T a; int main() {}"),
    "templates that double": ("c++", "template<int N, int M> struct A { A<N - 1, M * 2> a; A<N - 1, M * 2 + 1> b; };\n"
                                     "template<int M> struct A<0, M> {}; A<30, 1> a; int main() {}"),
    "constant evaluation": ("c++", "constexpr int f(int n) { int s = 0; for (;;) s += n++ & 1; return s; }\n"
                                   "static_assert(f(1) > 0); int main() {}"),
    "operators": ("c++", "template<class T> struct S { S<S<T>> operator->(); }; int main() { S<int> s; s->x; }"),
    "brackets": ("c", "int main(void) { return " + "(" * 200_000 + "1" + ")" * 200_000 + "; }"),
    "blocks": ("c", "int main(void) " + "{" * 300_000),
    "pointers": ("c", "int " + "*" * 50_000 + "p; int main(void) {}"),
    "warnings": ("c", "".join("#warning x\n" for _ in range(60_000)) + "int main(void) {}"),
    "errors": ("c", "x y;\n" * 150_000),
    "one error that is long": ("c++", "template<class T> struct A { typename T::x y; };\nint main() { A<" + "A<" * 400
                                      + "int" + ">" * 400 + "> a; }"),
    "go brackets": ("go", "package main\nfunc main() { _ = " + "(" * 100_000 + "1" + ")" * 100_000 + " }"),
    "go constants": ("go", "package main\nconst a = 1 << 500\nconst b = a * a * a * a\nfunc main() { println(b > 0) }"),
    "go array": ("go", "package main\nvar a = [1 << 32]byte{1, 1<<31: 2}\nfunc main() { println(a[5]) }"),
    "go types": ("go", "package main\ntype A[T any] struct { x *A[A[T]] }\nvar a A[int]\nfunc main() {}"),
    "rust brackets": ("rust", "fn main() { " + "(" * 50_000 + "1" + ")" * 50_000 + "; }"),
    "rust macros": ("rust", "macro_rules! m { ($($x:tt)*) => { m!($($x)* $($x)* 1) } } fn main() { m!(1); }"),
    "rust constants": ("rust", "const X: u64 = { let mut n = 0u64; loop { n += 1; if n == u64::MAX { break n } } };\n"
                               "fn main() { println!(\"{}\", X); }"),
    "rust types": ("rust", "trait T { const N: usize; } struct A<X>(X);\nimpl<X> T for A<X> where A<A<X>>: T { const N: usize "
                           "= 1 + <A<A<X>> as T>::N; } fn main() { println!(\"{}\", <A<u8> as T>::N); }"),
    "rust array": ("rust", "static A: [u8; 1 << 33] = [1; 1 << 33]; fn main() { println!(\"{}\", A[5]); }"),
    "python brackets": ("python3", "(" * 100_000),
    "python signs": ("python3", "-" * 500_000 + "1"),
    "python indentation": ("python3", "".join(" " * n + "if 1:\n" for n in range(300))),
    "python constants": ("python3", "x = 9**9**9"),
    "python text": ("python3", "x = '" + "x" * 1000 + "' * 10**6 * 10**6"),
    "javascript brackets": ("nodejs", "[" * 200_000),
    "javascript text": ("nodejs", "const s = 'x'.repeat(2 ** 29 - 25); [s, s, s].join('')"),
    "bash brackets": ("bash", "echo $((" + "(" * 100_000 + "1" + ")" * 100_000 + "))"),
    "bash braces": ("bash", "echo {1..100000000} | wc -c"),
    "bash substitution": ("bash", "$(" * 5000 + ")" * 5000),
}  # fmt: skip


@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_bomb_for_the_compiler_goes_off_in_the_sandbox(attack: Any, bomb: str) -> None:
    language, source = _BOMBS[bomb]
    result = attack(language, source, limits={"timeout": 5})
    assert result["status"] in _ENDED | {"runtime_error", "ok"}
    assert len(result["stdout"]) + len(result["stderr"]) <= 2 << 20


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("c", '#pragma GCC optimize("-fplugin=/work/evil.so")\n#include <stdio.h>\nint main(void) { puts("end"); }'),
        ("c", '#include <stdio.h>\n__attribute__((optimize("-fplugin=./evil.so"))) int main(void) { puts("end"); }'),
        ("c", '#pragma GCC diagnostic push\n#pragma GCC plugin("evil")\n#pragma comment(linker, "-plugin=/work/evil.so")\n'
              '#include <stdio.h>\nint main(void) { puts("end"); }'),
        ("c", '#include <stdio.h>\n__asm__(".section .note.GNU-stack,\\"x\\",@progbits\\n.text");\n'
              '__attribute__((constructor)) void f(void) {} int main(void) { puts("end"); }'),
        ("go", 'package main\n\n//go:generate sh -c "touch /work/generated"\n//go:debug madvdontneed=1\n'
               'import ("fmt"; "os")\nfunc main() { if _, err := os.Stat("/work/generated"); err != nil { fmt.Println("end") } }'),
        ("rust", '#![allow(unused_attributes)]\n#![crate_type = "bin"]\n#![recursion_limit = "4000000000"]\nfn main() { println!("end"); }'),
    ],
    ids=["pragma", "attribute", "comment", "section", "go generate", "rust attributes"],
)  # fmt: skip
def test_a_source_loads_nothing_into_its_compiler(attack: Any, language: str, source: str) -> None:
    result = attack(language, source, files={"evil.so": "\x7fELF", "evil.sh": "touch /work/generated"})
    assert result["status"] in {"ok", "compile_error"}
    assert result["stdout"] in {"end\n", ""}


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("go", 'package main\nimport _ "embed"\n//go:embed /etc/passwd\nvar s string\nfunc main() { print(s) }'),
        ("go", 'package main\nimport _ "embed"\n//go:embed ../etc/passwd\nvar s string\nfunc main() { print(s) }'),
        ("go", 'package main\n/*\n#cgo LDFLAGS: -Wl,-plugin,/work/evil.so\n#cgo CFLAGS: -fplugin=/work/evil.so\n*/\n'
               'import "C"\nfunc main() {}'),
        ("go", 'package main\n//go:cgo_ldflag "-Wl,--version"\n//go:cgo_import_dynamic _ _ "evil.so"\nfunc main() {}'),
        ("go", 'package main\nimport "github.com/nobody/nothing"\nfunc main() { nothing.Do() }'),
        ("rust", "#![feature(asm_experimental_arch, test)]\nfn main() {}"),
        ("rust", "extern crate serde;\nfn main() {}"),
        ("rust", '#[link(name = "evil", kind = "static")] extern "C" { fn f(); } fn main() { unsafe { f() } }'),
        ("rust", '#![feature(plugin)]\n#![plugin(evil)]\nfn main() {}'),
        ("rust", '#[path = "/etc/passwd"] mod m;\nfn main() {}'),
        ("c", "int f(void) { return 1; }"),
        ("c++", "import std;\nint main() {}"),
        ("c", "@/etc/passwd"),
        ("c", "int main(void) { return nothing(); }\nint nothing(void) __attribute__((alias(\"missing\")));"),
    ],
    ids=["embed", "embed above", "cgo", "cgo flags", "module", "feature", "crate", "link", "plugin", "path", "no main",
         "modules", "response file", "alias"],
)  # fmt: skip
def test_what_cannot_be_had_is_a_compile_error(attack: Any, language: str, source: str) -> None:
    result = attack(language, source, files={"evil.so": "\x7fELF", "libevil.a": "!<arch>\n"})
    assert result["status"] == "compile_error"
    assert result["error"].startswith("compilation failed")
    assert "root:x:" not in result["stderr"].replace("root:x:0:0:root:/root:/bin/bash\n", "") or language == "rust"


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("rust", '#![crate_type = "lib"]\npub fn f() {}'),
        ("rust", '#![crate_type = "proc-macro"]\nextern crate proc_macro;\n#[proc_macro] pub fn m(_: proc_macro::TokenStream) '
                 '-> proc_macro::TokenStream { std::fs::write("/work/evil", "").ok(); "1".parse().unwrap() }'),
        ("rust", '#![crate_type = "cdylib"]\npub fn f() {}'),
        ("rust", "#![no_main]\n"),
        ("go", "package library\nfunc F() {}"),
        ("go", "package main\nfunc init() { for { } }\nfunc main() {}"),
        ("c", "int main;"),
        ("c", 'const char main[] = "\\xcc";'),
        ("c", "__attribute__((constructor)) static void f(void) { __builtin_trap(); } int main(void) {}"),
        ("c", '__asm__(".globl _start\\n_start: hlt"); int main(void) {}'),
        ("c", '__attribute__((ifunc("r"))) void f(void); static void *r(void) { __builtin_trap(); } int main(void) { f(); }'),
    ],
    ids=["rust library", "rust macro", "rust shared library", "rust without main", "go library", "go init", "data", "bytes",
         "constructor", "start", "resolver"],
)  # fmt: skip
def test_what_compiles_to_no_program_is_the_sources_fault(attack: Any, language: str, source: str) -> None:
    result = attack(language, source, limits={"timeout": 2})
    assert result["status"] in {"compile_error", "runtime_error", "timeout"}


# With this file in the home directory, `go build` runs a program of the source's choice for each step of the compile.
_GO_ENVIRONMENT = "GOFLAGS='-toolexec=sh /work/evil.sh'\nGOPROXY=https://proxy.golang.org\nGOTOOLCHAIN=go1.99.0\n"
_GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("Hello, world!") }\n'

_COMPILE_TIME = {
    "daemon": "(setsid sh -c 'sleep 40' >/dev/null 2>&1 &)",
    "daemon that holds the output": "setsid sleep 40 &",
    "fork bomb": "(b() { b | b & }; b) 2>/dev/null",
    "flood": "yes >&2 &",
    "poisoned cache": "echo evil >/cache/evil; find /cache -type f -exec sh -c 'echo evil >{}' \\; ; rm -rf /cache/*",
    "poisoned toolchain": "echo evil >/usr/lib/go/evil; rm -rf /usr/lib/go-*/pkg",
    "link as output": "ln -s /etc/shadow /program/main",
    "link to the cache": "ln -s /cache /program/cache; ln -s / /program/root",
    "pipe as output": "mkfifo /program/main",
    "directory as output": "mkdir -p /program/main/main; chmod 0 /program/main",
    "output that cannot be read": "(sleep 0.3; chmod 0 /program/main /program) &",
    "output that is replaced": "(while :; do ln -sf /etc/shadow /program/main; done) &",
    "many files": "for i in $(seq 2000); do echo x >/program/$i; done",
    "large files": "head -c 300000000 /dev/zero >/program/zero",
    "odd names": "mkdir -p /program/-rf /program/'a b' \"/program/\n\"; chmod 0 /program/*",
    "set user id": "cp /bin/sh /program/sh; chmod 6777 /program/sh",
    "device": "mknod /program/main c 1 5",
    "signals": "kill -9 -1; kill -STOP $PPID; kill -9 1",
    "network": "bash -c 'echo >/dev/tcp/127.0.0.1/10100'",
}


@pytest.mark.parametrize("evil", _COMPILE_TIME)
def test_code_that_runs_at_compile_time_is_in_the_same_sandbox(attack: Any, run: Any, evil: str) -> None:
    """Whether the service lets that file be obeyed or not, what it starts must lead nowhere and stay nowhere."""
    script = f'{_COMPILE_TIME[evil]}\nexec "$@"\n'
    files = {".config/go/env": _GO_ENVIRONMENT, "evil.sh": script}
    source = _GO.replace("Hello", evil)  # a source of its own, so that no result is taken from a cache
    result = attack("go", source, files=files, limits={"timeout": 3})
    assert "root:" not in result["stdout"] + result["stderr"]
    for language, hello in (("go", _GO), ("c", '#include <stdio.h>\nint main(void) { puts("Hello, world!"); }')):
        after = run(language, hello, limits={"timeout": 8})
        assert (after["status"], after["stdout"]) == ("ok", "Hello, world!\n")
    seen = run("bash", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls -A /program 2>/dev/null; ls -A")["stdout"]
    assert "sleep 40" not in seen
    assert "evil" not in seen
    assert seen.endswith("main.sh\n")


_HELLO = {
    "c": '#include <stdio.h>\nint main(void) { puts("mine"); }',
    "c++": '#include <iostream>\nint main() { std::cout << "mine\\n"; }',
    "go": 'package main\nimport "fmt"\nfunc main() { fmt.Println("mine") }',
    "rust": 'fn main() { println!("mine"); }',
    "nodejs": 'const fs = require("fs"); console.log(typeof fs.readFileSync === "function" ? "mine" : "shadowed")',
    "bash": "echo mine",
    "python3": "print('mine')",
    "java": 'class Main { public static void main(String[] a) { System.out.println("mine"); } }',
    "ruby": "puts 'mine'",
    "perl": 'print "mine\\n";',
    "php": '<?php echo "mine\\n";',
}

_BESIDE = {
    "Makefile": "all:\n\ttouch evil\n$(shell touch evil)\n",
    "Cargo.toml": '[package]\nname = "x"\nversion = "1.0.0"\nbuild = "build.rs"\n',
    "build.rs": 'fn main() { std::fs::write("/work/evil", "").unwrap(); println!("cargo:rustc-link-arg=-evil"); }',
    ".cargo/config.toml": '[build]\nrustc-wrapper = "/work/evil.sh"\n[env]\nLD_PRELOAD = "/work/evil.so"\n',
    "rust-toolchain.toml": '[toolchain]\nchannel = "nightly-1999-01-01"\n',
    "go.mod": "module evil\n\ngo 1.18\n\nrequire github.com/nobody/nothing v1.0.0\n",
    "go.work": "go 1.18\n\nuse .\n",
    "vendor/modules.txt": "# github.com/nobody/nothing v1.0.0\n",
    "node_modules/fs/index.js": "module.exports = 'evil';",
    ".noderc": "require('child_process').execSync('touch evil')",
    ".npmrc": "script-shell=/work/evil.sh\n",
    ".bashrc": "echo evil\n",
    ".bash_profile": "echo evil\n",
    ".profile": "echo evil\n",
    ".inputrc": "evil\n",
    "ld.so.preload": "/work/evil.so\n",
    "evil.so": "\x7fELF",
    "libc.so.6": "not a library",
    "cc1": "#!/bin/sh\necho evil\n",
    "as": "#!/bin/sh\necho evil\n",
    "ld": "#!/bin/sh\necho evil\n",
    "gcc": "#!/bin/sh\necho evil\n",
    "python3": "#!/bin/sh\necho evil\n",
    "specs": "*link:\n-evil\n",
    "stdio.h": "#error evil\n",
    "iostream": "#error evil\n",
    "sitecustomize.py": "print('evil')",
    "usercustomize.py": "print('evil')",
    "evil.pth": "import evil; print('evil')",
    ".local/lib/python3.11/site-packages/evil.pth": "import sys; print('evil')",
    ".local/lib/python3.13/site-packages/usercustomize.py": "print('evil')",
    "pyvenv.cfg": "home = /work\n",
    "setup.cfg": "[evil]\n",
    "META-INF/services/javax.annotation.processing.Processor": "Evil\n",
    ".rubyopt": "-revil",
    ".perltidyrc": "evil",
    ".user.ini": "auto_prepend_file=/work/evil.php\n",
}


@pytest.mark.parametrize("language", _HELLO)
def test_files_beside_a_program_are_not_obeyed(attack: Any, offered: frozenset[str], language: str) -> None:
    if language not in offered:
        return  # nothing that could obey
    beside = {
        name: text for name, text in _BESIDE.items() if not (language == "go" and name.startswith(("go.", "vendor")))
    }
    result = attack(language, _HELLO[language], files=beside, limits={"timeout": 8})
    assert (result["status"], result["stdout"]) == ("ok", "mine\n"), result["stderr"]


@pytest.mark.parametrize("name", ["go.mod", "go.work", "vendor/modules.txt"])
def test_go_fetches_nothing(attack: Any, name: str) -> None:
    result = attack("go", _HELLO["go"], files={name: _BESIDE[name]}, limits={"timeout": 8})
    assert result["status"] in {"ok", "compile_error"}
    assert result["time_ms"] < 20_000
