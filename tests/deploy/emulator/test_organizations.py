"""Organisations: apps are made in the token's own, and a token of another is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import docker

from tests.deploy.emulator.support import TENANTS, emulator


def test_a_token_acts_in_its_own_organisation_alone(
    docker_host: str, engine: docker.DockerClient, tmp_path: Path
) -> None:
    one, other = (replace(tenant, organization=f"org-{tenant.environment}") for tenant in TENANTS)
    with emulator(tmp_path / "state", docker_host, engine, tenants=(one, other)) as emulated:
        with emulated.fly("staging") as fly:
            stolen = fly.post("/apps", json={"name": one.app, "org_slug": "org-production"})
            assert (stolen.status_code, "of organization org-staging" in stolen.json()["error"]) == (403, True)
            made = {"name": one.app, "org_slug": "org-staging", "network": "a-network"}
            assert fly.post("/apps", json=made).status_code == 201
            found = fly.get(f"/apps/{one.app}").json()
            assert (found["organization"]["slug"], found["network"]) == ("org-staging", "a-network")
            assert fly.get("/apps", params={"org_slug": "org-production"}).status_code == 403
        with emulated.fly("production") as fly:
            assert fly.get(f"/apps/{one.app}").status_code == 403
            assert fly.get("/apps", params={"org_slug": "org-staging"}).status_code == 403
