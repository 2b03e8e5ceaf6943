"""Fault rules: their fields, what they match, and when they apply. Pure: no request and no clock.

    {"kind": "error_after", "status": 504, "match": {"method": "POST", "path": "/machines$"}, "skip": 1, "times": 2}

For requests: `error_before` (answer `status`, nothing done), `error_after` (done, then answer `status`), both with
the error's words `text` and the platform's own word for it `code` where given; `delay`
(`seconds`, then as usual), `drop` and `drop_after` (the connection closed without an answer, before or after it was
done), `stale_list` (a machine list as it was `seconds` ago; without `seconds`, as it was when it was last asked for).
For files of former deployments that Pages still serves from a cache: `cold_cache` (it serves none of them).
`eventual` makes the Machines API as eventually consistent as the provider's: for `seconds` (3 by default) lists are as
they were that long ago, and a new machine or app is not found; of creations and changes of metadata, one is answered
408 though it was done, the next 408 without being done, the third as usual, and so on.
For machines: `die` (killed `seconds` after it has started), `flap` (every second result of a check is a failure),
`migrate` (moved to another host: it ends as `migrated`, and a successor has its name and configuration). As long as the
rule is there: `lose_host` (its host is unreachable: the platform shows `incomplete_config`; it is sent no requests and
cannot be changed, only destroyed by force, without a lease; words of `code`: "bare", none of its metadata is shown
either; "unknown", that is the host's status; "whole", its configuration is shown all the same; "stuck", it cannot be
destroyed), `hide_cordoned` (the platform does not say whether it is cordoned), `forget_snapshot` (suspended, it starts
as if it had been stopped), `shadow_checks` (each check of a service is shown twice: failing, as
`bg_deployments_compat-…`, too, as the provider does for old clients).
For what the edge knows of machines, as long as the rule is there: `lag` (they are seen as they were `seconds` ago),
`unseen` (it never learns of them). For the platform as a whole, as long as the rule is there: `rates` (the documented
limits apply), `autostop` (what the proxy looks at every few minutes, it looks at every `seconds`), `paid` (Pages takes
as many files as on a paid plan), `nearest` (the edge is in the region `code`, and sends requests there first). For a
region, as long as the rule is there: `full` (it has no room for another machine).
For an environment's tokens, as long as the rule is there: `fly_token` and `cloudflare_token`, whose `code` says what
the token is (FLY_TOKENS, CLOUDFLARE_TOKENS); `seconds` after which Cloudflare's says that it ends. `taken_address`: the
address of a Pages project that is created now is somebody else's already, so it gets one with three more letters.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.emulator.errors import RuleWrong

ERRORS = frozenset({"error_before", "error_after"})
REQUEST_KINDS = ERRORS | {"delay", "drop", "drop_after", "stale_list", "eventual"}
TOKEN_KINDS = frozenset({"fly_token", "cloudflare_token", "taken_address"})
FLY_TOKENS = frozenset({"expired", "app", "reader", "elsewhere", "opaque"})
"""Refused everywhere; for the app alone; may change nothing; of another organisation; not a macaroon."""
CLOUDFLARE_TOKENS = frozenset({"expired", "disabled", "unknown", "reader", "account", "scopeless"})
"""The first three are refused everywhere. `reader` may change nothing; `account`: one of the account, not of a person;
`scopeless`: valid, without any permission for Pages."""
LASTING = TOKEN_KINDS | frozenset(
    {"eventual", "lose_host", "hide_cordoned", "forget_snapshot", "shadow_checks", "nearest", "full"}
)
"""Kinds that last until they are forgotten, unless a rule says how often they strike."""
SITE_KINDS = frozenset({"cold_cache"})
EDGE_KINDS = frozenset({"lag", "unseen"})
MACHINE_KINDS = EDGE_KINDS | {
    "die", "flap", "migrate", "lose_host", "hide_cordoned", "forget_snapshot", "shadow_checks",
}  # fmt: skip
PLATFORM_KINDS = frozenset({"rates", "autostop", "nearest", "paid"})
REGION_KINDS = frozenset({"full"})
ALL_KINDS = REQUEST_KINDS | SITE_KINDS | MACHINE_KINDS | PLATFORM_KINDS | REGION_KINDS | TOKEN_KINDS
EVENTUAL_SECONDS = 3.0
MATCHES = {
    "request": frozenset({"method", "path", "environment"}),
    "machine": frozenset({"machine", "environment"}),
    "platform": frozenset(),
    "token": frozenset({"environment"}),
    "region": frozenset({"region", "environment"}),
}
FIELDS = frozenset({"kind", "match", "times", "skip", "status", "seconds", "retry_after", "text", "code"})


@dataclass(frozen=True)
class Facts:
    """What a rule is held against: a request, a machine (`machine` is its id and name), or a region."""

    environment: str | None
    method: str = ""
    path: str = ""
    machine: str = ""
    region: str = ""


@dataclass
class Rule:
    """One rule and its count. `times` None strikes for ever."""

    kind: str
    match: dict[str, str]
    times: int | None = 1
    skip: int = 0
    status: int = 503
    seconds: float | None = None
    retry_after: int | None = None
    text: str = ""
    code: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    seen: int = 0
    hits: int = 0

    def concerns(self, facts: Facts) -> bool:
        """Whether it is about this request or machine, used up or not."""
        return all(_agrees(key, wanted, facts) for key, wanted in self.match.items())

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.times is not None and self.hits >= self.times

    def strikes(self) -> bool:
        """Count one match; whether this one is hit."""
        self.seen += 1
        if self.seen <= self.skip or self.spent:
            return False
        self.hits += 1
        return True


def _agrees(key: str, wanted: str, facts: Facts) -> bool:
    if key == "method":
        return facts.method.upper() == wanted.upper()
    if key in ("environment", "region"):
        return bool(getattr(facts, key) == wanted)
    return re.search(wanted, facts.path if key == "path" else facts.machine) is not None


def _about(kind: str) -> str:
    kinds = {"machine": MACHINE_KINDS, "platform": PLATFORM_KINDS, "token": TOKEN_KINDS, "region": REGION_KINDS}
    return next((about for about, those in kinds.items() if kind in those), "request")


def parse(raw: Any) -> Rule:
    """A rule from JSON. Raises RuleWrong."""
    if not isinstance(raw, dict) or set(raw) - FIELDS:
        raise RuleWrong(f"a rule is an object with the fields {', '.join(sorted(FIELDS))}")
    kind, match = raw.get("kind"), raw.get("match", {})
    if kind not in ALL_KINDS:
        raise RuleWrong(f"kind {kind!r} is none of {', '.join(sorted(ALL_KINDS))}")
    known = MATCHES[_about(kind)]
    if not isinstance(match, dict) or set(match) - known or not all(isinstance(v, str) for v in match.values()):
        raise RuleWrong(f"match of {kind} is an object of strings with the fields {', '.join(sorted(known))}")
    for key in match.keys() & {"path", "machine"}:
        try:
            re.compile(match[key])
        except re.error as error:
            raise RuleWrong(f"match.{key} {match[key]!r} is no regular expression: {error}") from error
    if not all(isinstance(raw.get(word, ""), str) for word in ("text", "code")):
        raise RuleWrong("text and code are strings")
    states = {"fly_token": FLY_TOKENS, "cloudflare_token": CLOUDFLARE_TOKENS}.get(kind)
    if states and raw.get("code") not in states:
        raise RuleWrong(f"code of {kind} is one of {', '.join(sorted(states))}")
    lasting = {"times": None} if kind in LASTING else {}
    rule = Rule(**{**lasting, **raw, "match": match})
    if rule.kind == "eventual" and rule.seconds is None:
        rule.seconds = EVENTUAL_SECONDS
    _check_numbers(rule)
    return rule


def _check_numbers(rule: Rule) -> None:
    for name, least in (("times", 1), ("skip", 0), ("status", 200), ("seconds", 0), ("retry_after", 0)):
        value = getattr(rule, name)
        optional = name in ("times", "seconds", "retry_after")
        whole = isinstance(value, int) or (name == "seconds" and isinstance(value, float))
        if (value is None and optional) or (whole and not isinstance(value, bool) and value >= least):
            continue
        raise RuleWrong(f"{name} {value!r} is not a number of at least {least}")
    if rule.kind in ("delay", "lag", "autostop") and rule.seconds is None:
        raise RuleWrong(f"{rule.kind} needs seconds")
    if rule.kind == "nearest" and not re.fullmatch("[a-z]{3}", rule.code):
        raise RuleWrong(f"nearest: code {rule.code!r} is no region; write three small letters, such as iad")


class Rules:
    """All rules, in the order in which they came."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def add(self, rules: Iterable[Rule]) -> None:
        """Add rules behind those that are there."""
        self._rules.extend(rules)

    def clear(self, identifier: str = "") -> None:
        """Forget one, or all."""
        self._rules[:] = [rule for rule in self._rules if identifier and rule.id != identifier]

    def last(self, kind: str) -> Rule | None:
        """The newest rule of a kind of which one is enough."""
        return next((rule for rule in reversed(self._rules) if rule.kind == kind), None)

    def struck(self, kinds: Iterable[str], facts: Facts) -> list[Rule]:
        """Count this request or machine in every rule of these kinds that concerns it; those that strike now."""
        wanted = frozenset(kinds)
        return [rule for rule in self._rules if rule.kind in wanted and rule.concerns(facts) and rule.strikes()]

    def lasting(self, kind: str, facts: Facts) -> Rule | None:
        """The rule of a kind that lasts and concerns this machine, if any; nothing is counted."""
        found = (rule for rule in self._rules if rule.kind == kind and not rule.spent and rule.concerns(facts))
        return next(found, None)

    def shown(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [asdict(rule) for rule in self._rules]
