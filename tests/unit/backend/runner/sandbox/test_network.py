"""What programs do on loopback, in any way that they are started: nothing of it is there for the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.runner.sandbox.host import TEMPLATE_PLACE, Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.spares import Recipe
from tests.unit.backend.runner.conftest import VARIABLES, Place, compile_c, until

pytestmark = pytest.mark.any_python

LIMITS = Limits(timeout=20, memory_kb=1 << 20)
TEMPLATE = ("/usr/bin/python3", "-B", "main.py")
PYTHON = Recipe(command=TEMPLATE, variables=(*VARIABLES, ("PYTHONPATH", TEMPLATE_PLACE)), limits=LIMITS)
WAITS = "const fs = require('fs'); fs.readSync(3, Buffer.alloc(1)); eval(fs.readFileSync('main.js', 'utf8'))"
NODE = Recipe(command=("node", "-e", WAITS), variables=VARIABLES, limits=LIMITS)

# ruff: noqa: E501 - programs, a line each

# What a program finds of loopback, and of what protocols have done: a number that is 0 in a new network.
SEES = """
def seen():
    total = 0
    for name in ("dev", "snmp", "snmp6", "netstat"):
        try: lines = open("/proc/net/" + name).read().splitlines()
        except OSError: continue
        if name == "dev": total += sum(map(int, lines[2].split()[1:]))
        elif name == "snmp6": total += sum(int(line.split()[1]) for line in lines)
        else:
            for names, values in zip(lines[::2], lines[1::2]):
                told = dict(zip(names.split()[1:], map(int, values.split()[1:])))
                for setting in ("Forwarding", "DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn"):
                    told.pop(setting, None)
                total += sum(told.values())
    total += sum(len(open("/proc/net/" + name).readlines()) - 1 for name in ("tcp", "tcp6", "udp", "udp6", "unix"))
    total += len(open("/proc/net/ip6_flowlabel").readlines()) - 1 + int(open("/proc/net/rt6_stats").read().split()[2], 16)
    return total + int(open("/proc/net/sockstat").readline().split()[-1])
