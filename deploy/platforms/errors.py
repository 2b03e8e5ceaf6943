"""Errors of the platforms; context (what was asked, status, request id) is attached in one place, `http.py`.

PlatformError(DeployError)      a platform refused or failed
├── Unreachable                 no answer: the network, or the platform; says nothing about the release
├── RateLimited                 429 until the budget was used up; says nothing about the release
├── Unauthorized                401: the token is wrong or expired
├── Forbidden                   403: the token is good for something else
├── NotFound                    404
├── Conflict                    409, 412: somebody else changed it
├── TimedOut                    408: the state waited for was not reached
├── Malformed                   the answer is not what the platform documents
└── NotCanonical                a page was published and is not what its project serves
"""

from __future__ import annotations

import re

from deploy.errors import DeployError

_NO_ROOM = re.compile(
    r"insufficient (resources|capacity|memory|cpu)|(no|not enough|out of|lacks?) (\w+ )?(capacity|resources|room)|"
    r"could not (reserve|find) (resource|a host|capacity)|no (available )?hosts?\b.*\bavailable|at capacity|"
    r"\bquota\b|(reached|exceeded) (\w+ ){0,5}(limit|maximum)|(limit|maximum) (\w+ ){0,6}(reached|exceeded)|"
    r"too many machines|payment required|add (a )?(credit card|payment)|unpaid|trial (has )?(ended|expired)",
    re.IGNORECASE,
)
"""Phrases with which platforms report a lack of room, quota or payment."""


def says_no_room(words: str) -> bool:
    """Whether a platform's message reports a lack of room, quota or payment."""
    return _NO_ROOM.search(words) is not None


class PlatformError(DeployError):
    """A platform refused or failed. `status` is the HTTP status (0: no answer), `request_id` the platform's own."""

    suggestion = "look at the platform's status page, then run the command again"

    def __init__(self, asked: str, status: int, detail: str, request_id: str = "", code: str = "") -> None:
        trace = f", request {request_id}" if request_id else ""
        self.asked, self.status, self.detail, self.request_id, self.code = asked, status, detail, request_id, code
        super().__init__(f"{asked}: {detail} (status {status}{trace}); {self.suggestion}")

    @property
    def refusal(self) -> bool:
        """The platform understood and said no: asked again in the same way, it would say so again."""
        return 400 <= self.status < 500 and self.status not in (408, 429)

    @property
    def exhausted(self) -> bool:
        """The platform has no room or the account no quota: no fault of what was to be created.

        Known by the platform's code where it has one, else by its words: they come with 403, 412, 422 and 503 alike.
        """
        if self.code in {"insufficient_capacity", "quota_exceeded"} or self.status == 402:
            return True
        return self.status >= 400 and says_no_room(self.detail)


class Unreachable(PlatformError):
    """No answer came."""

    suggestion = "check the network and the platform's status, then run the command again"


class RateLimited(PlatformError):
    """The platform asks to go slower."""

    suggestion = "wait a minute, then run the command again"


class Unauthorized(PlatformError):
    """The platform does not know the token."""

    suggestion = "create a new token and set it where the old one stood"


class Forbidden(PlatformError):
    """The token may not act on this resource."""

    suggestion = "use the token of this environment"


class NotFound(PlatformError):
    """The resource does not exist."""

    suggestion = "check the name, or create it first"


class Conflict(PlatformError):
    """Another client holds it or has changed it."""

    suggestion = "see who deploys now (invoke status), then run the command again"


class TimedOut(PlatformError):
    """The state waited for was not reached in time."""

    suggestion = "look at the machine's logs and checks"


class Malformed(PlatformError):
    """The answer does not have the documented shape."""

    suggestion = "check the base address"


class NotCanonical(PlatformError):
    """What was published is not what the project serves; publishing it again would not change that."""

    suggestion = (
        "see in the Cloudflare dashboard which branch is the project's production branch, whether automatic production "
        "deployments are on, and who else publishes there; then run: invoke resume"
    )


BY_STATUS: dict[int, type[PlatformError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: TimedOut,
    409: Conflict,
    412: Conflict,
    429: RateLimited,
}
