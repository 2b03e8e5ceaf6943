"""Health, readiness, version, status and metrics: what machines ask."""

from __future__ import annotations

from backend.runner.api.asgi import Request, Response, Routes, answer
from backend.runner.api.backend import Backend
from backend.runner.api.metrics import CONTENT_TYPE, Metrics
from backend.runner.api.models import (
    HealthAnswer,
    LayerAnswer,
    QueueAnswer,
    RunnersAnswer,
    StatusAnswer,
    VersionAnswer,
)
from backend.runner.errors import ShuttingDown
from backend.runner.languages import in_order

_ASKED = "not known yet"  # toolchains are asked for their versions while the service serves already


def health_routes(service: Backend, metrics: Metrics) -> Routes:
    """The routes at the root, and the service's status."""

    async def healthz(request: Request) -> Response:
        """The process is alive."""
        return answer(HealthAnswer("ok"))

    async def readyz(request: Request) -> Response:
        """A trial program ran within the last seconds and printed what it should."""
        if not await service.ready():
            raise ShuttingDown("not ready: no program can be run here now; try again in a moment")
        return answer(HealthAnswer("ready"))

    async def version(request: Request) -> Response:
        """Version, commit, environment, image digest and machine of this service; the last two are null if unknown."""
        told = service.settings
        return answer(VersionAnswer(told.version, told.sha, told.environment, told.image or None, told.machine or None))

    async def status(request: Request) -> Response:
        """What the service is doing, and which isolation layers hold."""
        queue = service.queue
        return answer(
            StatusAnswer(
                environment=service.settings.environment,
                runners=RunnersAnswer(queue.total, queue.busy),
                queue=QueueAnswer(queue.depth, queue.limit),
                layers=[LayerAnswer(one.name, one.state, one.detail) for one in service.layers],
                languages={name: service.versions.get(name) or _ASKED for name in in_order(service.languages)},
            )
        )

    async def prometheus(request: Request) -> Response:
        """Counters and histograms in Prometheus's text format."""
        return Response(metrics.render(service.queue), media_type=CONTENT_TYPE)

    return {
        "/healthz": {"GET": healthz},
        "/readyz": {"GET": readyz},
        "/version": {"GET": version},
        "/metrics": {"GET": prometheus},
        "/api/v1/status": {"GET": status},
    }
