"""The pipeline as a person drives it, from a commit to production and back, on real engine, registry, edge and git.

One story in order: each test goes on where the one before ended.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.timeout(1800)  # the first rehearsal of a machine builds everything
HEAD = "from __future__ import annotations\n"
FAILS_IN_PRODUCTION = """import os
if os.environ.get("RUNNER_ENVIRONMENT") == "production":
    os.environ["RUNNER_VERSION"] = "wrong"
    os.environ["RUN_TIMEOUT"] = "0.00001"  # less than any program takes
"""


def version(state: dict[str, Any], environment: str) -> dict[str, Any]:
    """What the environment's service says of itself."""
    root = state[environment]["urls"]["api"].removesuffix("api/v1/")
    return dict(httpx.get(f"{root}version", timeout=10).raise_for_status().json())


def page_config(state: dict[str, Any], environment: str) -> dict[str, Any]:
    """The configuration of the page that is served."""
    text = httpx.get(f"{state[environment]['urls']['frontend']}config.js", timeout=10).raise_for_status().text
    return dict(json.loads(text.removeprefix("globalThis.CODECANVAS_CONFIG = ").removesuffix(";\n")))


def serves(state: dict[str, Any], environment: str, sha: str) -> bool:
    """Ledger, machines, service and page all are of this commit."""
    entry = state[environment]
    return bool(
        entry["commitSha"] == sha
        and entry["agree"]
        and version(state, environment)["sha"] == sha
        and version(state, environment)["image"] == entry["image"]
        and page_config(state, environment)["sha"] == sha
    )


def parts(state: dict[str, Any], environment: str) -> dict[str, bytes]:
    """The hashed files that the served page names, by address."""
    root = state[environment]["urls"]["frontend"]
    index = httpx.get(root, timeout=10).raise_for_status().text
    addresses = [f"{root}{name}" for name in re.findall(r'"/(assets/[^"]+)"', index)]
    return {address: httpx.get(address, timeout=10).raise_for_status().content for address in addresses}


def still_served(open_page: dict[str, bytes]) -> bool:
    """Whether a page that was opened before still gets what it is made of."""
    return all(httpx.get(address, timeout=10).content == content for address, content in open_page.items())


@pytest.fixture(scope="module")
def open_page(project: Any, first: str) -> dict[str, bytes]:
    """Production's page as somebody opened it after the first release."""
    return parts(project.status(), "production")


def test_a_commit_reaches_production_with_the_bytes_that_staging_proved(
    project: Any, first: str, open_page: dict[str, bytes]
) -> None:
    state, report = project.status(), project.report()
    assert open_page
    assert [*parts(state, "staging").values()] == [*open_page.values()]
    assert serves(state, "staging", first)
    assert serves(state, "production", first)
    assert state["staging"]["image"] == state["production"]["image"] == report["image"]
    assert state["staging"]["frontend"] == state["production"]["frontend"] == report["frontend"]
    for environment in ("staging", "production"):
        assert version(state, environment)["environment"] == environment
        assert all(machine["image"] == report["image"] for machine in state[environment]["machines"])
        assert page_config(state, environment)["environment"] == environment


def test_the_report_names_steps_and_addresses(project: Any, first: str) -> None:
    report = project.report()
    assert (report["ok"], report["sha"]) == (True, first)
    assert [step["name"] for step in report["steps"]] == [
        "start the platforms", "build", "deploy to staging", "integration suite on staging", "approve",
        "promote to production",
    ]  # fmt: skip
    assert all(step["ok"] and step["seconds"] >= 0 for step in report["steps"])
    assert set(report["urls"]) == {"staging", "production"}


def test_the_ledger_tells_who_deployed_what(project: Any, first: str) -> None:
    events = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)
    assert [event["status"] for event in events[::-1]][:2] == ["pending", "deployed"]
    assert all(event["deployedBy"] and event["commitSha"] == first for event in events)


def test_a_token_of_one_environment_does_not_act_on_the_other(project: Any, first: str) -> None:
    tokens = json.loads((project.state / "tokens.json").read_text())
    fly = json.loads((project.state / "emulator.json").read_text())["fly_api"]
    bearer = {"Authorization": f"Bearer {tokens['staging']['FLY_API_TOKEN']}"}
    assert httpx.get(f"{fly}/v1/apps/runner-staging/machines", headers=bearer).status_code == 200
    assert httpx.get(f"{fly}/v1/apps/runner/machines", headers=bearer).status_code == 403


