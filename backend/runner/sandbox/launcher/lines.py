"""Python's output in time: sys.stdout with line buffering, as `output.c` has it.

A template imports this. A Python that is started anew has it first on PYTHONPATH, under the name of `sitecustomize`;
it leaves no trace but that name.
"""


def write_lines() -> None:
    """Put a stream that writes its lines as they end in the place of sys.stdout, where that has none."""
    import io
    import sys

    import _template

    old = sys.stdout
    if old is None or old.line_buffering or old.write_through:
        return
    raw = _template.counting_type(io.FileIO)(1, "wb", closefd=False)
    raw.name = old.buffer.raw.name
    stream = io.TextIOWrapper(io.BufferedWriter(raw), old.encoding, old.errors, "\n", line_buffering=True)
    stream.mode = "w"
    _template.watch_stream(
        stream, type(stream).__basicsize__,
        lambda: stream.reconfigure(line_buffering=True), lambda: stream.reconfigure(line_buffering=False),
    )  # fmt: skip
    sys.stdout = sys.__stdout__ = stream


def run_own() -> None:
    """Run the machine's own `sitecustomize`, which a bare start would have run instead, once ours is off the path."""
    import sys
    from _frozen_importlib import module_from_spec

    if own := sys.meta_path[-1].find_spec("sitecustomize"):
        try:
            sys.modules["sitecustomize"] = module_from_spec(own)
            own.loader.exec_module(sys.modules["sitecustomize"])
        except Exception:  # noqa: S110 - it is somebody else's, and a bare start goes on too
            pass


def _begin() -> None:
    import os
    import sys

    here = __file__.rpartition("/")[0]
    template = here.rpartition("/")[0]
    sys.path[sys.path.index(here)] = template
    modules = {*sys.modules}
    write_lines()
    sys.path.remove(template)
    import _template

    _template.forget()
    del os.environ["PYTHONPATH"]
    for name in [*sys.modules]:
        if name not in modules:
            del sys.modules[name]
    for place in (here, template):
        sys.path_importer_cache.pop(place, None)
    run_own()
    for name in [*globals()]:
        if name[:2] != "__":
            del globals()[name]


if __name__ == "sitecustomize":
    _begin()
