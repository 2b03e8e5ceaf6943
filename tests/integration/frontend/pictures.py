"""Pictures of the page beside reference pictures: how much of them differs, and what is kept to see where."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

# Two pixels differ when one of their colours is more than that apart, of 255: what smooths edges differs by less.
NOTICEABLE = 32
# Pictures are the same while no more than this share of their pixels differs: of a desk's picture some 100. One browser
# paints one page the same to the pixel; "Copy" missing from it makes 0.012 %, a header one pixel higher 1.4 %.
TOLERANCE = 0.0001
RED = (220, 0, 0)


@dataclass(frozen=True)
class Comparison:
    """A picture beside what was expected."""

    actual: Image.Image
    expected: Image.Image
    #: White where pixels differ, black elsewhere.
    differing: Image.Image

    @property
    def share(self) -> float:
        """The share of pixels that differ."""
        return self.differing.histogram()[255] / (self.differing.width * self.differing.height)

    @property
    def alike(self) -> bool:
        """Whether the pictures are the same within the tolerance; those of different sizes never are."""
        return self.actual.size == self.expected.size and self.share <= TOLERANCE

    def keep(self, place: Path, name: str) -> list[Path]:
        """Write both pictures and a pale one with every differing pixel in red; returns where they are."""
        size = self.differing.size
        pale = Image.blend(_padded(self.actual, size), Image.new("RGB", size, "white"), 0.7)
        pale.paste(RED, mask=self.differing)
        place.mkdir(parents=True, exist_ok=True)
        kept = {"actual": self.actual, "expected": self.expected, "difference": pale}
        for kind, picture in kept.items():
            picture.save(place / f"{name}-{kind}.png")
        return [place / f"{name}-{kind}.png" for kind in kept]


def compare(actual: bytes, expected: bytes) -> Comparison:
    """Compare two pictures in PNG; what only the larger one has counts as differing where it is not black."""
    ours, theirs = (Image.open(io.BytesIO(png)).convert("RGB") for png in (actual, expected))
    size = max(ours.width, theirs.width), max(ours.height, theirs.height)
    apart = ImageChops.difference(_padded(ours, size), _padded(theirs, size))
    largest = apart.getchannel(0)
    for channel in (1, 2):
        largest = ImageChops.lighter(largest, apart.getchannel(channel))
    return Comparison(ours, theirs, largest.point([0] * (NOTICEABLE + 1) + [255] * (255 - NOTICEABLE)))


def smallest(png: bytes) -> bytes:
    """The same picture in as few bytes as are easily had."""
    written = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(written, "PNG", optimize=True)
    return written.getvalue()


def _padded(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    padded = Image.new("RGB", size)
    padded.paste(picture)
    return padded
