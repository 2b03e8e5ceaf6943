"""Has a template import libraries before there is a program, so that it is, in all that can be told, at the point where
a program is whose first statements import them.

What an import leaves behind that is of its moment is made anew in each child: what was drawn from chance, the time at
which logging began, directories in /work. A template is none that has threads, open files or output after it.
"""

TYPE_CHECKING = False  # what is imported here would leave traces in a template
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def hold(names: list[str], template: "ModuleType", objects: "Callable[[], list[object]]") -> "Callable[[bool], None]":
    """Import `names` as from /work. Returns what each child does before its program, which does or does not use /work.

    `objects` are gc's. Leaves with status 1 where a child could not be as an interpreter that imports them itself.
    """
    import os
    import sys

    template.lend_work()
    os.chdir("/work")
    said = os.memfd_create("said")
    streams = [(stream, os.dup(stream)) for stream in (1, 2)]
    for stream, _ in streams:
        os.dup2(said, stream)
    sys.path.insert(0, "/work")
    for name in names:
        __import__(name)
    sys.path.remove("/work")
    sys.stdout.flush()
    told = os.lseek(said, 0, os.SEEK_CUR)
    for stream, kept in streams:
        os.dup2(kept, stream)
        os.close(kept)
    os.close(said)
    made = _made("/work")
    template.take_work_back()
    os.chdir("/work")
    if told or made is None or len(os.listdir("/proc/self/task")) > 1 or _opened() or "multiprocessing" in sys.modules:  # noqa: PTH208
        os._exit(1)
    return _renewing(made, objects())


def _made(place: str) -> "list[tuple[int, str, int]] | None":
    """Inodes, directories beneath `place` and their modes, as they were made; None where there is a file."""
    import os

    found = []
    with os.scandir(place) as entries:
        for entry in entries:
            inner = _made(entry.path) if entry.is_dir(follow_symlinks=False) else None
            if inner is None:
                return None
            found += [(entry.inode(), entry.path, entry.stat().st_mode & 0o7777), *inner]
    return sorted(found)


def _opened() -> bool:
    """Whether there are descriptors beside the standard streams and the template's socket."""
    import os

    with os.scandir("/proc/self/fd") as listed:
        return any(int(entry.name) > 3 and not os.readlink(entry).startswith("/proc/") for entry in listed)  # noqa: PTH115


def _renewing(made: list[tuple[int, str, int]], objects: list[object]) -> "Callable[[bool], None]":
    import os
    import sys

    modules, finder = sys.modules, sys.path_importer_cache["/work"]
    finder.invalidate_caches()
    logging, chance, numpy = modules.get("logging"), modules.get("random"), modules.get("numpy.random")
    threading = modules.get("threading")
    clock = None
    if logging is not None:  # in nanoseconds from Python 3.13 on
        clock = logging.time.time_ns if isinstance(logging._startTime, int) else logging.time.time
    drawn = [] if chance is None else [one for one in objects if isinstance(one, chance.Random)]

    def renew(uses_work: bool) -> None:
        if uses_work:
            for _, place, mode in made:
                try:
                    os.mkdir(place, mode)  # noqa: PTH102
                except OSError:  # its work directory is full
                    break
            finder.find_spec("_nowhere")  # it knows what is there now
        if threading is not None:  # before Python 3.12 a forked thread has its parent's number
            threading.main_thread()._set_native_id()
        if clock is not None:
            logging._startTime = clock()
        for one in drawn:
            one.seed()
        if numpy is not None:
            numpy.mtrand.set_bit_generator(numpy.MT19937())

    return renew
