"""Turns an interpreter that starts into a template, whose forked children run /work/main.py as `python3 main.py` does.

`template.c` is the other half, and says how the two share the work.
"""


def _serve() -> None:
    import sys

    modules = sys.modules
    known = {*modules, "sitecustomize"}
    import gc
    import os
    from _frozen_importlib_external import PathFinder, SourceFileLoader
    from atexit import _run_exitfuncs

    import _lines
    import _template

    here = __file__.rpartition("/")[0]
    path, module_type = sys.path, type(sys)

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
        sys.path_importer_cache["/work/main.py"] = None
        with open(file, "rb", buffering=0) as source:  # noqa: PTH123
            return source.read()

    _lines.write_lines()
    for name in [*modules]:
        if name not in known:
            del modules[name]
    del os.environ["PYTHONPATH"]
    _template.forget()
    path.remove(here)
    sys.path_importer_cache.pop(here, None)
    PathFinder.find_spec("_nowhere")  # an interpreter that starts looks for something in vain, through the whole path
    gc.collect()
    gc.freeze()
    _template.serve(begin, modules.copy(), _run_exitfuncs, gc.collect, gc.callbacks)


_serve()