"""
ASKS = SEES + "print(seen())"
C_ASKS = r"""
#include <stdio.h>
int main(void) {
    char line[512]; long long found[16] = {0}; FILE *dev = fopen("/proc/net/dev", "r");
    while (dev && fgets(line, sizeof line, dev))
        (void)sscanf(line, " lo: %lld %lld %*d %*d %*d %*d %*d %*d %lld", &found[0], &found[1], &found[2]);
    printf("%lld\n", found[0] + found[1] + found[2]);
    return dev == NULL;
}
"""
NODE_ASKS = """
const lo = fs.readFileSync('/proc/net/dev', 'utf8').split('\\n').find(line => line.includes('lo:'))
console.log(String(lo.split(':')[1].trim().split(/ +/).map(Number).reduce((a, b) => a + b)))
"""

USES = {
    "packets": "s = socket.socket(type=socket.SOCK_DGRAM)\nfor _ in range(777): s.sendto(b'x', ('127.0.0.1', 9))",
    "packets over IPv6": "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\ns.sendto(b'x', ('::1', 9))",
    "a closed connection": "\n".join(
        ["l = socket.create_server(('127.0.0.1', 0))", "c = socket.create_connection(l.getsockname())",
         "a = l.accept()[0]", "c.close(); a.close()"]
    ),
    "a connection that stays open": "l = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(l.getsockname())",
    "no way out": "s = socket.socket()\ntry: s.connect(('1.1.1.1', 53))\nexcept OSError: pass",
    "no way out over IPv6": "s = socket.socket(socket.AF_INET6)\ntry: s.connect(('2606:4700::1', 53))\nexcept OSError: pass",
    "a packet too large": "s = socket.socket(type=socket.SOCK_DGRAM)\ntry: s.sendto(bytes(65520), ('127.0.0.1', 9))\nexcept OSError: pass",
    "a way with more than one path": "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\ntry: s.connect(('1.1.1.1', 53))\nexcept OSError: pass",
    "a way that is only looked up": "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\ns.connect(('::1', 9))",
    "a label of flows": "s = socket.socket(socket.AF_INET6)\ns.setsockopt(41, 32, struct.pack('=16sIBBHHHI', bytes(15) + b'\\1', 0, 0, 255, 1, 60, 60, 0))",
    "names that wait to be collected": "\n".join(
        ["a, b = socket.socketpair()", "s = socket.socket(socket.AF_UNIX); s.bind('\\0left')",
         "socket.send_fds(a, [b'x'], [a.fileno(), b.fileno(), s.fileno()])",
         "socket.send_fds(b, [b'x'], [a.fileno(), b.fileno(), s.fileno()])"]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def busy(host: Host) -> Iterator[Place]:
    """A slot with all that can wait there."""
    made = Place(host)
    try:
        made.do(made.slot.open())
        made.slot.spares.add_templates(PYTHON, 2)
        made.do(until(lambda: len(made.slot.spares.templates) == 2))
        yield made
    finally:
        made.close()


def python(place: Place, source: str, *, template: bool = False) -> str:
    """What a Python program printed, in a fork of a template or started anew."""
    forker = place.slot.spares.take_template() if template else 0
    verdict = place.run(TEMPLATE, limits=LIMITS, files={"main.py": source.encode()}, forker=forker)
    assert (verdict.exit_code, verdict.stderr.decode()) == (0, "")
    return verdict.stdout.decode()


def node(place: Place, key: str, source: str) -> str:
    verdict = place.run(("node", "-e", WAITS), limits=LIMITS, files={"main.js": source.encode()}, warm=key, go=b"!")
    assert (verdict.exit_code, verdict.stderr.decode()) == (0, "")
    return verdict.stdout.decode()


@pytest.mark.parametrize("template", [True, False])
@pytest.mark.parametrize("use", USES)
def test_nothing_of_a_network_is_left(busy: Place, tmp_path: Path, use: str, template: bool) -> None:
    busy.slot.spares.add_warm("nodejs", NODE)
    before = busy.slot.spares.take_warm("nodejs")
    python(busy, "import time; time.sleep(0.5)")  # the warm one has begun meanwhile
    assert python(busy, ASKS, template=template) == "0\n"
    python(busy, f"import socket, struct\n{USES[use]}", template=template)
    assert python(busy, ASKS, template=template) == "0\n"
    assert python(busy, ASKS, template=not template) == "0\n"
    assert node(busy, before, NODE_ASKS) == "0\n"
    program = compile_c(C_ASKS, tmp_path)
    asked = busy.run(("/work/main",), files={"main": program}, executables=frozenset({"main"}))
    assert (asked.exit_code, asked.stdout) == (0, b"0\n")


def test_what_a_warm_program_did_is_seen_by_nobody(busy: Place) -> None:
    keys = []
    for _ in range(2):
        busy.slot.spares.add_warm("nodejs", NODE)
        keys.append(busy.slot.spares.take_warm("nodejs"))
    speaks = "const s = require('dgram').createSocket('udp4'); s.send('x', 9, '127.0.0.1', () => s.close())"
    node(busy, keys[0], speaks)
    assert node(busy, keys[1], NODE_ASKS) == "0\n"
    assert python(busy, ASKS, template=True) == "0\n"


def test_a_program_sees_what_it_did_itself(busy: Place) -> None:
    assert int(python(busy, f"import socket\n{USES['packets']}\n{ASKS}", template=True)) > 777


def test_a_network_that_was_not_used_serves_the_next(busy: Place) -> None:
    """It has a number that no other ever has."""
    number = "import socket\na, b = socket.socketpair()\nprint(a.getsockopt(socket.SOL_SOCKET, 71, 8).hex())"
    made = {python(busy, number, template=run % 2 == 0) for run in range(20)}
    # Else there were 20. How many there are depends on when the keeper finds time to make some ahead.
    assert len(made) < 20
    for _ in range(3):
        python(busy, f"import socket\n{USES['packets']}")
    assert made.isdisjoint(python(busy, number) for _ in range(4))


def test_two_cells_never_share_a_network(busy: Place) -> None:
    """Neither with what waits, which may make sockets as it starts."""
    listens = "const s = require('net').createServer().listen(4711); " + WAITS
    busy.do(busy.slot.open()).warm("listens", ("node", "-e", listens), VARIABLES, LIMITS, ())
    python(busy, "import time; time.sleep(0.5)")
    assert python(busy, "import socket\nsocket.create_server(('127.0.0.1', 4711))\nprint('free')") == "free\n"
    assert node(busy, "listens", "s.close(); console.log('mine')") == "mine\n"
