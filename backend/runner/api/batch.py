"""POST /api/v1/batch: a program compiled once and run for each of several inputs."""

from __future__ import annotations

import msgspec

from backend.runner.api.answers import case_answer, compile_answer, in_encoding
from backend.runner.api.asgi import Request, Response, Routes
from backend.runner.api.body import MOST_BATCH_BYTES, read_body
from backend.runner.api.context import Context
from backend.runner.api.idempotency import Produced
from backend.runner.api.judging import LONGEST_MESSAGE, Judgement, checked_case, checker, compared, judgements
from backend.runner.api.models import BatchAnswer, BatchBody
from backend.runner.api.parse import parse
from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.queue import Turns
from backend.runner.execution.request import Case, RunRequest

_encode = msgspec.json.Encoder().encode


def batch_routes(context: Context) -> Routes:
    """The one route."""

    async def batch(request: Request) -> Response:
        """Run a program for each case and compare what it prints."""
        context.access.admit(request)
        body = await read_body(request, MOST_BATCH_BYTES)
        return await context.once(request, body, lambda: _batch(context, request, body))

    return {"/api/v1/batch": {"POST": batch}}


async def _batch(context: Context, request: Request, body: bytes) -> Produced:
    asked = parse(body, BatchBody)
    if asked.collect or asked.mode != "run":
        raise InvalidRequest(f"{'collect' if asked.collect else 'mode'}: a batch gives no files back and runs no tests")
    wanted = context.catalogue.request(asked)
    cases = list(context.catalogue.cases(asked.cases, wanted))
    expected = [context.catalogue.expected(one, number) for number, one in enumerate(asked.cases)]
    context.access.charge(request, len(cases) - 1)
    judge = checker(asked.check, context.catalogue)
    if judge is not None:
        context.access.charge(request, len(cases))
    async with context.service.queue.turns(request.client) as turns:
        failed, outcomes = await context.service.run_batch(wanted, cases, turns)
        if judge is None or failed is not None:
            judged = [Judgement(compared(*pair, asked)) for pair in zip(outcomes, expected, strict=False)]
        else:
            ended = list(zip(cases, outcomes, expected, strict=True))
            judged = await _judged(context, judge, ended, turns)
    for outcome in outcomes if failed is None else [failed]:
        context.metrics.count(wanted.language.name, outcome.status)
    answer = _answer(asked, wanted.language.name, failed, outcomes, judged)
    return _encode(answer), answer.status is not Status.INTERNAL_ERROR


async def _judged(
    context: Context, judge: RunRequest, ended: list[tuple[Case, Outcome, bytes | None]], turns: Turns
) -> list[Judgement]:
    """What the client's program says of each case. Raises InvalidRequest where it does not compile."""
    well = [checked_case(*one) for one in ended if one[1].status is Status.OK]
    failed, said = await context.service.run_batch(judge, well, turns) if well else (None, [])
    if failed is not None:
        raise InvalidRequest(f"check: {failed.error}: {in_encoding(failed.output[:LONGEST_MESSAGE], 'utf-8')}")
    return judgements([outcome for _, outcome, _ in ended], said)


def _answer(
    asked: BatchBody, language: str, failed: Outcome | None, outcomes: list[Outcome], judged: list[Judgement]
) -> BatchAnswer:
    worst = failed or next((one for one in outcomes if one.status is not Status.OK), None)
    compiled = (failed or outcomes[0]).compile
    return BatchAnswer(
        status=Status.OK if worst is None else worst.status,
        error="" if worst is None else worst.error,
        language=language,
        encoding=asked.encoding,
        compile=compile_answer(compiled, asked.encoding),
        cases=[
            case_answer(one, asked.encoding, judgement.passed, judgement.message if asked.check else None)
            for one, judgement in zip(outcomes, judged, strict=True)
        ],
        passed=[one.passed for one in judged].count(True),
    )
