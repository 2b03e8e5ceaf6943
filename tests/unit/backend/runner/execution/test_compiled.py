import os
from pathlib import Path

from backend.runner.execution.compiled import CompileCache, Program, key_of
from backend.runner.sandbox import frames
from backend.runner.sandbox.verdict import Ending, Verdict

VERDICT = Verdict(ending=Ending.EXITED, exit_code=0)


def _program(size: int) -> Program:
    return Program(frames.sealed(b"x" * size), VERDICT)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_kept_is_given_out_by_its_key_with_a_descriptor_of_its_own() -> None:
    cache, made = CompileCache(100_000), _program(100)
    cache.keep(b"key", made)
    made.close()
    assert cache.take(b"other") is None
    for _ in range(2):
        taken = cache.take(b"key")
        assert taken is not None
        assert (os.pread(taken.descriptor, 1000, 0), taken.cached) == (b"x" * 100, True)
        taken.close()


def test_the_least_recently_used_is_dropped_and_its_descriptor_closed() -> None:
    before, cache = _descriptors(), CompileCache(4 * 20_480)
    for key in (b"a", b"b", b"c"):
        made = _program(15_000)
        cache.keep(key, made)
        made.close()
    if (used := cache.take(b"a")) is not None:
        used.close()
    for key in (b"d", b"e"):
        made = _program(15_000)
        cache.keep(key, made)
        made.close()
    kept = set()
    for key in (b"a", b"b", b"c", b"d", b"e"):
        if (one := cache.take(key)) is not None:
            kept.add(key)
            one.close()
    assert kept == {b"a", b"c", b"d", b"e"}
    assert cache.size == 4 * 20_480
    cache.clear()
    assert (cache.size, _descriptors()) == (0, before)


def test_one_program_does_not_drive_out_all_others() -> None:
    cache, large = CompileCache(100_000), _program(25_000)
    cache.keep(b"large", large)
    large.close()
    assert cache.take(b"large") is None


def test_many_small_programs_take_whole_pages_and_few_descriptors() -> None:
    before, cache = _descriptors(), CompileCache(1 << 20, most_programs=100)
    for number in range(400):
        made = _program(317)
        cache.keep(b"%d" % number, made)
        made.close()
    assert _descriptors() - before == 100
    assert cache.size == 100 * 2 * 4096
    cache.clear()
    narrow = CompileCache(80 * 4096)
    for number in range(400):
        made = _program(317)
        narrow.keep(b"%d" % number, made)
        made.close()
    assert _descriptors() - before == 40
    narrow.clear()


def test_a_key_tells_apart_whatever_differs() -> None:
    parts = [b"c", b"main.c", b"int main;"]
    others = [[b"c++", *parts[1:]], [b"c", b"main.cint main;", b""], [b"c", b"main.", b"cint main;"], parts[:2]]
    assert len({key_of(parts), *map(key_of, others)}) == 5
    assert key_of(parts) == key_of(list(parts))
