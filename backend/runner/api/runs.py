"""POST /api/v1/run and what belongs to it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from backend.runner.api.body import parse_run, read_body
from backend.runner.api.metrics import Metrics
from backend.runner.api.models import (
    ErrorAnswer,
    LanguagesAnswer,
    LayerAnswer,
    QueueAnswer,
    RunAnswer,
    RunBody,
    RunnersAnswer,
    StatusAnswer,
)
from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest, check_arguments, check_files, run_limits
from backend.runner.service import Service

_ERRORS = {code: {"model": ErrorAnswer} for code in (400, 408, 413, 429, 503)}


def check(body: RunBody, service: Service) -> RunRequest:
    """The request that `body` asks for. Raises InvalidRequest naming the field at fault."""
    language = service.languages.get(body.language)
    if language is None:
        supported = ", ".join(sorted(service.languages))
        raise InvalidRequest(f"language {body.language[:100]!r} is not supported; choose one of: {supported}")
    files = {name: text.encode() for name, text in body.files.items()}
    check_files(files, language.source)
    check_arguments(tuple(body.args))
    return RunRequest(
        language=language,
        source=body.source.encode(),
        stdin=body.stdin.encode(),
        args=tuple(body.args),
        files=files,
        limits=run_limits(
            body.limits.model_dump() if body.limits else {}, language.limits, service.settings.run_timeout
        ),
    )


def run_routes(service: Service, metrics: Metrics) -> APIRouter:
    """The routes beneath /api/v1."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/languages")
    async def languages() -> LanguagesAnswer:
        """Languages that programs may be written in."""
        return LanguagesAnswer(languages=sorted(service.languages))

    @router.post("/run", responses=_ERRORS)  # type: ignore[arg-type]
    async def run(request: Request) -> RunAnswer:
        """Run a program and wait for what comes of it."""
        wanted = check(parse_run(await read_body(request)), service)
        async with service.queue.slot(_client(request, service.settings.client_header)) as slot:
            if await request.is_disconnected():
                raise InvalidRequest("the client went away before its turn")
            outcome = await service.run(wanted, slot)
        metrics.count(wanted.language.name, outcome.status)
        return _answer(outcome)

    @router.get("/status")
    async def status() -> StatusAnswer:
        """What the service is doing, and which isolation layers hold."""
        queue = service.queue
        return StatusAnswer(
            environment=service.settings.environment,
            runners=RunnersAnswer(total=queue.total, busy=queue.busy),
            queue=QueueAnswer(depth=queue.depth, limit=queue.limit),
            layers=[LayerAnswer(name=one.name, state=one.state, detail=one.detail) for one in service.layers],
            languages=dict(sorted(service.versions.items())),
        )

    return router


def _client(request: Request, header: str) -> str:
    """Who asks, for taking turns: as a trusted proxy names them, or by their address."""
    named = request.headers.get(header, "") if header else ""
    return named or (request.client.host if request.client else "")


def _answer(outcome: Outcome) -> RunAnswer:
    return RunAnswer(
        stdout=outcome.stdout.decode("utf-8", "replace"),
        stderr=outcome.stderr.decode("utf-8", "replace"),
        error=outcome.error,
        status=outcome.status,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        time_ms=outcome.time_ms,
        memory_kb=outcome.memory_kb,
        truncated=outcome.truncated,
    )
