"""The canary's statistics, against published values and against what must always hold."""

import dataclasses
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.verification.verdict import Rules, Sample, compare, fisher_exact, judge, judge_again, measure

RULES = Rules(resamples=200)


@pytest.mark.parametrize(
    ("table", "published"),
    [
        # Fisher's tea: 8 cups, 4 with milk first; 3 and 4 of them named.
        ((3, 4, 1, 4), 17 / 70),
        ((4, 4, 0, 4), 1 / 70),
        # Fisher's twins of criminals: 10 of 13 and 2 of 17 convicted.
        ((10, 13, 2, 17), 0.0004652),
        # Dieting: 9 of 12 women, 1 of 12 men.
        ((9, 12, 1, 12), 0.001379728),
        ((0, 30, 0, 30), 1.0),
        ((0, 30, 30, 30), 1.0),
    ],
)
def test_fisher_exact_gives_the_published_values(table: tuple[int, int, int, int], published: float) -> None:
    assert fisher_exact(*table) == pytest.approx(published, rel=1e-4)


def sample(chance: random.Random, requests: int, error_rate: float, factor: float = 1.0) -> Sample:
    """A sample with latencies as services have them: most near 20 ms, a long tail."""
    errors = sum(chance.random() < error_rate for _ in range(requests))
    return Sample(requests, errors, tuple(factor * chance.lognormvariate(3, 0.5) for _ in range(requests - errors)))


@pytest.mark.parametrize("requests", [30, 200])
def test_alike_releases_rarely_fail(requests: int) -> None:
    chance = random.Random(7)
    verdicts = [judge(sample(chance, requests, 0.02), sample(chance, requests, 0.02), RULES) for _ in range(100)]
    assert all(verdict.conclusive for verdict in verdicts)
    assert sum(not verdict.ok for verdict in verdicts) <= 2


def test_a_release_that_errs_or_is_slow_fails() -> None:
    chance = random.Random(8)
    for _ in range(50):
        blue = sample(chance, 200, 0.005)
        erring, slow = judge(blue, sample(chance, 200, 0.15), RULES), judge(blue, sample(chance, 200, 0, 3), RULES)
        assert (erring.ok, erring.conclusive) == (slow.ok, slow.conclusive) == (False, True)
        assert "more errors than before" in erring.reason or "% of its requests failed" in erring.reason
        assert "slower than before: p50" in slow.reason


def test_a_slow_tail_alone_fails() -> None:
    blue = Sample(300, 0, (20.0,) * 300)
    green = Sample(300, 0, (20.0,) * 270 + (400.0,) * 30)
    assert "slower than before: p95" in judge(blue, green).reason


@given(st.integers(0, 30), st.integers(7, 30))
def test_a_green_that_errs_in_more_than_a_fifth_is_never_let_through(blue_errors: int, green_errors: int) -> None:
    blue = Sample(30, blue_errors, (1.0,) * (30 - blue_errors))
    verdict = judge(blue, Sample(30, green_errors, (1.0,) * (30 - green_errors)), RULES)
    alike = blue_errors > 6 and fisher_exact(green_errors, 30, blue_errors, 30) >= RULES.alpha
    assert (verdict.ok, verdict.conclusive) == (False, not alike)
    assert "failed" in verdict.reason


def test_where_old_and_new_fail_alike_there_is_no_verdict() -> None:
    verdict = judge(Sample(30, 30), Sample(30, 30), RULES)
    assert (verdict.ok, verdict.conclusive) == (False, False)
    assert verdict.reason == "old and new fail alike (old: 30 of 30 failed, new: 30 of 30 failed)"


def test_a_dead_green_is_known_before_all_requests_were_made() -> None:
    verdict = judge(Sample(7, 0, (1.0,) * 7), Sample(7, 7))
    assert (verdict.ok, verdict.conclusive) == (False, True)


@given(st.integers(0, 29), st.integers(0, 6), st.integers(0, 100))
def test_too_little_is_no_permission_and_says_what_is_needed(requests: int, errors: int, blue: int) -> None:
    green = Sample(requests, min(errors, requests), (1.0,) * requests)
    verdict = judge(Sample(blue, 0, (1.0,) * blue), green, RULES)
    assert (verdict.ok, verdict.conclusive) == (False, False)
    assert "30 are needed" in verdict.reason


def test_nothing_answered_is_no_permission() -> None:
    verdict = judge(Sample(40, 40), Sample(40, 0, (1.0,) * 40))
    assert (verdict.ok, verdict.conclusive) == (False, False)
    assert "no request to the old release was answered" in verdict.reason


latencies = st.lists(st.floats(0.01, 1000), min_size=30, max_size=60).map(tuple)


