"""Publishes a deployment: checks its files, serves it, looks at what is served, then reports success."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import httpx

from deploy.emulator.errors import ChildFailed, DeploymentWrong
from deploy.emulator.model import Deployment, Project, now_text
from deploy.emulator.pages.assets import Assets
from deploy.emulator.pages.rules import read_rules
from deploy.emulator.plain import plain_client
from deploy.emulator.store import Store

log = logging.getLogger("emulator.pages")

LOOK_SECONDS = 5.0
KEPT = 50
"""Deployments of a project that are remembered beside the one that is served; older ones go, files and all."""


class Publisher:
    """Publishes to the projects' hosts, whose names are `hosts`; `edge` is where they answer.

    `most_files` tells how many files a deployment of a project may have now.
    """

    def __init__(self, store: Store, edge: str, hosts: dict[str, str], most_files: Callable[[Project], int]) -> None:
        self._store, self._edge, self._hosts, self._most_files = store, edge, hosts, most_files
        self._locks: dict[str, asyncio.Lock] = {}

    def assets(self, project: str) -> Assets:
        """The project's assets; projects share none."""
        return Assets(self._store.directory / "pages" / project)

    async def publish(self, project: Project, deployment: Deployment) -> None:
        """Bring a new deployment to `success`, served if it is for production, or to `failure`."""
        try:
            for ignored in read_rules(deployment.headers, deployment.redirects).ignored:
                log.warning("deployment %s of %s: ignored %s", deployment.id, project.name, ignored)
            await asyncio.to_thread(
                self.assets(project.name).assemble, deployment.id, deployment.files, self._most_files(project)
            )
            if deployment.environment == "production":
                await self.serve(project, deployment)
        except (DeploymentWrong, ChildFailed, OSError) as error:
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

    def remove(self, project: Project, deployment: Deployment) -> None:
        """Remove one that is not served."""
        project.deployments.pop(deployment.id, None)
        self.assets(project.name).remove(deployment.id)
        self._store.save()

    async def serve(self, project: Project, deployment: Deployment) -> None:
        """Make it the one that the project's host serves. Raises ChildFailed, with the previous one back."""
        async with self._locks.setdefault(project.name, asyncio.Lock()):
            before, project.canonical = project.canonical, deployment.id
            try:
                await self._look(project, deployment)
            except ChildFailed:
                project.canonical = before
                raise
            self._store.save()

    async def _look(self, project: Project, deployment: Deployment) -> None:
        """Fetch a file through the edge and compare it with what was uploaded."""
        plain = (path for path in deployment.files if not path.endswith(".html"))
        path = next(plain, None)
        if path is None or deployment.redirects or project.host:
            return
        wanted = await asyncio.to_thread(self.assets(project.name).read, deployment.files[path])
        headers = {"Host": self._hosts[project.name]}
        async with plain_client(LOOK_SECONDS) as client:
            try:
                answer = await client.get(httpx.URL(self._edge, path=path), headers=headers)
            except httpx.HTTPError as error:
                raise ChildFailed(f"the edge does not answer for {headers['Host']}: {error}") from error
        if answer.status_code != 200 or answer.content != wanted:
            raise ChildFailed(f"the edge answers {answer.status_code} for {path} with other content than was uploaded")
