import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from backend.runner.errors import QueueFull, QueueTimeout, ShuttingDown
from backend.runner.execution.queue import STANDING_PLACES, SlotQueue
from backend.runner.sandbox.slots import Slot
from tests.unit.backend.runner.conftest import NOWHERE


def _queue(slots: int = 1, limit: int = 10, **bounds: float) -> SlotQueue:
    return SlotQueue([Slot(index, NOWHERE) for index in range(slots)], limit, **bounds)


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

        await asyncio.gather(*map(visit, range(20)))
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


class _Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes at once: when nothing can go on, it is later."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def _run_on_virtual_time(case: Coroutine[Any, Any, None]) -> None:
    loop = _Clock()
    try:
        loop.run_until_complete(case)
    finally:
        loop.close()


def test_who_waits_longer_than_the_patience_is_refused() -> None:
    async def case() -> None:
        queue = _queue(patience=10)
        crowd = _Crowd(queue)
        first, second = crowd.come("a"), crowd.come("b")
        with pytest.raises(QueueTimeout) as refused:
            await second
        assert asyncio.get_running_loop().time() == pytest.approx(10)
        assert (refused.value.status, queue.depth) == (503, 0)
        crowd.next.release()
        await first

    _run_on_virtual_time(case())


def test_a_client_fills_its_share_and_no_more() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue(limit=10, share=0.3))
        tasks = [crowd.come(f"many-{number}") for number in range(5)]
        await _settle()
        assert crowd.queue.depth == 3
        with pytest.raises(QueueFull, match="of yours"):
            await tasks[4]
        tasks[4:] = [crowd.come("few-1")]
        await _settle()
        assert crowd.queue.depth == 4
        for _ in tasks:
            crowd.next.release()
        await asyncio.gather(*tasks)

    _run(case())


def test_a_client_that_has_none_takes_a_place_of_who_has_most() -> None:
    async def case() -> None:
        crowd = _Crowd(_queue(limit=4, share=1))
        tasks = {name: crowd.come(name) for name in ("x-1", "a-1", "a-2", "a-3", "b-1")}
        await _settle()
        tasks["c-1"] = crowd.come("c-1")
        await _settle()
        with pytest.raises(QueueFull):
            await tasks.pop("a-3")
        with pytest.raises(QueueFull):
            await crowd.come("b-2")
        assert crowd.queue.depth == 4
        for _ in tasks:
            crowd.next.release()
        await asyncio.gather(*tasks.values())
        assert set(crowd.served) == tasks.keys()

    _run(case())


async def _visits(queue: SlotQueue, clients: int, seconds: float, every: float, visits: int) -> tuple[list[float], int]:
    """Visits at a steady rate: the waits of those served, and how many were refused."""
    loop, waits, refused = asyncio.get_running_loop(), list[float](), 0

    async def visit(client: str) -> None:
        nonlocal refused
        came = loop.time()
        try:
            async with queue.slot(client):
                waits.append(loop.time() - came)
                await asyncio.sleep(seconds)
        except QueueFull:
            refused += 1

    tasks = []
    for number in range(visits):
        tasks.append(asyncio.create_task(visit(f"client {number % clients}")))
        await asyncio.sleep(every)
    await asyncio.gather(*tasks)
    return waits, refused


@pytest.mark.parametrize("seconds", [0.002, 0.05, 1.0])
def test_under_twice_the_load_waits_stay_short_and_the_slots_busy(seconds: float) -> None:
    async def case() -> None:
        queue = _queue(slots=2, limit=1000)
        waits, refused = await _visits(queue, clients=7, seconds=seconds, every=seconds / 4, visits=4000)
        lasting = sorted(waits[len(waits) // 5 :])  # the first were let in as the burst that it might have been
        late = lasting[int(len(lasting) * 0.99)]
        # Clients take turns, so that one which has two in the queue waits longer with its second.
        assert late <= 1.5 * (STANDING_PLACES + 1) * seconds
        assert len(waits) == pytest.approx(2000, rel=0.06)
        assert refused == 4000 - len(waits)

    _run_on_virtual_time(case())


def test_a_burst_is_taken_in_and_served() -> None:
    async def case() -> None:
        queue = _queue(slots=2, limit=200, share=1)
        await _visits(queue, clients=1, seconds=0.01, every=0.01, visits=20)
        waits, refused = await _visits(queue, clients=1, seconds=0.01, every=0, visits=100)
        assert (len(waits), refused) == (100, 0)

    _run_on_virtual_time(case())


def test_a_wait_expected_to_be_too_long_is_refused_with_the_time_to_come_back() -> None:
    async def case() -> None:
        queue = _queue(slots=1, limit=100, most_wait=5, share=1)
        await _visits(queue, clients=1, seconds=2, every=3, visits=10)
        assert queue.seconds == pytest.approx(2)
        crowd = _Crowd(queue)
        tasks = [crowd.come("a") for _ in range(3)]
        await _settle()
        assert queue.depth == 2
        assert queue.expected_wait == pytest.approx(4)
        with pytest.raises(QueueFull) as refused:
            await crowd.come("a")
        assert refused.value.retry_after == 6
        for _ in tasks:
            crowd.next.release()
        await asyncio.gather(*tasks)

    _run_on_virtual_time(case())


def test_whoever_pauses_goes_behind_all_that_wait_and_is_never_pushed_out() -> None:
    async def case() -> None:
        queue, order = _queue(limit=3, share=1), list[str]()

        async def long(name: str, turns: int) -> None:
            async with queue.turns(name) as mine:
                for number in range(turns):
                    if number:
                        await mine.pause()
                    order.append(f"{name}{number}")
                    await asyncio.sleep(1)

        async def short(name: str) -> None:
            async with queue.slot(name):
                order.append(name)
                await asyncio.sleep(1)

        first, second = asyncio.create_task(long("a", 3)), asyncio.create_task(long("a", 2))
        await asyncio.sleep(0.1)
        third = asyncio.create_task(short("b"))
        await asyncio.sleep(1.1)
        fourth = [asyncio.create_task(short(name)) for name in ("a", "c")]
        done = await asyncio.gather(first, second, third, *fourth, return_exceptions=True)
        assert order[:4] == ["a0", "a0", "b", "a1"]
        assert [one for one in done[:3] if one is not None] == []
        assert sorted(one for one in order if len(one) == 2) == ["a0", "a0", "a1", "a1", "a2"]
        assert (queue.busy, queue.depth) == (0, 0)

    _run_on_virtual_time(case())


def test_whoever_pauses_and_gives_up_leaves_no_slot_behind() -> None:
    async def case() -> None:
        queue = _queue()
        crowd = _Crowd(queue)

        async def pausing() -> None:
            async with queue.turns("a") as turns:
                waiting.set()
                await go.wait()
                await turns.pause()

        waiting, go = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(pausing())
        await waiting.wait()
        other = crowd.come("b")
        await _settle()
        go.set()
        await _settle()
        assert (crowd.served, queue.depth) == (["b"], 1)
        task.cancel()
        await asyncio.wait([task])
        assert queue.depth == 0
        crowd.next.release()
        await other
        assert queue.busy == 0

    _run(case())
