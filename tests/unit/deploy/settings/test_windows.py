"""Weekly windows: by the wall's clock, over clock changes and the week's end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.settings.windows import DAYS, parse_windows

BERLIN = "Fri 16:00 - Mon 08:00 Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-16T14:59", None),  # Friday, winter: 16:00 in Berlin is 15:00 UTC
        ("2026-01-16T15:00", "2026-01-19T07:00"),
        ("2026-01-19T06:59:59", "2026-01-19T07:00"),
        ("2026-01-19T07:00", None),
        ("2026-07-17T13:59", None),  # summer: 14:00 UTC
        ("2026-07-17T14:00", "2026-07-20T06:00"),
        ("2026-07-21T12:00", None),
        ("2026-03-27T15:00", "2026-03-30T06:00"),  # begins in winter time, ends in summer time: an hour shorter
        ("2026-03-30T06:00", None),
        ("2026-10-23T14:00", "2026-10-26T07:00"),  # begins in summer time, ends in winter time: an hour longer
        ("2026-10-26T06:30", "2026-10-26T07:00"),
    ],
)
def test_a_weekend_by_berlins_clock(now: str, until: str | None) -> None:
    (window,) = parse_windows(BERLIN)
    assert window.end_of(utc(now)) == (utc(until) if until else None)


def test_an_hour_that_comes_twice_ends_a_window_once() -> None:
    (window,) = parse_windows("Sun 01:00 - Sun 02:30 Europe/Berlin")
    first, last = utc("2026-10-24T23:00"), utc("2026-10-25T01:30")  # 02:30 on that Sunday is 00:30 and 01:30 UTC
    minutes = [first + timedelta(minutes=n) for n in range(-5, 160)]
    assert [now for now in minutes if window.end_of(now)] == [now for now in minutes if first <= now < last]


def test_a_window_that_begins_in_an_hour_that_comes_twice_begins_at_once() -> None:
    (window,) = parse_windows("Sun 02:30 - Sun 04:00 Europe/Berlin")
    assert window.end_of(utc("2026-10-25T00:29")) is None
    assert window.end_of(utc("2026-10-25T00:30")) == utc("2026-10-25T03:00")


def test_an_edge_in_an_hour_that_does_not_come_takes_the_longer_stretch() -> None:
    (window,) = parse_windows("Sun 01:00 - Sun 02:30 Europe/Berlin")
    assert window.end_of(utc("2026-03-29T00:30")) == utc("2026-03-29T01:30")


def test_windows_side_by_side_and_the_weeks_end() -> None:
    windows = parse_windows("Fri 16:00 - Mon 08:00 Europe/Berlin; Sat 00:00 - Sun 24:00 UTC;Wed 12:00-Wed 12:30 UTC")
    assert [window.text for window in windows][1:] == ["Sat 00:00 - Sun 24:00 UTC", "Wed 12:00-Wed 12:30 UTC"]
    assert windows[1].end_of(utc("2026-01-18T23:59:59")) == utc("2026-01-19T00:00")
    assert windows[2].end_of(utc("2026-01-14T12:29")) == utc("2026-01-14T12:30")


def test_almost_a_whole_week() -> None:
    (window,) = parse_windows("Mon 10:00 - Mon 08:00 UTC")
    assert window.end_of(utc("2026-01-19T07:59")) == utc("2026-01-19T08:00")
    assert window.end_of(utc("2026-01-19T08:00")) is None
    assert window.end_of(utc("2026-01-19T10:00")) == utc("2026-01-26T08:00")


@pytest.mark.parametrize("text", ["none", "", " none "])
def test_none(text: str) -> None:
    assert parse_windows(text) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Fri 16:00", "no window such as"),
        ("Fri 16:00 - Mon 08:00", "no window such as"),
        ("Fri 16:00 - Mon 08:00 UTC;", "has ''"),
        ("Fri 4:00 - Mon 08:00 UTC", "no window such as"),
        ("Fre 16:00 - Mon 08:00 UTC", "has the day 'Fre'"),
        ("Fri 16:60 - Mon 08:00 UTC", "has the time '16:60'"),
        ("Fri 16:00 - Mon 24:01 UTC", "has the time '24:01'"),
        ("Fri 16:00 - Fri 16:00 UTC", "ends when it begins"),
        ("Fri 24:00 - Sat 00:00 UTC", "ends when it begins"),
        ("Fri 16:00 - Mon 08:00 Europe/Nowhere", "has the time zone 'Europe/Nowhere'"),
        ("Fri 16:00 - Mon 08:00 ../etc/passwd", "has the time zone"),
        ("Fri 16:00 - Mon 08:00 Europe", "has the time zone"),
    ],
)
def test_what_is_no_window(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_windows(text)


MINUTES = st.integers(0, 7 * 1440 - 1)


def word(minute: int) -> str:
    return f"{DAYS[minute // 1440]} {minute % 1440 // 60:02}:{minute % 60:02}"


@given(MINUTES, MINUTES, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001 (UTC below)
def test_in_utc_a_window_is_a_stretch_of_the_weeks_minutes(start: int, end: int, naive: datetime) -> None:
    if start == end:
        end = (start + 1) % (7 * 1440)
    (window,) = parse_windows(f"{word(start)} - {word(end)} UTC")
    now = naive.replace(tzinfo=UTC)
    minute = now.weekday() * 1440 + now.hour * 60 + now.minute
    inside = start <= minute < end if start < end else minute >= start or minute < end
    found = window.end_of(now)
    assert (found is not None) == inside
    if found:
        assert now < found <= now + timedelta(days=7)
        assert window.end_of(found) is None


@given(MINUTES, st.integers(1, 7 * 1440 - 1), st.integers(0, 366 * 1440), st.integers(-12, 12))
def test_everywhere_and_all_year_a_window_holds_until_its_end(start: int, length: int, minute: int, hours: int) -> None:
    (window,) = parse_windows(f"{word(start)} - {word((start + length) % (7 * 1440))} Europe/Berlin")
    now = utc("2026-01-01T00:00") + timedelta(minutes=minute)
    end = window.end_of(now)
    assert window.end_of(now.astimezone(timezone(timedelta(hours=hours)))) == end  # whoever asks, from wherever
    if end:
        assert now < end
        assert window.end_of(end - timedelta(seconds=1)) == end
