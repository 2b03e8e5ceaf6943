"""Programs in TypeScript: those of JavaScript that are modules, and what types and their removal add."""

# ruff: noqa: E501 - programs, a line each

from tests.warm import nodejs
from tests.warm.pair import Program

_OWN = {
    "types": "interface P { x: number }\nconst p: P = { x: 1 };\nconsole.log(p satisfies P);", "enum": "enum E { A, B = 'b' as any }\nconsole.log(E);", "const enum": "const enum C { X = 3 }\nconsole.log(C.X);", "namespace": "namespace N { export const a = 1 }\nconsole.log(N.a);",
    "decorators": "class A { constructor(private readonly x: number) {}\n get y() { return this.x; } }\nconsole.log(new A(3).y, new A(4));", "top await": "console.log(await Promise.resolve(5));", "import": "import { x } from './x';\nconsole.log(x);", "type import": "import type { T } from './x';\nconst t: T = 5;\nconsole.log(t);",
    "json": "import d from './data.json';\nconsole.log(d);", "fails with lines": "type A = 1;\n\nfunction f(): never {\n  throw new Error('at line 4');\n}\nf();", "fails elsewhere": "import { fail } from './x';\nfail();", "meta": "console.log(import.meta.url, typeof require, process.argv);", "package": "import x from '#x';\nconsole.log(x);",
    "does not compile": "const x: = 5;", "missing": "import './nothing';", "external": "import express from 'express';\nconsole.log(express);", "rejected": "await Promise.reject(new TypeError('top'));", "never": "await new Promise(() => {});", "stack": "console.log(new Error('s').stack);",
}  # fmt: skip
_FILES = {
    "x.ts": "export const x: number = 7;\nexport type T = number;\n\nexport function fail(): never {\n  throw new RangeError('in x');\n}\nexport default 'x';\n",
    "data.json": '{"n": 1}',
}

PROGRAMS = {name: program for name, program in nodejs.PROGRAMS.items() if not name.startswith("package ")}
for _package, _text in nodejs._PACKAGES.items():
    for _form in ("types", "import", "package", "fails with lines", "external"):
        _more = {} if _text is None else {"package.json": _text}
        PROGRAMS[f"package {_package}: {_form}"] = Program(_OWN[_form], {**_FILES, **_more})
for _name, _source in _OWN.items():
    PROGRAMS[f"typed: {_name}"] = Program(_source, _FILES)
