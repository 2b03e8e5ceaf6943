"""What counts as a difference between two pictures."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.integration.frontend.pictures import NOTICEABLE, TOLERANCE, compare, smallest

SIZE = (200, 100)
GREY = (100, 100, 100)


def png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def with_dots(count: int, colour: tuple[int, int, int]) -> bytes:
    """A grey picture in which `count` pixels have another colour."""
    picture = Image.new("RGB", SIZE, GREY)
    for number in range(count):
        picture.putpixel((number % SIZE[0], number // SIZE[0]), colour)
    return png(picture)


PLAIN = with_dots(0, GREY)
TOLERATED = int(SIZE[0] * SIZE[1] * TOLERANCE)


def test_a_picture_is_like_itself() -> None:
    same = compare(PLAIN, PLAIN)
    assert same.alike
    assert same.share == 0


def test_pixels_up_to_the_tolerance_may_differ() -> None:
    assert compare(with_dots(TOLERATED, (255, 100, 100)), PLAIN).alike
    assert not compare(with_dots(TOLERATED + 1, (255, 100, 100)), PLAIN).alike


def test_each_colour_counts_once_it_is_noticeably_apart() -> None:
    for channel in range(3):
        for by in (NOTICEABLE, NOTICEABLE + 1):
            red, green, blue = (level + by * (at == channel) for at, level in enumerate(GREY))
            assert compare(with_dots(500, (red, green, blue)), PLAIN).alike == (by == NOTICEABLE)


def test_a_picture_of_another_size_is_another() -> None:
    assert not compare(png(Image.new("RGB", (SIZE[0], SIZE[1] + 1), GREY)), PLAIN).alike


def test_the_difference_is_kept_in_red(tmp_path: Path) -> None:
    kept = compare(with_dots(1, (255, 255, 255)), PLAIN).keep(tmp_path, "dot")
    assert [path.name for path in kept] == ["dot-actual.png", "dot-expected.png", "dot-difference.png"]
    difference = Image.open(kept[-1])
    assert difference.getpixel((0, 0)) == (220, 0, 0)
    assert difference.getpixel((1, 0)) == (208, 208, 208)


def test_a_picture_made_small_is_the_same() -> None:
    assert compare(smallest(with_dots(30, (0, 0, 0))), with_dots(30, (0, 0, 0))).share == 0
