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
    from _weakref import ref
    from atexit import _run_exitfuncs

    import _template

    here = __file__.rpartition("/")[0]
    path, collect, module_type = sys.path, gc.collect, type(sys)

    def begin(arguments: list[str]) -> bytes:
        """In the child: what the interpreter does before the first line of the program. Returns its source."""
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
        with open("/work/main.py", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()

    def leave() -> None:
        """In the child: what comes after the last line, while everything is still in place."""
        _run_exitfuncs()

    def tidy() -> None:
        """In the child: let what the program made come to its end, as far as a program can tell."""
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            if hasattr(sys, name):
                setattr(sys, name, None)
        alive = [ref(modules[name]) for name in [*modules] if name not in known and type(modules[name]) is module_type]
        alive.insert(0, ref(modules["__main__"]))
        for name in [*modules]:
            if name not in known or name == "__main__":
                del modules[name]
        collect()  # most of what is left is found here, with all that its own end may need still in place
        for each in reversed(alive):
            if (module := each()) is not None:
                names = vars(module)
                for name in [*names]:
                    if name != "__builtins__":
                        names[name] = None

    for name in [*modules]:
        if name not in known:
            del modules[name]
    del os.environ["PYTHONPATH"]
    _template.forget()
    path.remove(here)
    sys.path_importer_cache.pop(here, None)
    PathFinder.find_spec("_nowhere")  # an interpreter that starts looks for something in vain, through the whole path
    collect()
    gc.freeze()
    _template.serve(begin, leave, tidy)


_serve()
