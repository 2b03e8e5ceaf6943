"""Turns an interpreter that starts into a template, whose forked children run /work/main.py as `python3 main.py` does.

`template.c` is the other half, and says how the two share the work. `libraries.py` has it import libraries first, whose
names come behind a "+" in PYTHONPATH.
"""


def _serve() -> None:
    import sys

    modules = sys.modules
    known = {*modules, "sitecustomize"}
    import gc
    import os
    from _frozen_importlib_external import SourceFileLoader
    from atexit import _run_exitfuncs

    import _lines
    import _template

    here = __file__.rpartition("/")[0]
    path, module_type = sys.path, type(sys)
    libraries = [place for place in os.environ["PYTHONPATH"].split(":") if place[:1] == "+"]
    if libraries:
        import _libraries

    def begin(arguments: list[str], file: str) -> bytes:
        """In the child: what an interpreter does before its program's first line. Returns its source, from `file`."""
        sys.argv[:] = arguments[arguments.index("main.py") :]
        sys.orig_argv[:] = arguments
        path.insert(0, "/work")
        main = module_type("__main__")  # a new one: what was there is not looked at when it is time to collect
        vars(main).update(vars(modules["__main__"]))
        modules["__main__"] = main
        main.__file__ = "/work/main.py"
        main.__cached__ = None
        main.__loader__ = SourceFileLoader("__main__", "/work/main.py")
        with open(file, "rb", buffering=0) as source:  # noqa: PTH123
            text = source.read()
        if libraries:
            renew(bool(text))
        return text

    _lines.write_lines()
    for name in [*modules]:
        if name not in known:
            del modules[name]
    del os.environ["PYTHONPATH"]
    _template.forget()
    for place in [here, *(each for each in path if "/+" in each)]:
        path.remove(place)
        sys.path_importer_cache.pop(place, None)
    _lines.run_own()
    for name in ("sitecustomize", "site"):  # a module takes its place once it is whole
        modules[name] = modules.pop(name)
    sys.path_importer_cache["/work/main.py"] = None
    if libraries:
        renew = _libraries.hold([name[1:] for name in libraries], _template, gc.get_objects)
    gc.collect()
    gc.freeze()
    short = "".join(f"import {name[1:]}\n" for name in libraries) + "print('Hello, world!')\n"
    settle = getattr(getattr(modules.get("threading"), "_main_thread", None), "_set_tstate_lock", None)
    _template.serve(begin, modules.copy(), _run_exitfuncs, gc.collect, gc.callbacks, short.encode(), settle)


_serve()
