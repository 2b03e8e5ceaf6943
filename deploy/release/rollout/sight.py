"""What the platform shows now, although its list of machines may be some seconds old.

A list may lack a machine that was just created, and show another as it was before it was changed. So the machines that
this run created or changed a moment ago are asked for by their ids: taking one for gone would create it twice, and
taking its old state for the present would change it again and again. So is one on a lost host, before it is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from deploy.release.rollout.memory import Memory
from deploy.release.rollout.platform import Platform
from deploy.release.rollout.world import Seen

LIST_SECONDS = 10.0
"""How old a list of the platform may be."""


def machines_now(platform: Platform, memory: Memory, launches: Set[str], now: float) -> tuple[Seen, ...]:
    """The machines of `launches`, less those that this run removed. `now` is monotonic time in seconds."""
    listed = {machine.id: machine for machine in platform.machines() if machine.launch in launches}
    recent = {id_ for id_, at in memory.touched.items() if now - at < LIST_SECONDS} & (listed.keys() | memory.made)
    recent |= {id_ for id_, machine in listed.items() if not machine.reachable}  # its host may be back
    for id_ in (recent | (memory.made - listed.keys())) - memory.gone - memory.unusable:
        if found := platform.look(id_):
            listed[id_] = found
        else:
            memory.made.discard(id_)  # asked by id it is gone, whatever a list says
            listed.pop(id_, None)
    return tuple(machine for machine in listed.values() if machine.id not in memory.gone)


def touch(memory: Memory, machines: Iterable[str], now: float) -> None:
    """Note that this run has just changed these machines, or seen them change."""
    memory.touched.update(dict.fromkeys(machines, now))