def test_a_second_release_and_the_way_back(project: Any, first: str, open_page: dict[str, bytes], second: str) -> None:
    assert serves(project.status(), "production", second)
    opened_since = parts(project.status(), "production")
    assert opened_since.keys() != open_page.keys()
    assert still_served(open_page)
    project.invoke("rollback", "--env", "production", "--rehearsal")
    state = project.status()
    assert serves(state, "production", first)
    assert still_served(opened_since)
    assert serves(state, "staging", second)
    events = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)
    assert (events[0]["status"], events[0]["commitSha"]) == ("rolled-back", second)
    project.invoke("rollback", "--env", "production", "--to", second, "--rehearsal")
    assert serves(project.status(), "production", second)


def test_an_unproven_commit_is_refused_and_says_what_to_run(project: Any, second: str) -> None:
    unproven = project.commit("Never deployed")
    refused = project.invoke("promote", "--sha", unproven, "--rehearsal", code=1)
    assert "was never deployed to staging" in refused.stderr
    assert "invoke build --env staging && invoke deploy --env staging --rehearsal" in refused.stderr
    plan = json.loads(project.invoke("promote", "--sha", unproven, "--plan", "--json", "--rehearsal", code=1).stdout)
    closed = {gate["name"] for gate in plan["gates"] if not gate["ok"]}
    assert not plan["allowed"]
    assert {"staged", "evidence", "approvals"} <= closed
    assert not {"breaker", "freeze", "ancestor", "rejected"} & closed
    allowed = json.loads(project.invoke("promote", "--sha", second, "--plan", "--json", "--rehearsal").stdout)
    assert allowed["allowed"]
    assert serves(project.status(), "production", second)


def test_a_commit_of_the_same_artifact_is_built_by_nobody_and_proven_by_the_other(project: Any, second: str) -> None:
    sha = project.commit("Say more in the docs", ("README.md", "# codecanvas.", "# codecanvas!"))
    arguments = ("build", "--env", "staging", "--languages", "core", "--explain", "--json")
    manifest = json.loads(project.invoke(*arguments).stdout)
    assert [(target["target"], target["made"]) for target in manifest["targets"]] == [("page", False), ("image", False)]
    project.invoke("deploy", "--env", "staging", "--rehearsal")
    state = project.status()
    assert serves(state, "staging", sha)
    assert (state["staging"]["image"], state["staging"]["frontend"]) == (manifest["image"], manifest["frontend"])
    assert all(state["staging"][key] == state["production"][key] for key in ("image", "frontend"))
    plan = json.loads(project.invoke("promote", "--sha", sha, "--plan", "--json", "--rehearsal", code=1).stdout)
    gates = {gate["name"]: gate for gate in plan["gates"]}
    assert gates["evidence"]["ok"]
    assert f"as {second[:12]}, which has the same digests" in gates["evidence"]["reason"]


def test_deployed_but_not_verified_is_refused(project: Any, second: str) -> None:
    said = ("frontend/src/canvas/dialogs.ts", "Programs may use these", "Programs may use those")
    sha = project.commit("Deployed, not verified", said)
    project.invoke("build", "--env", "staging", "--languages", "core")
    project.invoke("deploy", "--env", "staging", "--rehearsal")
    assert serves(project.status(), "staging", sha)
    assert "invoke verify --env staging" in project.invoke("promote", "--sha", sha, "--rehearsal", code=1).stderr


def test_a_dirty_tree_reaches_staging_at_most(project: Any, second: str) -> None:
    readme = project.place / "README.md"
    whole = readme.read_text()
    readme.write_text(whole + "uncommitted\n")
    try:
        manifest = json.loads(project.invoke("build", "--env", "staging", "--languages", "core", "--json").stdout)
        assert manifest["dirty"]
        assert manifest["version"].endswith(".dirty")
        project.invoke("deploy", "--env", "staging", "--rehearsal")
        refused = project.invoke("promote", "--sha", "HEAD", "--rehearsal", code=1)
        assert "differs from its commit" in refused.stderr
        assert "commit or stash" in project.invoke("rehearse", code=2).stderr
    finally:
        readme.write_text(whole)


