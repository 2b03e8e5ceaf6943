"""One more environment is two files: staging → qa → production, on real machines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.conftest import Project, copied

pytestmark = pytest.mark.timeout(1200)

SETTINGS = """ROLE=proving
PROMOTED_FROM=staging
API_URL=https://runner-qa.fly.dev/api/v1/
FRONTEND_URL=https://qa-frontend.pages.dev/
DEPLOYMENT_TARGET=runner-qa
PAGES_PROJECT=qa-frontend
NUM_RUNNERS=1
"""


@pytest.fixture
def longer(tmp_path: Path) -> Iterator[Project]:
    """A project with qa between staging and production, and its platforms."""
    project = copied(tmp_path)
    (project.place / ".env.qa").write_text(SETTINGS)
    toml = (project.place / "deploy/fly.staging.toml").read_text()
    (project.place / "deploy/fly.qa.toml").write_text(toml.replace("runner-staging", "runner-qa"))
    project.commit("One more environment")
    project.invoke("rehearse", "--up")
    try:
        yield project
    finally:
        project.invoke("rehearse", "--down")


def has_app(project: Project, environment: str, app: str) -> bool:
    """Whether the platform has an environment's app."""
    token = json.loads((project.state / "tokens.json").read_text())[environment]["FLY_API_TOKEN"]
    address = json.loads((project.state / "emulator.json").read_text())["fly_api"]
    answer = httpx.get(f"{address}/v1/apps/{app}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.status_code == 200


def test_a_release_passes_through_it_on_its_way_to_production(longer: Project) -> None:
    sha = longer.git("rev-parse", "HEAD")
    built = longer.invoke("build", "--env", "qa", "--languages", "core")
    site = longer.place / f"dist/{sha}/site"
    assert f"dist/{sha}/site/qa" in built.stderr
    assert [each.name for each in site.iterdir()] == ["qa"]
    assert '"environment":"qa"' in (site / "qa/config.js").read_text()

    longer.invoke("deploy", "--env", "staging", "--rehearsal")
    refused = longer.invoke("deploy", "--env", "qa", "--rehearsal", code=2)
    assert "releases reach qa only by promotion from staging; use: invoke promote --sha SHA --env qa" in refused.stderr
    refused = longer.invoke("promote", "--sha", sha, "--env", "qa", "--rehearsal", code=1)
    assert "no suite has run against it in staging" in refused.stderr
    assert not has_app(longer, "qa", "runner-qa")
    longer.prove("staging")
    longer.invoke("promote", "--sha", sha, "--env", "qa", "--rehearsal")
    assert has_app(longer, "qa", "runner-qa")

    refused = longer.invoke("promote", "--sha", sha, "--rehearsal", code=1)
    assert "no suite has run against it in qa" in refused.stderr
    assert f"invoke verify --env qa --rehearsal (while qa serves {sha[:12]})" in refused.stderr
    longer.prove("qa")
    assert any("is proven in qa and waits" in problem for problem in longer.status()["production"]["problems"])
    longer.invoke("approve", "--sha", sha, "--yes", "all", "--rehearsal")
    longer.invoke("promote", "--sha", sha, "--rehearsal")

    state = longer.status()
    assert list(state) == ["staging", "qa", "production"]
    assert len({(each["commitSha"], each["image"], each["frontend"]) for each in state.values()}) == 1
    assert all(each["agree"] for each in state.values())
    told = json.loads((longer.state / "logs/events.jsonl").read_text().splitlines()[-1])
    assert (told["event"], told["ok"]) == ("verb.ended", True)
    shutil.rmtree(longer.place / f"dist/{sha}")
