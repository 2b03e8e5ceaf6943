"""Medians, quantiles, and how sure a ratio of medians is."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians, and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Rounded to what is worth saying."""
        return {"ratio_to_bare": round(self.value, 3), "low": round(self.low, 3), "high": round(self.high, 3)}

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def ratio(seconds: Sequence[float], bare: Sequence[float]) -> Ratio:
    """How many times as long `seconds` are as `bare`, by percentile bootstrap; both hold at least one."""
    dice = random.Random(1)  # noqa: S311 - the same figures for the same measurements
    drawn = sorted(
        statistics.median(dice.choices(seconds, k=len(seconds))) / statistics.median(dice.choices(bare, k=len(bare)))
        for _ in range(_RESAMPLES)
    )
    return Ratio(
        statistics.median(seconds) / statistics.median(bare),
        drawn[int(_RESAMPLES * 0.025)],
        drawn[int(_RESAMPLES * 0.975)],
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: Sequence[float]) -> float:
    """Median, in milliseconds."""
    return round(statistics.median(seconds) * 1000, 3)
