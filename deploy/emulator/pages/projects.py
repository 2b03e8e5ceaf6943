"""The Pages API's routes for projects: list, create, look, change, delete. Every token has an account of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import string
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from deploy.emulator.access import Keyring
from deploy.emulator.control import Tenant
from deploy.emulator.errors import PagesRefusal
from deploy.emulator.faults.rules import Facts, Rules
from deploy.emulator.model import Json, Project
from deploy.emulator.pages.publisher import Publisher
from deploy.emulator.pages.wire import MAX_FORM, deployment_json, project_json, read_json, success
from deploy.emulator.store import Store

AUTHENTICATION, MALFORMED, TAKEN, MISSING, TOO_MANY = 10000, 8000012, 8000002, 8000007, 8000076
MOST_TO_DELETE = 100
"""A project with more deployments than this is not deleted."""
PAGE = 25
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,56}[a-z0-9])?")
Endpoint = Callable[[Request], Awaitable[Response]]


class Projects:
    """The routes. A project of another account is not known in this one."""

    def __init__(
        self, store: Store, publisher: Publisher, keyring: Keyring, tenants: list[Tenant], rules: Rules
    ) -> None:
        self._store, self._publisher, self._keyring, self._rules = store, publisher, keyring, rules
        self._hosts = {tenant.project: tenant.project_host for tenant in tenants}

    def table(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and endpoint of each."""
        projects = "/accounts/{account}/pages/projects"
        one = f"{projects}/{{project}}"
        return [
            ("GET", projects, self.list),
            ("POST", projects, self.create),
            ("GET", one, self.get),
            ("PATCH", one, self.patch),
            ("DELETE", one, self.delete),
        ]

    def speaker(self, request: Request) -> str:
        """The environment whose token this is, in its own account. Raises PagesRefusal 403."""
        environment = self._keyring.pages(request.headers.get("authorization", ""))
        state = self._keyring.state(environment, "CLOUDFLARE_API_TOKEN") if environment else ""
        changes = request.method not in ("GET", "HEAD")
        if environment is None or state == "scopeless" or (state == "reader" and changes):
            raise PagesRefusal(403, AUTHENTICATION, "Authentication error")
        if request.path_params["account"] != self._keyring.account(environment):
            raise PagesRefusal(403, AUTHENTICATION, "Authentication error")
        return environment

    def project(self, request: Request) -> Project:
        """The project of the path. Raises PagesRefusal 403, and 404 for one that this account does not have."""
        environment = self.speaker(request)
        found = self._store.world.projects.get(request.path_params["project"])
        if found is None or found.environment != environment:
            words = "Project not found. The specified project name does not match any of your existing projects."
            raise PagesRefusal(404, MISSING, words)
        return found

    def host(self, project: Project) -> str:
        """The project's own address."""
        return project.host or self._hosts.get(project.name, f"{project.name}.pages.dev")

    def _shown(self, project: Project) -> Json:
        shown = project_json(project, self.host(project))
        if project.deployments:
            latest = list(project.deployments.values())[-1]
            shown["latest_deployment"] = deployment_json(latest, project, self.host(project))
        return shown

    async def list(self, request: Request) -> Response:
        environment = self.speaker(request)
        found = [each for each in self._store.world.projects.values() if each.environment == environment]
        shown = [self._shown(each) for each in found[:PAGE]]
        return success(shown, page=1, per_page=PAGE, count=len(shown), total_count=len(found))

    async def create(self, request: Request) -> Response:
        environment, body = self.speaker(request), await read_json(request, MAX_FORM)
        name, branch = (body.get(key) if isinstance(body, dict) else None for key in ("name", "production_branch"))
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PagesRefusal(400, MALFORMED, "name: up to 58 lowercase letters, digits and dashes")
        if not isinstance(branch, str) or not branch:
            raise PagesRefusal(400, MALFORMED, "production_branch is missing")
        there = self._store.world.projects.get(name)
        if there is not None and there.environment == environment:
            words = "A project with this name already exists. Choose a different project name."
            raise PagesRefusal(409, TAKEN, words)
        if there is not None:
            raise PagesRefusal(409, TAKEN, "the emulator keeps one project of a name, and another account has it")
        made = Project(name, environment, production_branch=branch)
        if self._rules.lasting("taken_address", Facts(environment)):
            letters = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(3))
            made.host = f"{name}-{letters}.pages.dev"
        self._store.world.projects[name] = made
        self._store.save()
        return success(self._shown(made))

    async def get(self, request: Request) -> Response:
        return success(self._shown(self.project(request)))

    async def patch(self, request: Request) -> Response:
        project, body = self.project(request), await read_json(request, MAX_FORM)
        branch = body.get("production_branch") if isinstance(body, dict) else None
        if not isinstance(branch, str) or not branch:
            raise PagesRefusal(400, MALFORMED, "production_branch is the one setting that can be changed here")
        project.production_branch = branch
        self._store.save()
        return success(self._shown(project))

    async def delete(self, request: Request) -> Response:
        project = self.project(request)
        if len(project.deployments) > MOST_TO_DELETE:
            words = "Your project has too many deployments to be deleted, follow this guide to delete them"
            raise PagesRefusal(400, TOO_MANY, words)
        self._store.world.projects.pop(project.name, None)
        self._store.save()
        place = self._store.directory / "pages" / project.name
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        return success(None)
