"""Which browser is taken, on machines that have different ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import MachineLacks
from deploy.processes import run
from deploy.workstation import browsers, packages


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH, on a machine without downloads of Playwright's."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(packages, "SYSTEM_PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def program(place: Path, content: str = "#!/bin/sh\nexec true\n") -> str:
    place.write_text(content)
    place.chmod(0o755)
    return str(place)


@pytest.mark.parametrize("name", ["chromium", "google-chrome", "google-chrome-stable"])
def test_whatever_is_chromium_on_path_is_taken(bare: Path, name: str) -> None:
    there = program(bare / name)
    assert browsers.find("chromium", str(bare)) == browsers.Found(there, there)
    assert packages.missing("browser") == []


def test_a_named_one_is_taken_first(bare: Path) -> None:
    program(bare / "chromium")
    named = program(bare / "mine")
    found = browsers.find("chromium", str(bare), {"CHROMIUM": named})
    assert found == browsers.Found(named, f"{named} (CHROMIUM)")
    assert browsers.find("chromium", str(bare), {"CHROMIUM": "/no/such"}) is None


@pytest.mark.parametrize("form", ["a link to snap", "a script that starts a snap"])
def test_a_snap_is_not_taken(bare: Path, form: str) -> None:
    if form == "a link to snap":
        program(bare / "snap")
        (bare / "firefox").symlink_to(bare / "snap")
    else:
        program(bare / "firefox", '#!/bin/sh\nexec /snap/bin/firefox "$@"\n')
    assert browsers.find("firefox-esr", str(bare), {}) is None


def test_playwrights_own_is_taken_when_it_is_whole(bare: Path, tmp_path: Path) -> None:
    told = run([*browsers._PLAYWRIGHT, "install", "--dry-run", "chromium"], capture_output=True, text=True)
    place = next(
        Path(line.partition(":")[2].strip())
        for line in told.stdout.splitlines()
        if "Install location" in line and Path(line.partition(":")[2].strip()).name.startswith("chromium-")
    )
    assert place.is_relative_to(tmp_path / "downloads")
    place.mkdir(parents=True)
    assert browsers.find("chromium", str(bare), {}) is None
    (place / browsers.COMPLETE).touch()
    assert browsers.find("chromium", str(bare), {}) == browsers.Found("", "Playwright's own chromium")


def test_a_plain_user_is_told_both_ways(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "may_install", lambda: False)
    with pytest.raises(MachineLacks) as told:
        packages.need("browser")
    assert "sudo apt-get install -y --no-install-recommends chromium" in str(told.value)
    assert "playwright install --with-deps chromium" in str(told.value)


def test_a_package_that_apt_does_not_know_is_not_asked_for() -> None:
    assert packages._available("bash")
    assert not packages._available("no-such-package-anywhere")
