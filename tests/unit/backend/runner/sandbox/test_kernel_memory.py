"""Memory that the kernel keeps for a program: counted, or bounded for each slot."""

import asyncio

import pytest

from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, make_slots
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending
from tests.unit.backend.runner.conftest import VARIABLES, Place

MEGABYTE = 1 << 20

KEEPS = {
    "long names": "for i in range(8000): open(f'{i:0255d}', 'w').close()",
    "links": "open('a', 'w').close()\nfor i in range(8000): os.link('a', f'{i:0255d}')",
    "symbolic links": "for i in range(8000): os.symlink('x' * 100, f'{i:0255d}')",
    "directories": "for i in range(8000): os.mkdir(str(i))",
    "attributes": "\n".join(
        ["open('a', 'w').close()", "for i in range(1000):", "    try: os.setxattr('a', f'user.{i}', bytes(30000))",
         "    except OSError: break"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEEPS)
def test_what_files_hold_beside_their_content_counts(place: Place, name: str) -> None:
    source = f"import os, time\n{KEEPS[name]}\ntime.sleep(0.3)"
    empty = place.run(("python3", "-c", "import time; time.sleep(0.3)"))
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=20))
    assert (verdict.ending, verdict.exit_code) == (Ending.EXITED, 0)
    assert verdict.memory_bytes - empty.memory_bytes > 6.5 * MEGABYTE


WATCHES = """
import ctypes
libc = ctypes.CDLL(None)
made = 0
while libc.inotify_init1(0) >= 0: made += 1
print(made, flush=True)
"""


def test_a_slot_has_its_own_share_of_inotify(host: Host) -> None:
    """Of one user's slots each has as many, while another has taken all it can, and after itself has."""

    def step(more: str) -> Step:
        return Step(command=("python3", "-c", WATCHES + more), limits=Limits(timeout=10), variables=VARIABLES)

    async def both() -> list[bytes]:
        async with make_slots(Plan(host=host, cgroups=None, caches=None), 3) as slots:
            holding = [asyncio.create_task(slot.run(step("import time; time.sleep(2)"))) for slot in slots[:2]]
            await asyncio.sleep(1)
            third = await slots[2].run(step(""))
            again = await slots[2].run(step(""))
            return [third.stdout, again.stdout, *[(await held).stdout for held in holding]]

    assert set(asyncio.run(both())) == {b"16\n"}
