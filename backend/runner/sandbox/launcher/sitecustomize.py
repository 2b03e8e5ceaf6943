"""Turns an interpreter that starts into a template, whose forked children run /work/main.py as `python3 main.py` does.

`template.c` is the other half, and says how the two share the work.
"""


def _serve() -> None:
    import gc
    import os
    import sys

    import _template

    here = __file__.rpartition("/")[0]
    modules = sys.modules
    path, collect = sys.path, gc.collect
    from _weakref import ref
    from atexit import _run_exitfuncs
    from importlib.machinery import SourceFileLoader

    def begin(arguments: list[str]) -> bytes:
        """In the child: what the interpreter does before the first line of the program. Returns its source."""
        sys.argv[:] = arguments[arguments.index("main.py") :]
        sys.orig_argv[:] = arguments
        path.insert(0, "/work")
        main = modules["__main__"]
        main.__file__ = "/work/main.py"
        main.__cached__ = None
        main.__loader__ = SourceFileLoader("__main__", "/work/main.py")
        with open("/work/main.py", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()

    def flush() -> object:
        """Whether all output could be written; None where it could not."""
        done: object = True
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None and not stream.closed:
                    stream.flush()
            except BaseException:
                if stream is sys.stdout:
                    sys.unraisablehook(_Unraisable(sys.exc_info(), stream))
                    done = None
        return done

    def finish() -> object:
        """In the child: what the interpreter does after the last line, as far as a program can tell."""
        if (threading := modules.get("threading")) is not None:
            threading._shutdown()
        _run_exitfuncs()
        done = flush()
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
        return flush() and done

    class _Unraisable:
        def __init__(self, info: tuple, stream: object) -> None:
            self.exc_type, self.exc_value, self.exc_traceback = info
            self.err_msg, self.object = None, stream

    del modules["_template"], os.environ["PYTHONPATH"]
    path.remove(here)
    sys.path_importer_cache.pop(here, None)
    module_type = type(sys)
    known = frozenset(modules)
    collect()
    gc.freeze()
    _template.serve(begin, finish)


_serve()
