"""POST /api/v1/format: formats a program with its language's formatter, which runs in the sandbox."""

from __future__ import annotations

import dataclasses

from backend.runner.api.answers import in_encoding
from backend.runner.api.asgi import Request, Response, Routes, answer
from backend.runner.api.body import read_body
from backend.runner.api.checks import text_bytes
from backend.runner.api.context import Context
from backend.runner.api.models import FormatAnswer, FormatBody
from backend.runner.api.parse import parse
from backend.runner.execution.compilers import overflowed
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.request import formatting
from backend.runner.languages.text import plain

_MOST_SAID = 64 * 1024
"""Bytes of a formatter's messages that are returned: some print an error for every character of what is no program."""

_TOO_MUCH = {Status.TIMEOUT, Status.CPU_LIMIT, Status.MEMORY_LIMIT, Status.PROCESS_LIMIT, Status.DISK_LIMIT}


def _said(outcome: Outcome) -> str:
    """The formatter's messages, or what the way it ended means for the program."""
    if outcome.status is Status.OK:
        return in_encoding(outcome.stderr, "utf-8")
    if outcome.status in _TOO_MUCH:
        return f"error: formatting {outcome.error}: the program is too large, or nests too deeply, for its formatter"
    if outcome.status is Status.OUTPUT_LIMIT:
        return f"error: formatting {outcome.error}: format a smaller program"
    if overflowed(outcome.signal, outcome.stderr):
        return "error: the program nests too deeply, or is too large, for its formatter"
    if b"INTERNAL ERROR" in outcome.stderr:  # black's check of its own result; its message asks for a bug report
        return "error: the formatter cannot write this program so that it means the same; leave it as it is"
    return in_encoding(outcome.stderr[:_MOST_SAID], "utf-8") or outcome.error


def format_routes(context: Context) -> Routes:
    """The one route."""

    async def format_program(request: Request) -> Response:
        """Format a program."""
        context.access.admit(request)
        asked = parse(await read_body(request), FormatBody)
        language = context.catalogue.find(asked.language)
        source = plain(language, text_bytes(asked.source, "source"))
        wanted = formatting(language, source, context.catalogue.timeout)
        async with request.while_connected(), context.service.queue.slot(request.client) as slot:
            outcome = await context.service.run(wanted, slot)
        context.metrics.count(wanted.language.name, outcome.status)
        status = Status.OUTPUT_LIMIT if outcome.truncated and outcome.status is Status.OK else outcome.status
        formatted = in_encoding(outcome.stdout, "utf-8") if status is Status.OK else asked.source
        said = _said(dataclasses.replace(outcome, status=status))
        return answer(FormatAnswer(status=status, source=formatted, stderr=said, language=wanted.language.name))

    return {"/api/v1/format": {"POST": format_program}}
