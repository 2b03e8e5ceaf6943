"""Is the canary as good as what it would replace? A verdict on two samples taken at the same time. Pure.

Errors are compared by Fisher's exact test, one-sided: how likely would green have as many errors as it has, or more, if
it were no worse than blue? Latencies are compared by the ratio of a quantile (the median, and one in the tail), for
which a bootstrap gives a lower bound: green is too slow when even that bound is above what is tolerated. Both tests
stay silent on differences that chance explains, so an answer needs enough requests; with fewer there is no verdict, and
no verdict is no permission. Latency may be that of a machine which is still starting, or whose host is busy: it is held
against a release only where measuring again says the same (`judge_again`).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

SEED = 20


@dataclass(frozen=True)
class Sample:
    """What one side answered. `latencies` are milliseconds of its answers without error."""

    requests: int
    errors: int
    latencies: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.requests:
            raise ValueError(f"{self.errors} errors in {self.requests} requests")


@dataclass(frozen=True)
class Rules:
    """What is tolerated."""

    min_requests: int = 30
    """Requests to each side below which there is no verdict."""
    alpha: float = 0.01
    """How often chance alone may fail a good release, for each comparison."""
    max_error_rate: float = 0.2
    """A release with more errors is not let through; where blue fails alike, the verdict is not on the release."""
    latency_ratio: float = 1.5
    """Green may be so many times as slow as blue."""
    latency_floor_ms: float = 5.0
    """Green is never too slow by less than this."""
    quantiles: tuple[float, ...] = (0.5, 0.95)
    resamples: int = 2000


@dataclass(frozen=True)
class Verdict:
    """`ok` permits; without `conclusive` there was too little to judge, and `reason` says how much is needed."""

    ok: bool
    conclusive: bool
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)
    slower: bool = False
    """Whether what is held against green is its latency, which may pass."""


def judge(blue: Sample, green: Sample, rules: Rules | None = None, seed: int = SEED) -> Verdict:
    """The verdict on green. The same samples always get the same one."""
    rules = rules or Rules()
    figures: dict[str, Any] = {
        "blue": {"requests": blue.requests, "errors": blue.errors},
        "green": {"requests": green.requests, "errors": green.errors},
    }
    # Errors that no number of further good answers up to the needed ones would bring below the limit decide early;
    # where the old release fails as much, what fails lies elsewhere: who judges cannot reach it, or all is broken.
    if _failing(green, rules):
        if _failing(blue, rules) and _no_worse(blue, green, rules):
            reason = f"old and new fail alike (old: {_errors(blue)}, new: {_errors(green)})"
            return Verdict(False, False, reason, figures)
        rate = green.errors / green.requests
        return Verdict(False, True, f"{rate:.0%} of its requests failed ({_errors(green)})", figures)
    if fewest := _missing(blue, green, rules):
        return Verdict(False, False, fewest, figures)
    figures["errors_p"] = p = fisher_exact(green.errors, green.requests, blue.errors, blue.requests)
    if p < rules.alpha:
        reason = f"more errors than before: {_errors(green)}, before {_errors(blue)} (p = {p:.2g})"
        return Verdict(False, True, reason, figures)
    for quantile in rules.quantiles:
        name = f"p{quantile * 100:g}"
        figures[name] = found = compare(blue.latencies, green.latencies, quantile, rules, seed)
        if found["lower"] > rules.latency_ratio and found["green"] - found["blue"] > rules.latency_floor_ms:
            reason = f"slower than before: {name} {found['green']:.1f} ms, before {found['blue']:.1f} ms"
            return Verdict(False, True, f"{reason} (at least {found['lower']:.2f} times)", figures, slower=True)
    return Verdict(True, True, f"as good as before over {green.requests} requests ({_errors(green)})", figures)


def judge_again(
    samples: Callable[[], tuple[Sample, Sample]],
    rules: Rules | None = None,
    *,
    times: int = 3,
    pause: Callable[[], None] = lambda: time.sleep(3),
) -> Verdict:
    """The verdict on what `samples` measures of blue and green; while green is slower, measured up to `times` times.

    What a new machine is busy with at first passes, a slow release stays slow. Errors are not asked about again.
    """
    verdict = judge(*samples(), rules)
    for _ in range(times - 1):
        if not verdict.slower:
            break
        pause()
        verdict = judge(*samples(), rules)
    return verdict


def _failing(sample: Sample, rules: Rules) -> bool:
    return sample.errors > rules.max_error_rate * max(sample.requests, rules.min_requests)


def _no_worse(blue: Sample, green: Sample, rules: Rules) -> bool:
    return fisher_exact(green.errors, green.requests, blue.errors, blue.requests) >= rules.alpha


def _missing(blue: Sample, green: Sample, rules: Rules) -> str:
    """What is too little, and how much is needed; nothing when there is enough."""
    for name, sample in (("the old", blue), ("the new", green)):
        if sample.requests < rules.min_requests:
            return f"{sample.requests} requests to {name} release are too few; {rules.min_requests} are needed"
        if not sample.latencies:
            return f"no request to {name} release was answered; latencies of {rules.min_requests} are needed"
    return ""


def _errors(sample: Sample) -> str:
    return f"{sample.errors} of {sample.requests} failed"


def fisher_exact(errors: int, requests: int, other_errors: int, other_requests: int) -> float:
    """Fisher's exact test, one-sided: the chance of `errors` or more among `requests`, given all errors of both."""
    total, failed = requests + other_requests, errors + other_errors
    ways = sum(
        math.comb(requests, k) * math.comb(other_requests, failed - k)
        for k in range(errors, min(requests, failed) + 1)
    )  # fmt: skip
    return ways / math.comb(total, failed)


