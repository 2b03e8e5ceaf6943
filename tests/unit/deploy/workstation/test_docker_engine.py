"""Finding a Docker engine."""

from __future__ import annotations

import gc
import socket
import warnings
from pathlib import Path

import pytest

from deploy.workstation.__main__ import main
from deploy.workstation.docker_engine import answers


@pytest.mark.parametrize("left", ["nothing", "the socket's file"])
def test_an_engine_that_ended_does_not_answer_and_leaves_no_socket_open(tmp_path: Path, left: str) -> None:
    path = tmp_path / "docker.sock"
    if left != "nothing":
        with socket.socket(socket.AF_UNIX) as ended:
            ended.bind(str(path))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert not answers(f"unix://{path}")
        gc.collect()
    assert [str(one.message) for one in seen] == []


def test_an_unknown_need_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engin"]) == 2
    assert "engine" in capsys.readouterr().err
