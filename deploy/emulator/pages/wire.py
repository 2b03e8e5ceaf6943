"""The Pages API's shapes: the envelope, projects and deployments, and how bodies are read."""

from __future__ import annotations

import email.parser
import email.policy
import json
from email.message import EmailMessage
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from deploy.emulator.errors import PagesRefusal
from deploy.emulator.model import Deployment, Json, Project

MAX_UPLOAD = 64 << 20  # 40 MiB as base64, and its names
MAX_FORM = 32 << 20  # a manifest of 100,000 files


def success(result: Any, **info: int) -> JSONResponse:
    """A result in the envelope; `info` becomes `result_info`."""
    envelope = {"success": True, "errors": [], "messages": [], "result": result}
    return JSONResponse(envelope | ({"result_info": info} if info else {}))


def refused(refusal: PagesRefusal) -> JSONResponse:
    """A refusal in the envelope."""
    errors = [{"code": refusal.code, "message": refusal.message}]
    envelope = {"success": False, "errors": errors, "messages": [], "result": None}
    return JSONResponse(envelope, status_code=refusal.status)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused (413) beyond `limit` bytes."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise PagesRefusal(413, 8000014, f"the body is larger than {limit >> 20} MiB")
    return bytes(content)


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON."""
    try:
        return json.loads(await read_body(request, limit) or b"{}")
    except ValueError as error:
        raise PagesRefusal(400, 8000012, f"the body is not JSON: {error}") from error


async def read_form(request: Request) -> dict[str, str]:
    """The parts of a multipart/form-data body by name, as text."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise PagesRefusal(400, 8000012, "expected multipart/form-data")
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(EmailMessage, policy=email.policy.HTTP).parsebytes(
        head + await read_body(request, MAX_FORM)
    )
    parts = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            parts[name] = payload.decode("utf-8", errors="replace")
    return parts


def project_json(project: Project, host: str) -> Json:
    """A project."""
    canonical = project.deployments.get(project.canonical or "")
    return {
        "id": project.id,
        "name": project.name,
        "subdomain": host,
        "domains": [host],
        "production_branch": project.production_branch,
        "created_on": project.created_on,
        "canonical_deployment": deployment_json(canonical, project, host) if canonical else None,
        "latest_deployment": None,
        "deployment_configs": {"preview": {}, "production": {}},
        "source": None,
    }


def deployment_json(deployment: Deployment, project: Project, host: str) -> Json:
    """A deployment; its stages before `deploy` have nothing to do in a direct upload and are always done."""
    done = {"status": "success", "started_on": deployment.created_on, "ended_on": deployment.created_on}
    stages = [{"name": name, **done} for name in ("queued", "initialize", "clone_repo", "build")]
    ended = None if deployment.status == "active" else deployment.modified_on
    latest = {"name": "deploy", "status": deployment.status, "started_on": deployment.created_on, "ended_on": ended}
    return {
        "id": deployment.id,
        "short_id": deployment.id[:8],
        "project_id": project.id,
        "project_name": project.name,
        "environment": deployment.environment,
        "url": f"https://{deployment.id[:8]}.{host}",
        "aliases": [f"https://{host}"] if project.canonical == deployment.id else None,
        "created_on": deployment.created_on,
        "modified_on": deployment.modified_on,
        "latest_stage": latest,
        "stages": [*stages, latest],
        "deployment_trigger": {"type": "ad_hoc", "metadata": deployment.trigger},
        "is_skipped": False,
        "production_branch": project.production_branch,
        "files": None,
    }
