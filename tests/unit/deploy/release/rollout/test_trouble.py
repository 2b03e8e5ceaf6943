"""What a failure means, as a table: nobody innocent is blamed, and a rollback needs no more than there is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from deploy.errors import DeployError, LedgerUnreachable, NotChecked, ReleaseFault, Unhealthy
from deploy.ledger import DeploymentInfo, Direction, Intent, Status
from deploy.platforms.errors import (
    Conflict,
    Forbidden,
    Malformed,
    NotCanonical,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from deploy.release.rollout.steps import (
    Admit,
    AwaitHealthy,
    Create,
    Destroy,
    Publish,
    Rest,
    Smoke,
    Start,
    Step,
    Withdraw,
)
from deploy.release.rollout.trouble import Case, Meaning, meaning
from deploy.settings.policy import Strategy

OLD = DeploymentInfo(
    "d1", "production", "1", "a" * 40, datetime.now(UTC), "me", Status.DEPLOYED, "sha256:i", "sha256:p", launch="d1"
)
NEW = replace(OLD, id="d2", commit_sha="b" * 40, launch="d2")
PROMOTE = Intent("promote", NEW, OLD, Strategy.BLUEGREEN, 2)
BACK = replace(PROMOTE, direction=Direction.BACK)
ROLLBACK = replace(PROMOTE, verb="rollback")
NO_ROOM = PlatformError("create", 412, "insufficient resources available")
REFUSED = PlatformError("create", 422, "no such image")
DEAD = PlatformError("cordon", 503, "host unreachable")


@pytest.mark.parametrize(
    ("failed", "intent", "step", "case", "expected"),
    [
        # a machine cannot be created
        (NO_ROOM, PROMOTE, Create(1), Case(), Meaning.TURN),
        (NO_ROOM, BACK, Create(2), Case(ours=1), Meaning.FEWER),
        (NO_ROOM, ROLLBACK, Create(2), Case(ours=1), Meaning.FEWER),
        (NO_ROOM, ROLLBACK, Create(1), Case(), Meaning.AGAIN),
        (REFUSED, PROMOTE, Create(1), Case(seconds=29), Meaning.AGAIN),
        (REFUSED, PROMOTE, Create(1), Case(seconds=30), Meaning.BLAME),
        (NotFound("create", 404, "no such image"), PROMOTE, Create(1), Case(seconds=5), Meaning.AGAIN),
        (REFUSED, ROLLBACK, Create(2), Case(ours=1), Meaning.FEWER),
        (REFUSED, ROLLBACK, Create(1), Case(seconds=300), Meaning.AGAIN),
        (Unreachable("create", 0, "x"), ROLLBACK, Create(2), Case(tries=3, ours=1), Meaning.FEWER),
        (Unreachable("create", 0, "x"), PROMOTE, Create(2), Case(tries=3, ours=1), Meaning.AGAIN),
        (Forbidden("create", 403, "quota exceeded"), PROMOTE, Create(1), Case(), Meaning.TURN),
        (Forbidden("create", 403, "not yours"), PROMOTE, Create(1), Case(), Meaning.STOP),
        # one machine's host is gone
        (DEAD, PROMOTE, Withdraw("m1", ("m3",)), Case(3, 15, 2, alone=True), Meaning.LEAVE),
        (DEAD, PROMOTE, Withdraw("m1", ("m3",)), Case(3, 14, 2, alone=True), Meaning.AGAIN),
        (DEAD, PROMOTE, Withdraw("m1", ("m3",)), Case(3, 60, 2, alone=False), Meaning.AGAIN),
        (TimedOut("stop", 408, "x"), PROMOTE, Rest("m1"), Case(3, 15, 2, alone=True), Meaning.LEAVE),
        (DEAD, PROMOTE, Destroy("m1"), Case(3, 15, 2, alone=True), Meaning.LEAVE),
        (DEAD, PROMOTE, Admit("m3"), Case(3, 60, 2, alone=True), Meaning.AGAIN),
        (DEAD, ROLLBACK, Start("m1"), Case(3, 15, 2, alone=True), Meaning.LEAVE),
        (DEAD, BACK, AwaitHealthy(("m1",)), Case(3, 15, 2, alone=True), Meaning.LEAVE),
        # the platform, the ledger's remote
        (Unreachable("x", 0, "x"), PROMOTE, Publish("sha256:p"), Case(), Meaning.AGAIN),
        (RateLimited("x", 429, "x"), PROMOTE, None, Case(), Meaning.AGAIN),
        (Conflict("x", 409, "leased"), PROMOTE, Admit("m3"), Case(), Meaning.AGAIN),
        (Unauthorized("x", 401, "expired"), PROMOTE, None, Case(), Meaning.STOP),
        (Malformed("x", 200, "no JSON"), PROMOTE, None, Case(), Meaning.STOP),
        (NotCanonical("x", 200, "another branch"), PROMOTE, None, Case(), Meaning.STOP),
        (LedgerUnreachable("no answer"), PROMOTE, Smoke(), Case(), Meaning.AGAIN),
        (NO_ROOM, ROLLBACK, Start("m1"), Case(ours=1), Meaning.AGAIN),
        # checks
        (ReleaseFault("1 failed"), PROMOTE, Smoke(), Case(), Meaning.BLAME),
        (ReleaseFault("1 failed"), replace(PROMOTE, previous=None), Smoke(), Case(), Meaning.TURN),
        (NotChecked("no answer"), PROMOTE, Smoke(), Case(), Meaning.TURN),
        (Unhealthy("m1", ("m1",)), PROMOTE, AwaitHealthy(("m1",)), Case(), Meaning.BLAME),
        (Unhealthy("m1", ("m1",)), ROLLBACK, AwaitHealthy(("m1",)), Case(), Meaning.RENEW),
    ],
)
def test_what_a_failure_means(
    failed: DeployError, intent: Intent, step: Step | None, case: Case, expected: Meaning
) -> None:
    assert meaning(failed, intent, step, case) is expected
