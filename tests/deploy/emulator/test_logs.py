"""What machines write and how they end, as the API tells it afterwards."""

from __future__ import annotations

from typing import Any

import httpx

from tests.deploy.emulator.support import Emulated, until

APP = "runner-staging"


def logs(emulated: Emulated, machine: str = "", environment: str = "staging") -> httpx.Response:
    with emulated.fly(environment) as client:
        url = str(client.base_url).removesuffix("/").removesuffix("/v1")
        parameters = {"instance": machine} if machine else {}
        return client.get(f"{url}/api/v1/apps/{APP}/logs", params=parameters)


def test_what_a_machine_wrote_outlives_its_end_and_its_removal(emulated: Emulated, staging: dict[str, Any]) -> None:
    made = emulated.create("staging", {**staging, "env": {"EXIT": "3"}, "restart": {"policy": "no"}})["id"]
    assert until(lambda: emulated.look("staging", made)["state"] == "stopped")
    ended = emulated.look("staging", made)["events"][0]
    assert (ended["type"], ended["source"]) == ("exit", "flyd")
    exit_event = ended["request"]["exit_event"]
    assert (exit_event["exit_code"], exit_event["requested_stop"]) == (3, False)

    def entries() -> list[dict[str, Any]]:
        return [entry["attributes"] for entry in logs(emulated, made).raise_for_status().json()["data"]]

    (line,) = until(entries)
    assert (line["message"], line["instance"]) == ("leaves with 3", made)
    assert line["timestamp"].startswith("20")
    with emulated.fly("staging") as client:
        client.delete(f"/apps/{APP}/machines/{made}", params={"force": "true"}).raise_for_status()
    assert [entry["message"] for entry in entries()] == ["leaves with 3"]
    assert logs(emulated, "nothing").json()["data"] == []


def test_logs_of_another_environments_app_are_refused(emulated: Emulated) -> None:
    assert logs(emulated, environment="production").status_code == 403


def test_who_starts_a_machine_is_told_apart_from_its_restarts(emulated: Emulated, staging: dict[str, Any]) -> None:
    made = emulated.serving("staging", staging)["id"]
    with emulated.fly("staging") as client:
        client.post(f"/apps/{APP}/machines/{made}/stop", json={}).raise_for_status()
        assert until(lambda: emulated.look("staging", made)["state"] == "stopped")
        client.post(f"/apps/{APP}/machines/{made}/start").raise_for_status()
    assert until(lambda: emulated.look("staging", made)["state"] == "started")
    told = [(event["type"], event["source"]) for event in emulated.look("staging", made)["events"]]
    assert ("start", "user") in told
    assert told.index(("start", "flyd")) < told.index(("start", "user"))
    emulated.clear("staging")