def compare(
    blue: Sequence[float], green: Sequence[float], quantile: float, rules: Rules, seed: int = SEED
) -> dict[str, float]:
    """A quantile of both, their ratio, and the bootstrap's lower bound of that ratio at `rules.alpha`."""
    old, new = sorted(blue), sorted(green)
    before, after = at_quantile(old, quantile), at_quantile(new, quantile)
    chance = random.Random(seed)  # noqa: S311 - a simulation
    ratios = sorted(
        _ratio(_resampled(old, quantile, chance), _resampled(new, quantile, chance)) for _ in range(rules.resamples)
    )
    lower = ratios[math.floor(rules.alpha * len(ratios))]
    return {"blue": before, "green": after, "ratio": _ratio(before, after), "lower": lower}


def _rank(count: int, quantile: float) -> int:
    return max(1, math.ceil(quantile * count))


def at_quantile(ordered: Sequence[float], quantile: float) -> float:
    """The nearest-rank quantile (0 to 1) of sorted values, of which there is at least one."""
    return ordered[_rank(len(ordered), quantile) - 1]


def _resampled(ordered: Sequence[float], quantile: float, chance: random.Random) -> float:
    """The quantile of one bootstrap sample, without drawing it.

    The k-th smallest of n uniform draws has the distribution Beta(k, n - k + 1), and a bootstrap sample is n uniform
    draws of places in `ordered`: one random number stands for n.
    """
    count = len(ordered)
    rank = _rank(count, quantile)
    place = math.floor(count * chance.betavariate(rank, count - rank + 1))
    return ordered[min(place, count - 1)]


def _ratio(before: float, after: float) -> float:
    if before > 0:
        return after / before
    return math.inf if after > 0 else 1.0


Send = Callable[[str], tuple[bool, float]]
"""Asks one machine, by id: whether it answered well, and in how many milliseconds."""


def measure(
    send: Send, blue: Sequence[str], green: Sequence[str], rounds: int, *, warm_up: int = 3, seed: int = SEED
) -> tuple[Sample, Sample]:
    """Ask both sides in turn: in each round one machine of either, which of them first being left to chance.

    So whatever else goes on meanwhile touches both alike. The first `warm_up` rounds over every machine are thrown
    away: a process that has just begun is slow once. Returns what blue and what green answered.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    discarded = warm_up * max(len(blue), len(green))
    answers: dict[bool, list[tuple[bool, float]]] = {False: [], True: []}
    for number, pair in enumerate(_pairs(blue, green, discarded + rounds)):
        for is_green in chance.sample((False, True), 2):
            answer = send(pair[is_green])
            if number >= discarded:
                answers[is_green].append(answer)
    return _sample(answers[False]), _sample(answers[True])


def _pairs(blue: Sequence[str], green: Sequence[str], count: int) -> Iterator[tuple[str, str]]:
    if not blue or not green:
        raise ValueError("both sides need a machine to be compared")
    return ((blue[n % len(blue)], green[n % len(green)]) for n in range(count))


def _sample(answers: Sequence[tuple[bool, float]]) -> Sample:
    well = tuple(ms for ok, ms in answers if ok)
    return Sample(len(answers), len(answers) - len(well), well)
