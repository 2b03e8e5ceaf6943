"""The send function: what is tried again, what never is, and what errors carry."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.platforms.errors import Conflict, Forbidden, NotFound, PlatformError, RateLimited, Unauthorized, Unreachable
from deploy.platforms.http import Patience, Sender, bearer, fly_authorization
from deploy.settings.secrets import Secret

QUICK = Patience(attempts=3, first=0.001, longest=0.002)
Answer = Callable[[httpx.Request], httpx.Response]


def sender(answers: Iterator[httpx.Response | Exception], seen: list[httpx.Request]) -> Sender:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        following = next(answers)
        if isinstance(following, Exception):
            raise following
        return following

    return Sender(
        "http://platform/v1", bearer(Secret("t0ken")), request_id_header="fly-request-id", patience=QUICK,
        transport=httpx.MockTransport(answer),
    )  # fmt: skip


@pytest.mark.parametrize(
    "passing", [httpx.Response(503), httpx.Response(429), httpx.ReadError("lost"), httpx.ConnectError("no")]
)
def test_an_idempotent_request_is_tried_again(passing: httpx.Response | Exception) -> None:
    seen: list[httpx.Request] = []
    assert sender(iter([passing, httpx.Response(200)]), seen).send("GET", "/x", asked="look").status_code == 200
    assert len(seen) == 2


@pytest.mark.parametrize("ambiguous", [httpx.Response(503), httpx.Response(504), httpx.ReadError("lost")])
def test_a_post_that_may_have_taken_effect_is_sent_once(ambiguous: httpx.Response | Exception) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(PlatformError):
        sender(iter([ambiguous, httpx.Response(200)]), seen).send("POST", "/x", asked="create")
    assert len(seen) == 1


@pytest.mark.parametrize("certain", [httpx.Response(429), httpx.ConnectError("no")])
def test_a_post_that_surely_had_no_effect_is_sent_again(certain: httpx.Response | Exception) -> None:
    seen: list[httpx.Request] = []
    assert sender(iter([certain, httpx.Response(200)]), seen).send("POST", "/x", asked="create").status_code == 200


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (412, Conflict), (500, PlatformError)],
)
def test_errors_carry_what_was_asked_status_request_id_and_advice(status: int, kind: type[PlatformError]) -> None:
    answer = httpx.Response(status, json={"error": "said so"}, headers={"fly-request-id": "01ABC"})
    with pytest.raises(kind) as caught:
        sender(iter([answer]), []).send("POST", "/x", asked="create a machine")
    assert (caught.value.status, caught.value.request_id, caught.value.detail) == (status, "01ABC", "said so")
    assert str(caught.value) == f"create a machine: said so (status {status}, request 01ABC); {kind.suggestion}"


def test_rate_limited_and_unreachable_are_not_the_same_as_refused() -> None:
    with pytest.raises(RateLimited):
        sender(iter([httpx.Response(429)] * 3), []).send("GET", "/x", asked="look")
    with pytest.raises(Unreachable, match="no answer from platform"):
        sender(iter([httpx.ConnectTimeout("slow")] * 3), []).send("GET", "/x", asked="look")


def test_the_token_is_in_no_error() -> None:
    answer = httpx.Response(401, json={"errors": [{"message": "bad token"}]})
    with pytest.raises(Unauthorized, match="bad token") as caught:
        sender(iter([answer]), []).send("GET", "/x", asked="look")
    assert "t0ken" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("abc", "Bearer abc"),
        ("fm2_x,fm2_y", "FlyV1 fm2_x,fm2_y"),
        ("FlyV1 fm2_x", "FlyV1 fm2_x"),
        ("fm1a_x", "FlyV1 fm1a_x"),
        ("o1,fm1r_z", "FlyV1 fm1r_z"),
        (" FlyV1  fm2_x , o1,fm1a_y\n", "FlyV1 fm2_x,fm1a_y"),
        ("Bearer FlyV1 fm1r_x,,o1", "FlyV1 fm1r_x"),
        ("bearer o1, o2", "Bearer o1,o2"),
        ("fm3_x,fm2x", "Bearer fm3_x,fm2x"),
    ],
)
def test_fly_tokens_go_as_their_kind_asks(token: str, value: str) -> None:
    assert fly_authorization(Secret(token))() == value
