"""Checks which isolation layers hold on this host, from inside a sandbox."""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.runner.errors import LayersMissing
from backend.runner.sandbox import seccomp
from backend.runner.sandbox.cgroup import Cgroups
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict

NAMESPACES = {"user": "user", "mount": "mnt", "pid": "pid", "ipc": "ipc", "uts": "uts", "network": "net"}

# What the probe prints, one fact a line: namespaces, then what the kernel says of the process, then attempts.
_PROBE = r"""
for n in user mnt pid ipc uts net cgroup; do echo "ns-$n $(readlink /proc/self/ns/$n)"; done
grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -s "\t" " "
for f in / /usr /etc /dev; do if touch $f/.probe 2>/dev/null; then echo "writable $f"; fi; done
for f in /root /home /sys /boot /var /run; do [ -e $f ] && echo "visible $f"; done
echo "nproc $(ulimit -u)"; echo "fsize $(ulimit -f)"; echo "core $(ulimit -c)"
echo "work $(stat -f -c '%T %b %S' /work)"
echo "links $(grep -c : /proc/net/dev)"
"""


class State(enum.StrEnum):
    """Whether a layer holds."""

    HELD = "held"
    DEGRADED = "degraded"
    """A weaker mechanism replaces it; the detail says which."""
    MISSING = "missing"


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer and whether it holds."""

    name: str
    state: State
    detail: str = ""


_LIMITS = Limits(timeout=10)


async def probe(slot: Slot, cgroups: Cgroups | None, variables: tuple[tuple[str, str], ...]) -> tuple[Layer, ...]:
    """Run a probe in a cell of `slot` and report every layer."""
    keeper = await slot.open()
    verdict = await slot.run(Step(command=("bash", "-c", _PROBE), limits=_LIMITS, variables=variables))
    if verdict.ending is not Ending.EXITED or verdict.status != 0:
        return (Layer("sandbox", State.MISSING, _failure(verdict)),)
    facts: dict[str, str] = {}
    for line in verdict.stdout.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        facts[key] = f"{facts[key]} {value}" if key in facts else value
    return tuple(_layers(facts, slot, cgroups, has_proc=keeper.has_proc))


def _failure(verdict: Verdict) -> str:
    said = (verdict.detail or verdict.stderr.decode("utf-8", "replace")).strip()
    return f"no program can be run in a sandbox here: {said}. Allow user namespaces"


def _held(name: str, holds: bool, otherwise: str, detail: str = "") -> Layer:
    return Layer(name, State.HELD, detail) if holds else Layer(name, State.MISSING, otherwise)


def _layers(facts: Mapping[str, str], slot: Slot, cgroups: Cgroups | None, *, has_proc: bool) -> Sequence[Layer]:
    layers = [
        _held(f"{name} namespace", _own(facts, link, has_proc=has_proc), "shared with the service")
        for name, link in NAMESPACES.items()
    ]
    cgroup = State.HELD if _own(facts, "cgroup", has_proc=has_proc) else State.DEGRADED
    layers.append(Layer("cgroup namespace", cgroup, "" if cgroup is State.HELD else "shared; no cgroup is mounted"))
    layers.append(
        _held("no network", facts.get("links") == "1" or not has_proc, "interfaces beside loopback", "loopback only")
    )
    layers.append(_proc(has_proc=has_proc))
    if has_proc:
        unprivileged = all(int(facts.get(name, "1"), 16) == 0 for name in ("CapEff:", "CapBnd:"))
        layers.append(_held("no capabilities", unprivileged, "capabilities are left"))
        layers.append(_held("no new privileges", facts.get("NoNewPrivs:") == "1", "privileges can be gained"))
    layers.append(_seccomp(facts, has_proc=has_proc))
    layers.append(_held("read-only root", "writable" not in facts, f"writable: {facts.get('writable')}"))
    layers.append(_held("private root", "visible" not in facts, f"visible: {facts.get('visible')}"))
    limited = facts.get("nproc") == str(_LIMITS.processes + 1) and facts.get("core") == "0"
    layers.append(_held("resource limits", limited, "limits are not applied"))
    layers.append(_work(facts))
    layers.append(_uid(slot))
    layers.append(_memory(cgroups))
    return layers


def _proc(*, has_proc: bool) -> Layer:
    if has_proc:
        return Layer("private /proc", State.HELD, "of the program's own processes only")
    return Layer(
        "private /proc", State.DEGRADED, "parts of /proc are masked here, so programs get none, and some languages "
        "fail; run the container with --security-opt systempaths=unconfined",
    )  # fmt: skip


def _memory(cgroups: Cgroups | None) -> Layer:
    if cgroups is None:
        return Layer("memory", State.HELD, "watcher, every 15 ms at most; a burst may pass the limit for that long")
    return Layer("memory", State.HELD, f"control group of version {cgroups.version}, and watcher")


def _own(facts: Mapping[str, str], link: str, *, has_proc: bool) -> bool:
    """Whether the namespace differs from the service's. Without a /proc it cannot tell, and trusts the launcher."""
    if not has_proc:
        return True
    inside = facts.get(f"ns-{link}", "")
    return bool(inside) and inside != str(Path(f"/proc/self/ns/{link}").readlink())


def _seccomp(facts: Mapping[str, str], *, has_proc: bool) -> Layer:
    if seccomp.program() is None:
        return Layer("seccomp filter", State.MISSING, f"none is written for {os.uname().machine}")
    return _held("seccomp filter", facts.get("Seccomp:") == "2" or not has_proc, "not loaded", "allow-list")


def _work(facts: Mapping[str, str]) -> Layer:
    kind, *numbers = (facts.get("work") or "none").split()
    if kind != "tmpfs" or len(numbers) != 2:
        return Layer("bounded disk", State.MISSING, f"/work is {kind}")
    size = int(numbers[0]) * int(numbers[1]) // 1024
    return _held(
        "bounded disk", size <= _LIMITS.disk_kb, f"{size} KiB, not {_LIMITS.disk_kb}", f"{size // 1024} MiB tmpfs"
    )


def _uid(slot: Slot) -> Layer:
    if slot.uid is not None:
        return Layer("own uid", State.HELD, "each slot has its own")
    return Layer("own uid", State.DEGRADED, "one uid for all slots; their user namespaces set them apart")


def require(layers: Sequence[Layer], environment: str, role: str) -> None:
    """Raise LayersMissing where a layer is missing, unless the environment of that name is a local one."""
    missing = [layer for layer in layers if layer.state is State.MISSING]
    if role != "local" and missing:
        named = "; ".join(f"{layer.name} ({layer.detail})" for layer in missing)
        raise LayersMissing(
            f"{environment} requires every isolation layer, and these are missing: {named}. "
            "docs/security.md (The layers) says what each one needs"
        )
