import struct

import pytest

from backend.runner.sandbox import seccomp

TELL = 0x7FC00000
ALLOW, KILL, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026, 0x00050061
X86_64 = 0xC000003E


def _decide(program: bytes, number: int, *arguments: int, architecture: int = X86_64) -> int:
    """What the kernel would answer: an interpreter of the few instructions that filters are made of."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    lines = list(struct.iter_unpack("<HBBI", program))
    position, value = 0, 0
    while True:
        code, if_true, if_false, operand = lines[position]
        position += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == 0x06:
            return int(operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            position += if_true if holds else if_false


@pytest.fixture
def x86_64() -> bytes:
    program = seccomp.program("x86_64")
    assert program is not None
    return program


@pytest.mark.parametrize("number", [0, 1, 2, 9, 59, 60, 202, 257, 318, 334, 424, 435 - 1, 439])
def test_what_programs_use_is_allowed(x86_64: bytes, number: int) -> None:
    assert _decide(x86_64, number) == ALLOW


@pytest.mark.parametrize("number", [101, 165, 272, 308, 155, 161, 321, 298, 250, 323, 310, 175, 246, 169])
def test_what_no_program_needs_is_denied(x86_64: bytes, number: int) -> None:
    assert _decide(x86_64, number) == EPERM


@pytest.mark.parametrize("number", [29, 319, 435, 425, 426, 427, 335, 463, 500, 0x3FFFFFFF])
def test_what_is_left_out_or_unknown_does_not_exist(x86_64: bytes, number: int) -> None:
    assert _decide(x86_64, number) == ENOSYS


def test_what_shares_memory_with_its_parent_is_told_to_the_launcher_and_a_plain_fork_is_not(x86_64: bytes) -> None:
    threads, spawn, fork = 0x003D0F00, 0x00004111, 0x01200011
    assert [_decide(x86_64, 56, flags) for flags in (threads, spawn, fork)] == [TELL, TELL, ALLOW]
    assert [_decide(x86_64, number) for number in (57, 58)] == [ALLOW, TELL]


def test_who_sends_the_signal_of_the_file_limit_is_told(x86_64: bytes) -> None:
    ways = {62: (1,), 200: (1,), 129: (1,), 234: (1, 1), 297: (1, 1)}
    for number, before in ways.items():
        assert _decide(x86_64, number, *before, 25) == TELL
        assert {_decide(x86_64, number, *before, signal, 25) for signal in (0, 9, 24, 26)} == {ALLOW}


def test_stdout_and_stderr_are_not_made_to_return_at_once(x86_64: bytes) -> None:
    done, flags, pipe = 0x00050000, 0x800, 0x5421
    for descriptor, expected in {0: ALLOW, 1: done, 2: done, 3: ALLOW, 257: ALLOW}.items():
        assert _decide(x86_64, 16, descriptor, pipe) == expected
        assert _decide(x86_64, 72, descriptor, 4, flags | 2) == expected
        assert _decide(x86_64, 72, descriptor, 4, 2) == ALLOW
        assert _decide(x86_64, 72, descriptor, 3, flags) == ALLOW


def test_pipes_and_sockets_hold_no_more_than_they_do_at_first(x86_64: bytes) -> None:
    sizes = {4096: ALLOW, 65536: ALLOW, 65537: EPERM, 1 << 20: EPERM}
    assert {size: _decide(x86_64, 72, 5, 1031, size) for size in sizes} == sizes
    assert [_decide(x86_64, 54, 5, 1, option) for option in (2, 26, 50, 51, 52)] == [ALLOW, EPERM, EPERM, EPERM, EPERM]


def test_a_language_may_be_granted_more() -> None:
    granted = seccomp.program("x86_64", ("memfd_create",))
    assert granted is not None
    assert (_decide(granted, 319), _decide(granted, 240)) == (ALLOW, ENOSYS)
    with pytest.raises(ValueError, match="clone3 cannot be granted"):
        seccomp.program("x86_64", ("clone3",))


def test_clone_makes_no_namespace_and_no_sibling(x86_64: bytes) -> None:
    for shift in (15, 17, 25, 26, 27, 28, 29, 30):
        assert _decide(x86_64, 56, 17 | 1 << shift) == EPERM


def test_only_ordinary_sockets_are_made(x86_64: bytes) -> None:
    assert {_decide(x86_64, 41, family) for family in (1, 2, 10)} == {ALLOW}
    assert {_decide(x86_64, 41, family) for family in (0, 16, 17, 38, 40)} == {EAFNOSUPPORT}


def test_nobody_types_for_another(x86_64: bytes) -> None:
    assert _decide(x86_64, 16, 0, 0x5412) == EPERM
    assert _decide(x86_64, 16, 0, 0x5401) == ALLOW


def test_socket_buffers_keep_their_size_and_other_options_are_set(x86_64: bytes) -> None:
    pretend = 0x00050000
    assert [_decide(x86_64, 54, 3, 1, option) for option in (7, 8)] == [pretend] * 2
    assert [_decide(x86_64, 54, 3, 1, option) for option in (2, 9)] == [ALLOW] * 2
    assert [_decide(x86_64, 54, 3, level, 7) for level in (0, 6)] == [ALLOW] * 2


def test_other_calling_conventions_are_fatal(x86_64: bytes) -> None:
    assert _decide(x86_64, 1, architecture=0x40000003) == KILL
    assert _decide(x86_64, 0x40000000 | 1) == KILL


def test_arm_has_its_own_numbers_and_others_have_none() -> None:
    program = seccomp.program("aarch64")
    assert program is not None
    assert _decide(program, 64, architecture=0xC00000B7) == ALLOW
    assert _decide(program, 40, architecture=0xC00000B7) == EPERM
    assert _decide(program, 1) == KILL
    assert seccomp.program("mips") is None
