"""The same steps in a launcher with AddressSanitizer and UBSan in it, which must have nothing to report."""

import re
import socket
from collections.abc import Iterator

import pytest

from backend.runner.sandbox.build import build_launcher
from backend.runner.sandbox.host import Host
from tests.unit.backend.runner.conftest import Place
from tests.unit.backend.runner.sandbox import test_keeper, test_launcher, test_slots

pytestmark = pytest.mark.any_python

REPORT = re.compile(r"(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:")

for _module in (test_keeper, test_launcher, test_slots):
    globals().update({name: value for name, value in vars(_module).items() if name.startswith("test_")})


@pytest.fixture(scope="module")
def host() -> Host:
    return Host.find(build_launcher("SANITIZE=1"))


@pytest.fixture
def place(host: Host, capfd: pytest.CaptureFixture[str]) -> Iterator[Place]:
    made = Place(host)
    try:
        yield made
        _end_by_itself(made)
    finally:
        made.close()
    assert not REPORT.search(said := capfd.readouterr().err), said


def _end_by_itself(place: Place) -> None:
    """As when the service is gone: only then are leaks looked for."""
    keeper = place.slot._keeper
    if keeper is not None and not keeper.failure:
        keeper._socket.shutdown(socket.SHUT_RDWR)
        assert keeper._process.wait(30) == 0
