"""Whether what a service occupies grows: a line through the samples, and how steep it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BOUND_KB = 100.0
"""KiB by which the service may grow in 1,000 runs: 10 MiB in 100,000. What is measured is the proportional set size of
those of its processes that lived all along, while nothing runs."""

NOISE_KB = 8 * 1024
"""KiB by which two looks differ anyway: fewer runs than make more than that cannot show a slope."""

WARM_UP = 0.2
"""Share of the runs at the beginning that do not count: allocators and caches fill."""


@dataclass(frozen=True)
class Sample:
    """Memory in KiB after so many runs."""

    runs: int
    memory_kb: int


def slope(samples: Sequence[Sample]) -> float:
    """KiB for 1,000 runs, by Theil and Sen: the median of the slopes between all pairs, which outliers do not move."""
    slopes = sorted(
        (later.memory_kb - earlier.memory_kb) / (later.runs - earlier.runs) * 1000
        for place, earlier in enumerate(samples)
        for later in samples[place + 1 :]
        if later.runs > earlier.runs
    )
    return slopes[len(slopes) // 2] if slopes else 0.0


def settled(samples: Sequence[Sample], total: int) -> list[Sample]:
    """Those after the warm-up."""
    return [sample for sample in samples if sample.runs >= total * WARM_UP]


def grew(samples: Sequence[Sample]) -> bool:
    """Whether the service grew beyond both what is allowed for so many runs and what is noise."""
    if len(samples) < 2:
        return False
    runs = samples[-1].runs - samples[0].runs
    growth = slope(samples) * runs / 1000
    return growth > max(NOISE_KB, BOUND_KB * runs / 1000)
