"""One example of each request and answer."""

from __future__ import annotations

from typing import Any

HELLO = {"language": "python3", "source": 'print("Hello, world!")\n'}

GREET = {
    "language": "c",
    "source": "#include <stdio.h>\nint main(int argc, char **argv) { char n[80]; fgets(n, 80, stdin); "
    'printf("%s, %s", argv[1], n); }\n',
    "stdin": "Ada\n",
    "args": ["Hello"],
    "limits": {"timeout": 2, "memory_kb": 65536},
}

BINARY = {
    "language": "bash",
    "source_base64": "d2MgLWMgPGRhdGEuYmluCg==",
    "files": {"data.bin": {"base64": "AP8A/w=="}, "note.txt": "a text"},
    "encoding": "base64",
}

SQUEEZED = {"language": "python3", "source": "x=[1,2 ]\n"}

FORMATTED = {"status": "ok", "source": "x = [1, 2]\n", "stderr": "", "language": "python3"}

_ENDING: dict[str, Any] = {
    "status": "ok",
    "error": "",
    "exit_code": 0,
    "signal": None,
    "time_ms": 1.9,
    "cpu_ms": 1.4,
    "memory_kb": 9216,
    "truncated": False,
}

COMPILE: dict[str, Any] = {
    "status": "ok",
    "stdout": "",
    "stderr": "",
    "exit_code": 0,
    "time_ms": 24.6,
    "cpu_ms": 21.0,
    "memory_kb": 31744,
    "cached": False,
}

RESULT: dict[str, Any] = {**_ENDING, "language": "python3", "encoding": "utf-8", "compile": None}

RUN: dict[str, Any] = {"stdout": "Hello, world!\n", "stderr": "", "output": "Hello, world!\n", **RESULT}

COMPILE_ERROR: dict[str, Any] = {
    **RUN,
    "stdout": "",
    "stderr": "main.c:1:12: error: expected ';'\n",
    "output": "main.c:1:12: error: expected ';'\n",
    "status": "compile_error",
    "error": "compilation failed: exit status 1",
    "exit_code": 1,
    "language": "c",
    "compile": {
        **COMPILE,
        "status": "compile_error",
        "stderr": "main.c:1:12: error: expected ';'\n",
        "exit_code": 1,
    },
}

EVENTS = (
    'event: phase\ndata: {"phase":"run"}\n\n'
    'event: output\ndata: {"stream":"stdout","data":"Hello, world!\\n"}\n\n'
    'event: result\ndata: {"status":"ok","error":"","exit_code":0,"signal":null,"time_ms":1.9,"cpu_ms":1.4,'
    '"memory_kb":9216,"truncated":false,"language":"python3","encoding":"utf-8","compile":null}\n\n'
)

BATCH_REQUEST = {
    "language": "python3",
    "source": "print(int(input()) * 2)\n",
    "cases": [{"stdin": "2\n", "expected": "4"}, {"stdin": "3\n", "expected": "7"}, {"stdin": "4\n"}],
}

BATCH = {
    "status": "ok",
    "error": "",
    "language": "python3",
    "encoding": "utf-8",
    "compile": None,
    "cases": [
        {"stdout": "4\n", "stderr": "", "output": "4\n", **_ENDING, "passed": True},
        {"stdout": "6\n", "stderr": "", "output": "6\n", **_ENDING, "passed": False},
        {"stdout": "8\n", "stderr": "", "output": "8\n", **_ENDING, "passed": None},
    ],
    "passed": 1,
}

LANGUAGES = {
    "languages": ["python3"],
    "details": {
        "python3": {
            "title": "Python",
            "aliases": ["py", "python"],
            "version": "Python 3.13.5",
            "source": "main.py",
            "hello": 'print("Hello, world!")\n',
            "sample": 'print(sum(n * n for n in range(10)))\n',
            "options": {},
            "formats": True,
            "compiles": False,
            "libraries": ["numpy"],
            "tests": True,
            "limits": {
                "timeout": 10, "cpu_seconds": 20, "memory_kb": 262144, "output_bytes": 1048576, "processes": 64,
                "open_files": 256, "file_kb": 65536, "disk_kb": 65536, "inodes": 8192,
            },
        }
    },
}  # fmt: skip

STATUS = {
    "environment": "production",
    "runners": {"total": 2, "busy": 1},
    "queue": {"depth": 0, "limit": 64},
    "layers": [{"name": "seccomp filter", "state": "held", "detail": ""}],
    "languages": {"python3": "Python 3.13.5"},
}

VERSION = {"version": "0.1.0", "sha": "3f2a9c0", "environment": "production", "image": "sha256:4f0c", "machine": "148e"}

METRICS = '# TYPE codecanvas_runs_total counter\ncodecanvas_runs_total{language="python3",status="ok"} 1.0\n'

ERRORS: dict[int, tuple[str, str]] = {
    400: ("The request is at fault; the message names the field.", "limits.timeout must be above 0 and at most 10.0"),
    401: (
        "An API token is needed; answered only where the service has some.",
        "a known API token is needed: send it as Authorization: Bearer TOKEN",
    ),
    403: (
        "Pages of this origin may not call.",
        "pages of this origin may not call; the service's RUNNER_CORS_ORIGINS says which may",
    ),
    404: ("There is nothing at this path.", "GET /nothing: there is nothing here"),
    405: ("The path has no such method; Allow names those it has.", "GET /api/v1/run: this method is not for here"),
    408: ("The body did not arrive in time.", "the body did not arrive within 30 s; send it again"),
    413: ("The body is too large.", "the body is larger than 1048576 bytes; send less"),
    422: (
        "The Idempotency-Key came before with another request.",
        "this Idempotency-Key came before with another request; choose a new key",
    ),
    426: ("A WebSocket is spoken here.", "this is a WebSocket: ask for an upgrade of the connection"),
    429: (
        "Too many wait, or the token's rate is used up; Retry-After says when to come back.",
        "enough runs are waiting already; try again in 1 s",
    ),
    500: ("The service failed.", "the service failed; try again"),
    503: (
        "No runner came free in time, or the service is about to end; Retry-After says when to come back.",
        "no runner came free within 10 s; try again later",
    ),
}
