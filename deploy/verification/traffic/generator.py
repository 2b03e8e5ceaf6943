"""The open loop: actions at a constant rate, until told to stop; then what is under way is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.verification.traffic.tally import Tally
from deploy.verification.traffic.visitor import Visitor
from deploy.verification.traffic.wire import Client, Origin

SEED = 1
POLL_SECONDS = 0.2

Action = Callable[[Visitor, bool], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Part:
    """An action, how often it comes in a round, and how many requests it makes."""

    act: Action
    times: int
    requests: int = 1


ROUND = (
    Part(Visitor.visit, times=4, requests=3),
    Part(Visitor.health, times=4),
    Part(Visitor.languages, times=3),
    Part(Visitor.run, times=1),
)

# What lasts: one of each is under way nearly always, so that every change meets one. Never two: a machine runs few
# programs at once. A session over server-sent events or a WebSocket belongs here as soon as the service has one; an end
# that the service did not announce is then its loss.
LASTING = (Visitor.long_run,)
LASTING_PAUSE_SECONDS = 1.0


def schedule(seed: int = SEED) -> Iterator[tuple[Part, bool]]:
    """Actions for ever, each round in an order of its own; every part in turn over a new and over a kept connection."""
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    turns = {part: itertools.cycle((True, False)) for part in ROUND}
    while True:
        parts = [part for part in ROUND for _ in range(part.times)]
        order.shuffle(parts)
        for part in parts:
            yield part, next(turns[part])


def seconds_between(rate: float) -> float:
    """Seconds from one action to the next, for `rate` requests a second."""
    requests = sum(part.times * part.requests for part in ROUND)
    return requests / sum(part.times for part in ROUND) / rate


async def generate(api: Origin, page: Origin, rate: float, tally: Tally, stop: asyncio.Event) -> None:
    """Send `rate` requests a second until `stop` is set, and wait for the last answers."""
    clients = Client(api), Client(page)
    visitor = Visitor(*clients, tally)
    gap, begun = seconds_between(rate), time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            lasting = [group.create_task(_one_after_another(act, visitor)) for act in LASTING]
            for number, (part, fresh) in enumerate(schedule()):
                due = begun + number * gap
                await _pause(due - time.monotonic(), stop)
                if stop.is_set():
                    break
                tally.lag(time.monotonic() - due)
                group.create_task(part.act(visitor, fresh))
            for task in lasting:  # what they would still see is not counted
                task.cancel()
    finally:
        for client in clients:
            client.close()


async def _one_after_another(act: Action, visitor: Visitor) -> None:
    for fresh in itertools.cycle((True, False)):
        await act(visitor, fresh)
        await asyncio.sleep(LASTING_PAUSE_SECONDS)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not past `stop`; an arrival that is late goes at once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()


async def stop_when(condition: Callable[[], bool], stop: asyncio.Event) -> None:
    """Set `stop` once `condition` holds; ends with it."""
    while not stop.is_set():
        if condition():
            stop.set()
        await _pause(POLL_SECONDS, stop)
