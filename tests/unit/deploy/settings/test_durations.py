"""Durations and moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.settings.durations import parse_duration, parse_moment, write_moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("5s", 5), ("30m", 1800), ("60m", 3600), ("12h", 43200), ("3d", 259200)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "-5m", "1.5h", "1h30m", "5 m", "5M", "123456s", "soon"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s, 15m, 12h or 3d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOW + timedelta(hours=2)),
        ("2026-03-02T08:00+01:00", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("2026-03-02T08:00Z", datetime(2026, 3, 2, 8, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


def test_a_moment_without_a_time_zone_is_of_this_machines() -> None:
    found = parse_moment("2026-03-02T08:00", NOW)
    assert found.tzinfo is not None
    assert write_moment(found) == "2026-03-02 08:00"


def test_what_is_no_moment() -> None:
    with pytest.raises(ValueError, match=r"neither a moment such as .* nor a duration"):
        parse_moment("tomorrow", NOW)
