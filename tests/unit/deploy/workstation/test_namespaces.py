"""A machine that keeps plain users from namespaces is told before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import MachineLacks
from deploy.workstation.namespaces import require_namespaces, restricted


@pytest.mark.parametrize(("content", "kept"), [("1\n", True), ("2\n", True), ("0\n", False), (None, False)])
def test_who_is_kept_from_namespaces(tmp_path: Path, content: str | None, kept: bool) -> None:
    setting = tmp_path / "setting"
    if content is not None:
        setting.write_text(content)
    assert restricted(setting) is kept


def test_the_command_that_allows_them_is_told(tmp_path: Path) -> None:
    setting = tmp_path / "setting"
    setting.write_text("1\n")
    with pytest.raises(MachineLacks, match=r"sudo sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0"):
        require_namespaces("unix:///var/run/docker.sock", setting)
    require_namespaces("tcp://elsewhere:2375", setting)  # another machine's kernel
