"""The Pages API's routes: direct upload, deployments, rollback. Those of projects as such are in `projects.py`."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.emulator.access import Keyring
from deploy.emulator.control import Tenant
from deploy.emulator.errors import ChildFailed, PagesRefusal
from deploy.emulator.faults.rules import Rules
from deploy.emulator.model import Deployment, Json, Project
from deploy.emulator.pages import ticket
from deploy.emulator.pages.assets import Assets, names_of
from deploy.emulator.pages.projects import Projects
from deploy.emulator.pages.publisher import Publisher
from deploy.emulator.pages.tokens import Verification
from deploy.emulator.pages.wire import (
    MAX_FORM,
    MAX_UPLOAD,
    deployment_json,
    read_form,
    read_json,
    refused,
    success,
)
from deploy.emulator.store import Store

Endpoint = Callable[[Request], Awaitable[Response]]

COMMIT_LIMIT = 1000
MESSAGE_BYTES = 384


class PagesApi:
    """The API over one store. A token acts on its own project in its own account and on nothing else."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        keyring: Keyring,
        tenants: list[Tenant],
        rules: Rules,
        most_files: Callable[[Project], int],
    ) -> None:
        """`most_files` tells how many files a deployment of a project may have now."""
        self._most_files = most_files
        self._store, self._publisher, self._keyring = store, publisher, keyring
        self._projects = Projects(store, publisher, keyring, tenants, rules)
        self._verification = Verification(keyring, rules)
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """All routes, to be mounted at /client/v4."""
        project = "/accounts/{account}/pages/projects/{project}"
        table: list[tuple[str, str, Endpoint]] = [
            *self._projects.table(),
            *self._verification.table(),
            ("GET", project + "/upload-token", self.upload_token),
            ("POST", "/pages/assets/check-missing", self.check_missing),
            ("POST", "/pages/assets/upload", self.upload),
            ("POST", "/pages/assets/upsert-hashes", self.upsert_hashes),
            ("GET", project + "/deployments", self.list_deployments),
            ("POST", project + "/deployments", self.create_deployment),
            ("GET", project + "/deployments/{deployment}", self.get_deployment),
            ("DELETE", project + "/deployments/{deployment}", self.delete_deployment),
            ("POST", project + "/deployments/{deployment}/rollback", self.roll_back),
        ]
        return [Route(path, _answering(endpoint), methods=[method]) for method, path, endpoint in table]

    # who speaks, about what

    def _project(self, request: Request) -> Project:
        return self._projects.project(request)

    def _assets(self, request: Request) -> Assets:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        name = ticket.project_of(self._store.private.jwt_key, token.strip(), time.time())
        if scheme.lower() != "bearer" or name is None:
            raise PagesRefusal(403, 8000013, "Authorization failed: the upload token is invalid or has expired")
        return self._publisher.assets(name)

    def _deployment(self, request: Request) -> tuple[Project, Deployment]:
        project = self._project(request)
        found = project.deployments.get(request.path_params["deployment"])
        if found is None:
            raise PagesRefusal(404, 8000009, "The deployment ID you have specified does not exist")
        return project, found

    def _shown(self, deployment: Deployment, project: Project) -> Json:
        return deployment_json(deployment, project, self._projects.host(project))

    # direct upload

    async def upload_token(self, request: Request) -> Response:
        project = self._project(request)
        return success(
            {"jwt": ticket.issue(self._store.private.jwt_key, project.name, time.time(), self._most_files(project))}
        )

    async def check_missing(self, request: Request) -> Response:
        assets = self._assets(request)
        return success(assets.missing(names_of(await read_json(request, MAX_FORM))))

    async def upload(self, request: Request) -> Response:
        assets = self._assets(request)
        payload = await read_json(request, MAX_UPLOAD)
        stored = await asyncio.to_thread(assets.store, payload)
        return success({"successful_key_count": stored, "unsuccessful_keys": []})

    async def upsert_hashes(self, request: Request) -> Response:
        assets = self._assets(request)
        names = names_of(await read_json(request, MAX_FORM))
        if missing := assets.missing(names):
            raise PagesRefusal(400, 8000012, f"asset {missing[0]} was not uploaded")
        return success(None)

    # deployments

    async def create_deployment(self, request: Request) -> Response:
        project, form = self._project(request), await read_form(request)
        files = _manifest(form.get("manifest"))
        branch = form.get("branch") or project.production_branch
        trigger = {
            "branch": branch,
            "commit_hash": form.get("commit_hash", "")[:COMMIT_LIMIT],
            "commit_message": _message(form.get("commit_message", "")),
            "commit_dirty": form.get("commit_dirty", "false") == "true",
        }
        deployment = Deployment(
            id=str(uuid.uuid4()),
            environment="production" if branch == project.production_branch else "preview",
            files=files,
            headers=form.get("_headers", ""),
            redirects=form.get("_redirects", ""),
            trigger=trigger,
        )
        project.deployments[deployment.id] = deployment
        self._store.save()
        task = asyncio.create_task(self._publisher.publish(project, deployment))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return success(self._shown(deployment, project))

    async def get_deployment(self, request: Request) -> Response:
        project, deployment = self._deployment(request)
        return success(self._shown(deployment, project))

    async def delete_deployment(self, request: Request) -> Response:
        project, deployment = self._deployment(request)
        if deployment.id == project.canonical:
            raise PagesRefusal(400, 8000034, "You cannot delete the active production deployment of a project")
        if deployment.environment == "preview" and request.query_params.get("force") != "true":
            words = "You cannot delete an aliased deployment without a `?force=true` parameter in the API request URL."
            raise PagesRefusal(400, 8000035, words)
        self._publisher.remove(project, deployment)
        return success(None)

    async def list_deployments(self, request: Request) -> Response:
        project, query = self._project(request), request.query_params
        wanted = query.get("env")
        if wanted not in (None, "production", "preview"):
            raise PagesRefusal(400, 8000012, "env is production or preview")
        try:
            page, size = max(int(query.get("page", "1")), 1), min(max(int(query.get("per_page", "25")), 1), 25)
        except ValueError as error:
            raise PagesRefusal(400, 8000024, "page and per_page are numbers") from error
        newest = list(reversed(project.deployments.values()))
        found = [one for one in newest if wanted in (None, one.environment)]
        shown = [self._shown(one, project) for one in found[(page - 1) * size : page * size]]
        return success(shown, page=page, per_page=size, count=len(shown), total_count=len(found))

    async def roll_back(self, request: Request) -> Response:
        project, deployment = self._deployment(request)
        if deployment.environment != "production" or deployment.status != "success":
            raise PagesRefusal(400, 8000039, "only a successful production deployment can be rolled back to")
        try:
            await self._publisher.serve(project, deployment)
        except ChildFailed as error:
            raise PagesRefusal(500, 8000000, str(error)) from error
        return success(self._shown(deployment, project))


def _message(text: str) -> str:
    """The message as Pages keeps it: line breaks of two bytes, cut off by bytes; refused when that cuts a character."""
    try:
        return re.sub(r"\r?\n", "\r\n", text).encode()[:MESSAGE_BYTES].decode()
    except UnicodeDecodeError as error:
        raise PagesRefusal(400, 8000111, "Invalid commit message, it must be a valid UTF-8 string.") from error


def _manifest(text: str | None) -> dict[str, str]:
    try:
        files: Any = json.loads(text or "")
    except ValueError as error:
        raise PagesRefusal(400, 8000012, "manifest is not JSON") from error
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise PagesRefusal(400, 8000012, "manifest is not an object of paths and asset names")
    return files


def _answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with refusals in the envelope."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except PagesRefusal as refusal:
            return refused(refusal)

    return answer
