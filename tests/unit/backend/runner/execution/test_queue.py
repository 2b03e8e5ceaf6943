import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from backend.runner.errors import QueueFull, ShuttingDown
from backend.runner.execution.queue import SlotQueue
from backend.runner.sandbox.slots import Slot


def _queue(slots: int = 1, limit: int = 10) -> SlotQueue:
    return SlotQueue([Slot(index, None, Path(), Path()) for index in range(slots)], limit)


def _run(case: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(case, 10))


async def _settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


class _Crowd:
    """Clients that hold a slot until told to go."""

    def __init__(self, queue: SlotQueue) -> None:
        self.queue, self.served, self.next = queue, list[str](), asyncio.Semaphore(0)

    def come(self, name: str) -> asyncio.Task[None]:
        async def visit() -> None:
            async with self.queue.slot(name.split("-")[0]):
                self.served.append(name)
                await self.next.acquire()

        return asyncio.create_task(visit())


def test_no_more_run_than_there_are_slots_and_no_two_in_one() -> None:
    async def case() -> None:
        queue, used, most = _queue(slots=3, limit=50), set[int](), 0

        async def visit(number: int) -> None:
            nonlocal most
            async with queue.slot(f"client {number % 7}") as slot:
                assert slot.index not in used
                used.add(slot.index)
                most = max(most, len(used))
                await asyncio.sleep(0)
                used.remove(slot.index)

        await asyncio.gather(*map(visit, range(50)))
        assert (most, queue.busy, queue.depth) == (3, 0, 0)

    _run(case())


def test_a_full_queue_refuses_at_once() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue(limit=2))
        tasks = [crowd.come(name) for name in ("a", "b", "c")]
        await _settle()
        assert (crowd.queue.busy, crowd.queue.depth) == (1, 2)
        with pytest.raises(QueueFull):
            async with crowd.queue.slot("d"):
                pass
        for _ in tasks:
            crowd.next.release()
        await asyncio.gather(*tasks)
        assert (crowd.queue.busy, crowd.queue.depth) == (0, 0)

    _run(case())


def test_clients_take_turns() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue())
        tasks = [crowd.come(name) for name in ("many-1", "many-2", "many-3", "many-4", "few-1", "one-1", "few-2")]
        for _ in tasks:
            await _settle()
            crowd.next.release()
        await asyncio.gather(*tasks)
        assert crowd.served == ["many-1", "many-2", "few-1", "one-1", "many-3", "few-2", "many-4"]

    _run(case())


def test_who_gives_up_waiting_takes_no_slot() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue())
        first, second, third = (crowd.come(name) for name in ("a", "b", "c"))
        await _settle()
        second.cancel()
        await _settle()
        assert crowd.queue.depth == 1
        crowd.next.release()
        crowd.next.release()
        await asyncio.gather(first, third)
        assert (crowd.served, crowd.queue.busy) == (["a", "c"], 0)

    _run(case())


def test_a_slot_handed_to_someone_who_leaves_at_that_moment_is_not_lost() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue())
        async with crowd.queue.slot("a"):
            second = crowd.come("b")
            await _settle()
        second.cancel()  # it was given the slot, and has not been woken yet
        await asyncio.gather(second, return_exceptions=True)
        assert (crowd.served, crowd.queue.busy, crowd.queue.depth) == ([], 0, 0)

    _run(case())


def test_a_closed_queue_refuses_and_drains() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue())
        tasks = [crowd.come("a"), crowd.come("b")]
        await _settle()
        crowd.queue.close()
        with pytest.raises(ShuttingDown):
            async with crowd.queue.slot("c"):
                pass
        draining = asyncio.create_task(crowd.queue.drain(5))
        crowd.next.release()
        crowd.next.release()
        assert await draining
        await asyncio.gather(*tasks)
        assert crowd.served == ["a", "b"]

    _run(case())


def test_a_drain_that_takes_too_long_refuses_those_who_wait() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue())
        first, second = crowd.come("a"), crowd.come("b")
        await _settle()
        assert not await crowd.queue.drain(0.01)
        with pytest.raises(ShuttingDown):
            await second
        crowd.next.release()
        await first

    _run(case())
