"""POST /api/v1/format: a program as its language's formatter writes it. The formatter runs in the sandbox."""

from __future__ import annotations

from backend.runner.api.answers import in_encoding
from backend.runner.api.asgi import Request, Response, Routes, answer
from backend.runner.api.body import read_body
from backend.runner.api.checks import text_bytes
from backend.runner.api.desk import Desk
from backend.runner.api.models import FormatAnswer, FormatBody
from backend.runner.api.parse import parse
from backend.runner.execution.outcome import Status
from backend.runner.execution.request import formatting
from backend.runner.languages.text import plain


def format_routes(desk: Desk) -> Routes:
    """The one route."""

    async def format_program(request: Request) -> Response:
        """Format a program."""
        desk.access.admit(request)
        asked = parse(await read_body(request), FormatBody)
        language = desk.catalogue.find(asked.language)
        source = plain(language, text_bytes(asked.source, "source"))
        wanted = formatting(language, source, desk.catalogue.timeout)
        async with request.while_connected(), desk.service.queue.slot(request.client) as slot:
            outcome = await desk.service.run(wanted, slot)
        desk.metrics.count(wanted.language.name, outcome.status)
        status = Status.OUTPUT_LIMIT if outcome.truncated and outcome.status is Status.OK else outcome.status
        formatted = in_encoding(outcome.stdout, "utf-8") if status is Status.OK else asked.source
        said = in_encoding(outcome.stderr, "utf-8") or outcome.error
        return answer(FormatAnswer(status=status, source=formatted, stderr=said, language=wanted.language.name))

    return {"/api/v1/format": {"POST": format_program}}