def test_a_broken_commit_is_taken_back_in_staging_and_cannot_be_promoted(project: Any, second: str) -> None:
    before = project.status()
    broken = project.commit("Break the service", ("backend/runner/__main__.py", HEAD, f"{HEAD}raise SystemExit(3)\n"))
    project.invoke("build", "--env", "staging", "--languages", "core")
    failed = project.invoke("deploy", "--env", "staging", "--rehearsal", code=1)
    assert "was not released" in failed.stderr
    assert f"{before['staging']['version']} serves" in failed.stderr
    after = project.status()
    assert serves(after, "staging", before["staging"]["commitSha"])
    assert [m["id"] for m in after["staging"]["machines"]] == [m["id"] for m in before["staging"]["machines"]]
    events = json.loads(project.invoke("history", "--env", "staging", "--rehearsal", "--json").stdout)
    assert (events[0]["status"], events[0]["commitSha"]) == ("rolled-back", broken)
    assert events[0]["reason"]
    refused = project.invoke("promote", "--sha", broken, "--rehearsal", code=1)
    assert "its deployment to staging failed" in refused.stderr
    project.git("revert", "--no-edit", "HEAD")


def test_a_release_that_fails_in_production_alone_is_taken_back_by_itself(project: Any, second: str) -> None:
    change = ("backend/runner/__main__.py", HEAD, HEAD + FAILS_IN_PRODUCTION)
    sha = project.commit("Works in staging, fails in production", change)
    failed = project.invoke("rehearse", code=1)
    assert "production" in failed.stderr
    assert not project.report()["ok"]
    assert [step["ok"] for step in project.report()["steps"]] == [True, True, True, True, True, False]
    state = project.status()
    assert serves(state, "staging", sha)
    assert serves(state, "production", second)
    assert (state["production"]["lock"], state["production"]["rollout"]) == (None, None)


def test_after_that_the_breaker_is_open_and_the_release_rejected(project: Any, second: str) -> None:
    failed = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)[0]
    arguments = ("promote", "--sha", failed["commitSha"], "--plan", "--json", "--rehearsal")
    gates = {gate["name"]: gate for gate in json.loads(project.invoke(*arguments, code=1).stdout)["gates"]}
    assert (gates["breaker"]["ok"], gates["rejected"]["ok"]) == (False, False)
    assert "invoke breaker --reset" in gates["breaker"]["action"]
    assert "canary" in gates["rejected"]["reason"]
    assert "is not promoted" in project.invoke("promote", "--sha", second, "--rehearsal", code=1).stderr
    project.invoke("breaker", "--reset", "--reason", "the cause is known", "--rehearsal")
    gates = {gate["name"]: gate for gate in json.loads(project.invoke(*arguments, code=1).stdout)["gates"]}
    assert (gates["breaker"]["ok"], gates["rejected"]["ok"]) == (True, False)


def test_a_freeze_stops_a_promotion_and_a_hotfix_passes_it_loudly(project: Any, first: str, second: str) -> None:
    project.invoke("freeze", "--until", "2h", "--reason", "a launch", "--rehearsal")
    refused = project.invoke("promote", "--sha", second, "--rehearsal", code=1)
    assert "a launch" in refused.stderr
    assert "--reason" in project.invoke("promote", "--sha", second, "--hotfix", "--rehearsal", code=2).stderr
    project.invoke("promote", "--sha", second, "--hotfix", "--reason", "an outage", "--rehearsal")
    newest = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)[0]
    assert (newest["commitSha"], newest["status"]) == (second, "deployed")
    assert "hotfix (an outage)" in " ".join(newest["notes"])
    assert serves(project.status(), "production", second)
    project.invoke("freeze", "--lift", "all", "--rehearsal")


def test_the_platforms_stop_and_come_back_serving(project: Any, second: str) -> None:
    before = project.status()
    project.invoke("rehearse", "--down")
    assert "no rehearsal runs" in project.invoke("status", "--rehearsal", code=2).stderr
    project.invoke("rehearse", "--up")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not all(m["healthy"] for m in project.status()["production"]["machines"]):
        time.sleep(0.5)
    after = project.status()
    assert after["production"]["urls"] == before["production"]["urls"]
    assert serves(after, "production", second)
