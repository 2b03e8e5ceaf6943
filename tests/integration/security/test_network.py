"""Programs that look for a way to somebody else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

_TRIED = """
import ctypes, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def connect(family, address, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind); s.settimeout(2); s.connect(address); return s
def raw(family, kind, protocol=0):
    if libc.socket(family, kind, protocol) < 0: raise OSError(ctypes.get_errno(), "")
try:
    {attempt}
    print("open")
except OSError:
    print("closed")
"""

_ATTEMPTS = {
    "a host outside": "connect(socket.AF_INET, ('1.1.1.1', 53))",
    "a host outside over IPv6": "connect(socket.AF_INET6, ('2606:4700:4700::1111', 53))",
    "the service": "connect(socket.AF_INET, ('127.0.0.1', 10100))",
    "the service over IPv6": "connect(socket.AF_INET6, ('::1', 10100))",
    "any address": "connect(socket.AF_INET, ('0.0.0.0', 10100))",
    "the cloud's metadata": "connect(socket.AF_INET, ('169.254.169.254', 80))",
    "the engine's bridge": "connect(socket.AF_INET, ('172.17.0.1', 22))",
    "a private network": "connect(socket.AF_INET6, ('fdaa::3', 53))",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))",
    "UDP over IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('2001:4860:4860::8888', 53))",
    "broadcast": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, 6, 1); s.sendto(b'x', ('255.255.255.255', 9))",
    "multicast": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('224.0.0.1', 9))",
    "fast open": "socket.socket().sendto(b'x', 0x20000000, ('1.1.1.1', 80))",
    "a name": "socket.getaddrinfo('example.com', 80)",
    "ping": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).sendto(b'\\x08\\0\\0\\0\\0\\0\\0\\0', ('127.0.0.1', 0))",
    "raw": "raw(2, 3, 1)",
    "raw IPv6": "raw(10, 3, 58)",
    "packets": "raw(17, 3, 0x300)",
    "netlink": "raw(16, 3, 0)",
    "netfilter": "raw(16, 3, 12)",
    "kernel events": "raw(16, 2, 15)",
    "virtual machine sockets": "raw(40, 1)",
    "the kernel's ciphers": "raw(38, 5)",
    "Bluetooth": "raw(31, 3, 1)",
    "CAN": "raw(29, 3, 1)",
    "TIPC": "raw(30, 1)",
    "RDS": "raw(21, 5)",
    "XDP": "raw(44, 3)",
    "keys": "raw(15, 3, 2)",
    "SCTP": "raw(2, 1, 132)",
    "the engine's socket": "connect(socket.AF_UNIX, '/var/run/docker.sock')",
    "the system bus": "connect(socket.AF_UNIX, '/run/dbus/system_bus_socket')",
    "the init's abstract socket": "connect(socket.AF_UNIX, '\\0/org/freedesktop/systemd1/private')",
    "the log": "connect(socket.AF_UNIX, '/dev/log', socket.SOCK_DGRAM)",
    "an interface's address": "import fcntl; fcntl.ioctl(socket.socket(), 0x8916, struct.pack('16sH2s4s8s', b'lo', 2, b'', b'\\x0a\\0\\0\\1', b''))",
    "an interface's state": "import fcntl; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14s', b'lo', 0, b''))",
    "firewall rules": "socket.socket(socket.AF_INET, socket.SOCK_STREAM).getsockopt(0, 64, 84)",
}


@pytest.mark.parametrize("attempt", _ATTEMPTS)
def test_there_is_no_network(attack: Any, attempt: str) -> None:
    source = _TRIED.replace("{attempt}", _ATTEMPTS[attempt])
    assert attack("python3", source, limits={"timeout": 5})["stdout"] == "closed\n"


@pytest.mark.parametrize("language", ["nodejs", "go", "rust", "bash"])
def test_no_language_has_a_network(attack: Any, language: str) -> None:
    sources = {
        "nodejs": "require('net').connect(53, '1.1.1.1').on('connect', () => console.log('open')).on('error', () => "
        "console.log('closed'))",
        "go": 'package main\nimport ("fmt"; "net")\nfunc main() { if _, err := net.Dial("tcp", "1.1.1.1:53"); err != nil '
        '{ fmt.Println("closed") } else { fmt.Println("open") } }',
        "rust": 'fn main() { println!("{}", if std::net::TcpStream::connect("1.1.1.1:53").is_ok() { "open" } '
        'else { "closed" }); }',
        "bash": "(exec 3<>/dev/tcp/1.1.1.1/53) 2>/dev/null && echo open || echo closed",
    }
    assert attack(language, sources[language], limits={"timeout": 8})["stdout"] == "closed\n"


def test_the_only_interface_is_loopback(attack: Any) -> None:
    source = "import socket\nprint([name for _, name in socket.if_nameindex()])\nprint(open('/proc/net/dev').read().count(':'))"
    result = attack("python3", source)
    names = result["stdout"].splitlines()
    assert names[-1] == "1" if len(names) == 2 else "Error" in result["stderr"]  # if_nameindex asks over netlink
    assert "eth" not in result["stdout"]


def test_a_program_may_speak_to_itself(attack: Any) -> None:
    source = """
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, "socket"), (socket.AF_UNIX, "\\0own")):
    server = socket.socket(family); server.bind(address); server.listen()
    client = socket.socket(family); client.settimeout(2); client.connect(server.getsockname())
    server.accept()[0].send(b"x"); print(client.recv(1))"""
    assert attack("python3", source)["stdout"] == "b'x'\n" * 3


_PLACES = {
    "loopback": ("socket.AF_INET", "('127.0.0.1', 23456)"),
    "loopback over IPv6": ("socket.AF_INET6", "('::1', 23456)"),
    "abstract Unix socket": ("socket.AF_UNIX", "'\\0codecanvas-meeting'"),
    "Unix socket in the work directory": ("socket.AF_UNIX", "'/work/meeting'"),
    "Unix socket in /tmp": ("socket.AF_UNIX", "'/tmp/meeting'"),
    "Unix socket in shared memory": ("socket.AF_UNIX", "'/dev/shm/meeting'"),
}


@pytest.mark.parametrize("place", _PLACES)
def test_two_runs_at_once_cannot_meet(run: Any, place: str) -> None:
    family, address = _PLACES[place]
    listening = f"""
import socket
s = socket.socket({family}); s.bind({address}); s.listen(); s.settimeout(1.5)
try: s.accept(); print("met")
except TimeoutError: print("alone")"""
    looking = f"""
import socket, time
end = time.monotonic() + 1.2
while time.monotonic() < end:
    s = socket.socket({family}); s.settimeout(0.2)
    try: s.connect({address}); print("met"); break
    except OSError: time.sleep(0.02)
else: print("alone")"""
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda source: run("python3", source, limits={"timeout": 5}), (listening, looking)))
    assert [(result["status"], result["stdout"]) for result in found] in (
        [("ok", "alone\n")] * 2,
        [("runtime_error", ""), ("ok", "alone\n")],  # no IPv6 to listen on
    )
