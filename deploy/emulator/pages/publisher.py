"""Publishes a deployment: assembles its files, switches the edge, checks what it serves, then reports success."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from deploy.emulator.edge.rules import parse_headers, parse_redirects
from deploy.emulator.errors import ChildFailed, DeploymentWrong, RulesWrong
from deploy.emulator.files import point_to
from deploy.emulator.model import Deployment, Project, now_text
from deploy.emulator.pages.assets import Assets
from deploy.emulator.plain import plain_client
from deploy.emulator.store import Store

log = logging.getLogger("emulator.pages")

LOOK_SECONDS = 5.0
KEPT = 50
"""Deployments of a project that are remembered beside the one that is served; older ones go, files and all."""


class Publisher:
    """Publishes to the projects' hosts. `routes_changed` tells the edge of other rules than it has."""

    def __init__(
        self, store: Store, edge: str, hosts: dict[str, str], routes_changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._store, self._edge, self._hosts, self._routes_changed = store, edge, hosts, routes_changed
        self._locks: dict[str, asyncio.Lock] = {}

    def assets(self, project: str) -> Assets:
        """The project's assets; projects share none."""
        return Assets(self._store.directory / "pages" / project)

    async def publish(self, project: Project, deployment: Deployment) -> None:
        """Bring a new deployment to `success`, served if it is for production, or to `failure`."""
        try:
            parse_headers(deployment.headers)
            parse_redirects(deployment.redirects)
            await asyncio.to_thread(self.assets(project.name).assemble, deployment.id, deployment.files)
            if deployment.environment == "production":
                await self.serve(project, deployment)
        except (DeploymentWrong, RulesWrong, ChildFailed, OSError) as error:
            log.warning("deployment %s of %s failed: %s", deployment.id, project.name, error)
            deployment.status, deployment.problem = "failure", str(error)
        else:
            deployment.status = "success"
            await asyncio.to_thread(self._forget, project)
        deployment.modified_on = now_text()
        self._store.save()

    def _forget(self, project: Project) -> None:
        """Remove the oldest deployments, and the assets that no other has."""
        old = [one for one in project.deployments.values() if one.id != project.canonical and one.status != "active"]
        for one in old[:-KEPT]:
            project.deployments.pop(one.id, None)
            self.assets(project.name).remove(one.id)

    async def serve(self, project: Project, deployment: Deployment) -> None:
        """Make it the one that the project's host serves. Raises ChildFailed, with the previous one back."""
        async with self._locks.setdefault(project.name, asyncio.Lock()):
            before = project.canonical
            try:
                await self._switch(project, deployment.id)
                await self._look(project, deployment)
            except ChildFailed:
                if before:
                    await self._switch(project, before)
                raise
            self._store.save()

    async def _switch(self, project: Project, deployment: str) -> None:
        """Files and rules change one after the other: both sets of rules must do for both sets of files."""
        project.canonical = deployment
        point_to(self._store.directory / "pages" / project.name / "current", f"deployments/{deployment}")
        await self._routes_changed()

    async def _look(self, project: Project, deployment: Deployment) -> None:
        """Fetch a file through the edge and compare it with what was uploaded."""
        path = next((path for path in deployment.files if not path.endswith("/index.html")), None)
        if path is None:
            return
        root: Path = self._store.directory / "pages" / project.name / "deployments" / deployment.id
        wanted = await asyncio.to_thread((root / path.removeprefix("/")).read_bytes)
        headers = {"Host": self._hosts[project.name]}
        async with plain_client(LOOK_SECONDS) as client:
            try:
                answer = await client.get(httpx.URL(self._edge, path=path), headers=headers)
            except httpx.HTTPError as error:
                raise ChildFailed(f"the edge does not answer for {headers['Host']}: {error}") from error
        redirected = answer.is_redirect  # by the deployment's own `_redirects`
        if not redirected and (answer.status_code != 200 or answer.content != wanted):
            raise ChildFailed(f"the edge answers {answer.status_code} for {path} with other content than was uploaded")
