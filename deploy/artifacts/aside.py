"""Runs one thing in a thread beside another, and hands over what it became or raised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """`work` runs during the block. An interrupted block does not wait for it: its children end with the verb."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._outcome: list[T] = []
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._outcome.append(self._work())
        except BaseException as failed:  # raised again where it is asked for
            self._failed = failed

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            self._thread.join()

    def result(self) -> T:
        """What `work` returned; raises what it raised."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._outcome[0]