@given(latencies, latencies, st.integers(0, 10), st.integers(0, 10), st.integers(0, 50), st.floats(1, 20))
@settings(max_examples=60, deadline=None)
def test_a_worse_green_never_fares_better(
    blue_ms: tuple[float, ...], green_ms: tuple[float, ...], blue_errors: int, errors: int, more: int, factor: float
) -> None:
    blue = Sample(len(blue_ms) + blue_errors, blue_errors, blue_ms)
    green = Sample(len(green_ms) + errors, errors, green_ms)
    if judge(blue, green, RULES).ok:
        return
    erring = Sample(green.requests + more, errors + more, green_ms)
    slower = dataclasses.replace(green, latencies=tuple(factor * ms for ms in green_ms))
    better_blue = Sample(blue.requests + more, blue_errors, blue_ms)
    assert not judge(blue, erring, RULES).ok
    assert not judge(blue, slower, RULES).ok
    assert not judge(better_blue, green, RULES).ok


@given(latencies)
@settings(max_examples=30, deadline=None)
def test_differences_below_the_floor_never_fail(blue_ms: tuple[float, ...]) -> None:
    green_ms = tuple(ms + RULES.latency_floor_ms - 0.1 for ms in blue_ms)
    count = len(blue_ms)
    assert judge(Sample(count, 0, blue_ms), Sample(count, 0, green_ms), RULES).ok


def test_the_bound_is_the_one_a_plain_bootstrap_gives() -> None:
    chance, rules = random.Random(3), Rules(resamples=4000, alpha=0.05)
    blue, green = ([chance.lognormvariate(3, 0.5) for _ in range(101)] for _ in range(2))
    plain = sorted(
        sorted(chance.choices(green, k=101))[50] / sorted(chance.choices(blue, k=101))[50] for _ in range(4000)
    )
    assert compare(blue, green, 0.5, rules)["lower"] == pytest.approx(plain[200], rel=0.03)


def test_the_same_samples_get_the_same_verdict() -> None:
    blue, green = sample(random.Random(1), 50, 0), sample(random.Random(2), 50, 0)
    assert judge(blue, green) == judge(blue, green)
    assert set(judge(blue, green).figures) == {"blue", "green", "errors_p", "p50", "p95"}


def test_a_sample_cannot_have_more_errors_than_requests() -> None:
    with pytest.raises(ValueError, match="3 errors in 2 requests"):
        Sample(2, 3)


def test_measuring_asks_both_sides_in_turn_and_forgets_the_warm_up() -> None:
    asked: list[str] = []

    def send(machine: str) -> tuple[bool, float]:
        asked.append(machine)
        return machine != "g2", float(len(asked))

    blue, green = measure(send, ["b1", "b2"], ["g1", "g2"], 10, warm_up=2)
    assert (blue.requests, blue.errors, green.requests, green.errors) == (10, 0, 10, 5)
    assert (len(blue.latencies), len(green.latencies)) == (10, 5)
    assert min(blue.latencies + green.latencies) > 8
    assert {name: asked.count(name) for name in ("b1", "b2", "g1", "g2")} == dict.fromkeys(("b1", "b2", "g1", "g2"), 7)
    rounds = list(zip(asked[::2], asked[1::2], strict=True))
    assert all({first[0], second[0]} == {"b", "g"} for first, second in rounds)
    assert len({first[0] for first, _ in rounds}) == 2
    assert all(a != b for a, b in pairwise(name for name in asked if name[0] == "b"))


def test_measuring_needs_both_sides() -> None:
    with pytest.raises(ValueError, match="both sides need a machine"):
        measure(lambda _: (True, 1.0), [], ["g"], 5)


def test_only_a_release_that_stays_slower_is_refused_for_it() -> None:
    slow, fast, failing = ((Sample(50, 0, (10.0,) * 50), green) for green in (
        Sample(50, 0, (100.0,) * 50), Sample(50, 0, (10.0,) * 50), Sample(50, 40, (10.0,) * 10),
    ))  # fmt: skip
    for samples, ok, measured in (
        ((fast,), True, 1), ((failing, fast), False, 1), ((slow, fast), True, 2),
        ((slow, slow, fast), True, 3), ((slow, slow, slow, fast), False, 3), ((slow, failing, fast), False, 2),
    ):  # fmt: skip
        pauses: list[int] = []
        left = list(samples)
        verdict = judge_again(lambda left=left: left.pop(0), RULES, pause=lambda pauses=pauses: pauses.append(1))  # type: ignore[misc]
        assert (verdict.ok, len(samples) - len(left), len(pauses)) == (ok, measured, measured - 1)
