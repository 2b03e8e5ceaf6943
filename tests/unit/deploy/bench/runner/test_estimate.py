"""Ratios, their intervals, and quantiles."""

from deploy.bench.runner.estimate import milliseconds, quantile, ratio


def test_a_ratio_is_of_medians_and_lies_in_its_interval() -> None:
    found = ratio([2.0, 2.1, 2.2, 9.0, 1.9], [1.0, 1.1, 0.9, 1.0, 7.0])
    assert found.value == 2.1
    assert found.low <= found.value <= found.high


def test_more_measurements_make_an_interval_narrower() -> None:
    some = [1.0, 1.2, 0.8, 1.1, 0.9]
    few, many = ratio(some, some), ratio(some * 40, some * 40)
    assert many.high - many.low < few.high - few.low


def test_the_same_measurements_give_the_same_interval() -> None:
    assert ratio([1.0, 2.0, 3.0], [1.0, 1.5]) == ratio([1.0, 2.0, 3.0], [1.0, 1.5])


def test_quantiles_are_of_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1.0)) == (51.0, 100.0, 100.0)
    assert quantile([7.0], 0.5) == 7.0


def test_seconds_are_told_in_milliseconds() -> None:
    assert milliseconds([0.001, 0.0025, 0.009]) == 2.5
