"""Health, readiness, version and metrics: what machines ask."""

from __future__ import annotations

from fastapi import APIRouter, Response

from backend.runner.api.metrics import CONTENT_TYPE, Metrics
from backend.runner.api.models import ErrorAnswer, HealthAnswer, VersionAnswer
from backend.runner.errors import ShuttingDown
from backend.runner.service import Service


def health_routes(service: Service, metrics: Metrics) -> APIRouter:
    """The routes at the root."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> HealthAnswer:
        """The process is alive."""
        return HealthAnswer(status="ok")

    @router.get("/readyz", responses={503: {"model": ErrorAnswer}})
    async def readyz() -> HealthAnswer:
        """A program was run within the last seconds, and did what it should."""
        if not await service.ready():
            raise ShuttingDown("not ready: no program can be run here now; try again in a moment")
        return HealthAnswer(status="ready")

    @router.get("/version")
    async def version() -> VersionAnswer:
        """What runs here; the image is null where it is not known."""
        settings = service.settings
        return VersionAnswer(
            version=settings.version, sha=settings.sha, environment=settings.environment, image=settings.image or None
        )

    @router.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Counters and histograms in Prometheus's text format."""
        return Response(metrics.render(service.queue), media_type=CONTENT_TYPE)

    return router
