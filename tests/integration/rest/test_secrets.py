"""No run can foretell what another one has drawn by lot, on a service that is not under load.

These run by themselves: above about thirty Python runs a second, some share an interpreter's hash seed
(docs/security.md).
"""

from __future__ import annotations

import time
from typing import Any

import pytest

REST_SECONDS = 0.15

_GUESSED = {
    "hash seed": ("python3", "print(hash('a'), hash(b'b'), hash(('c',)))"),
    "order of a set": ("python3", "print({str(n) for n in range(40)})"),
    "random numbers": ("python3", "import random; print(random.random(), random.getrandbits(64))"),
    "randomness of the system": ("python3", "import os, secrets; print(os.urandom(8), secrets.token_hex())"),
    "UUID": ("python3", "import uuid; print(uuid.uuid4(), uuid.uuid1())"),
    "temporary names": ("python3", "import tempfile; print(tempfile.mktemp(), next(tempfile._get_candidate_names()))"),
    "addresses of objects": ("python3", "import ctypes\nprint(id(object()), ctypes.addressof(ctypes.c_int()))"),
    "addresses of functions": ("python3", "print(id(print), id(len), id(None), id(type))"),
    "address of the C library": ("python3", "print([l for l in open('/proc/self/maps') if 'libc.' in l][0].split()[0])"),
    "address of the stack": ("python3", "print([l for l in open('/proc/self/maps') if 'stack' in l])"),
    "address of the heap": ("python3", "print([l for l in open('/proc/self/maps') if 'heap' in l])"),
    "stack canary": ("python3", "import ctypes; f = ctypes.CDLL(None).getauxval; f.restype = ctypes.c_void_p; "
                                "print(ctypes.string_at(f(25), 16))"),
    "random numbers of JavaScript": ("nodejs", "console.log(Math.random(), Math.random())"),
    "addresses in JavaScript": ("nodejs", "console.log(require('fs').readFileSync('/proc/self/maps', 'utf8').match(/.*libc[.].*/)[0])"),
    "crypto of JavaScript": ("nodejs", "console.log(require('crypto').randomBytes(8).toString('hex'))"),
    "addresses in C": ("c", '#include <stdio.h>\nint main(void) { int a; printf("%p %p %p\\n", (void *)main, (void *)&a, (void *)puts); }'),
    "addresses in Go": ("go", 'package main\nimport "fmt"\nvar m = map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9}\n'
                              "func main() { for range [20]int{} { for k := range m { fmt.Print(k) } } }"),
    "hashes in Rust": ("rust", "use std::collections::HashMap;\nfn main() { let m: HashMap<u32, u32> = (0..40).map(|n| (n, n)).collect(); "
                               "println!(\"{:?}\", m.keys().collect::<Vec<_>>()); }"),
    "random numbers of bash": ("bash", "echo $RANDOM $RANDOM $RANDOM $SRANDOM"),
}  # fmt: skip


@pytest.mark.parametrize("guessed", _GUESSED)
def test_runs_differ_in_what_attackers_guess(run: Any, guessed: str) -> None:
    language, source = _GUESSED[guessed]
    results = []
    for _ in range(5):
        time.sleep(REST_SECONDS)
        results.append(run(language, source))
    assert {result["status"] for result in results} == {"ok"}
    assert len({result["stdout"] for result in results}) == 5
