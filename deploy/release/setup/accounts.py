"""What is looked at in the accounts at Fly and Cloudflare: tokens, organisation, app, addresses, project."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from deploy.platforms.errors import Forbidden, NotFound, PlatformError, Unauthorized
from deploy.platforms.fly import FlyClient
from deploy.platforms.fly.client import AppInfo, TokenScope
from deploy.platforms.fly.macaroon import ends_at
from deploy.platforms.http import Patience
from deploy.release.addresses import KINDS
from deploy.release.setup.thing import Found, State
from deploy.settings.chain import read_chain
from deploy.settings.environments import NONE, ORGANIZATION
from deploy.target import Target

SOON_DAYS = 14
SHARED_NETWORK = "default"
"""The network of an organisation, in which each app is that was made without one of its own."""
BRIEF = Patience(attempts=3)


def fly_token(target: Target) -> Found:
    """Whether the platform takes the token, for what, and until when."""
    app, organization = target.config.deployment_target, target.config.fly_organization
    new = (
        f"make a new one (fly tokens create deploy --app {app}; before there is the app: fly tokens create org --org "
        f"{organization}) and set it where the old one stood"
    )
    ends = ends_at(target.tokens.get("FLY_API_TOKEN"))
    if ends and ends <= datetime.now(UTC):
        return Found(State.WRONG, f"it ended {_day(ends)}", new)
    until, remedy = _until(ends, new)
    with target.fly(BRIEF) as fly:
        try:
            scopes = fly.scopes()
        except PlatformError as refused:
            if not refused.refusal:
                raise
            # Not every token that is good is a macaroon, of which alone this is told: one that is not refuses all else.
            try:
                fly.app_info()
            except Unauthorized:
                return Found(State.WRONG, f"the platform refuses it: {refused.detail}", new)
            except Forbidden:
                pass
            return Found(State.THERE, f"the platform takes it, and does not tell for what{until}", remedy)
        # Names may be told otherwise than people know them (`personal`): what the token sees decides then.
        fits = not scopes or any(_fits(each, app, organization) for each in scopes) or _place_of_app(fly) is not None
        if not fits and any(_same(each.organization, organization) and not each.apps for each in scopes):
            fits = fly.acts_in(organization)
    words = "; ".join(_scope(each) for each in scopes) or "what the platform does not tell"
    if not fits:
        return Found(State.WRONG, f"acts on {words}, and not on {app} of organisation {organization}", new)
    return Found(State.THERE, f"acts on {words}{until}", remedy)


def _scope(scope: TokenScope) -> str:
    organization = f"organisation {scope.organization}" if scope.organization else "any organisation"
    return f"app {', '.join(scope.apps)} of {organization} alone" if scope.apps else f"all apps of {organization}"


def _fits(scope: TokenScope, app: str, organization: str) -> bool:
    return scope.organization in ("", organization) and (not scope.apps or app in scope.apps)


def _place_of_app(fly: FlyClient) -> AppInfo | None:
    """The app, if the token sees it."""
    try:
        return fly.app_info()
    except (Forbidden, Unauthorized):
        return None


def _same(one: str, wanted: str) -> bool:
    """Whether they may be one organisation: a person's own has a slug, and answers to `personal` as well."""
    return one in ("", wanted) or ORGANIZATION in (one, wanted)


def _day(moment: datetime) -> str:
    return f"on {moment:%Y-%m-%d}"


def _until(ends: datetime | None, remedy: str) -> tuple[str, str]:
    """How long a token is still good, in words; what to do about it where that is not long, else ""."""
    if ends is None:
        return "", ""
    days = (ends - datetime.now(UTC)).days
    if days >= SOON_DAYS:
        return f", until {ends:%Y-%m-%d}", ""
    return f", and ends {_day(ends)}, in {days} days" if days else f", and ends {_day(ends)}, within a day", remedy


def cloudflare_account(target: Target) -> Found:
    """Whether the account's id can be one. Which account it is the token's look shows."""
    if re.fullmatch(r"[0-9a-f]{32}", target.tokens.get("CLOUDFLARE_ACCOUNT_ID").reveal()):
        return Found(State.THERE, "32 digits; that the token acts in it is seen with the token")
    remedy = "copy the account ID from the overview of the account in the Cloudflare dashboard"
    return Found(State.WRONG, "it is not 32 hexadecimal digits", remedy)


def cloudflare_token(target: Target) -> Found:
    """Whether the platform takes the token, for this account's pages, and until when."""
    new = (
        "make one in the dashboard with the permission Account, Cloudflare Pages, Edit, for this account alone, and "
        "set it where the old one stood"
    )
    with target.pages(BRIEF) as pages:
        try:
            status, text = pages.token_status()
        except PlatformError as refused:
            if not refused.refusal:
                raise
            return Found(State.WRONG, f"the platform refuses it: {refused.detail}", new)
        ends = _moment(text)
        if status != "active" or (ends and ends <= datetime.now(UTC)):
            word = "expired" if status == "active" else status or "of no known status"
            return Found(State.WRONG, f"it is {word}{f', since {ends:%Y-%m-%d}' if ends else ''}", new)
        until, remedy = _until(ends, new)
        if not pages.may_read():
            why = "it is valid, and may not see the account's Pages projects"
            return Found(State.WRONG, why, f"check CLOUDFLARE_ACCOUNT_ID ({_place(target)}); if it is right, {new}")
    return Found(State.THERE, f"valid{until or ' without an end'}; sees the account's Pages projects", remedy)


def _place(target: Target) -> str:
    return target.tokens.place("CLOUDFLARE_ACCOUNT_ID").shown()


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def organization(target: Target) -> Found:
    """Whether the token acts in the organisation that the settings name, and who shares it."""
    wanted, app = target.config.fly_organization, target.config.deployment_target
    key = f"FLY_ORGANIZATION in .env.{target.name}"
    with target.fly(BRIEF) as fly:
        if not fly.acts_in(wanted):
            # A token for one app alone may not list an organisation, and needs no more than its app.
            info = _place_of_app(fly)
            if info is None or (info.organization and not _same(info.organization, wanted)):
                return Found(
                    State.WRONG,
                    f"the token does not act in organisation {wanted}, and there is no app {app} in it",
                    f"set {key} to one of `fly orgs list`, or make a token there: fly tokens create org --org {wanted}",
                )
    shared = [] if target.rehearsal else read_chain().sharing(target.name)
    if shared:
        others = ", ".join(shared)
        advice = f"give each its own organisation: {key}"
        return Found(State.THERE, f"{wanted}, shared with {others}: whoever acts on one may act on the other", advice)
    return Found(State.THERE, wanted)


def app(target: Target) -> Found:
    """Whether there is the app, in the organisation and in a network of its own."""
    name, wanted = target.config.deployment_target, target.config.fly_organization
    with target.fly(BRIEF) as fly:
        try:
            info = fly.app_info()
        except Forbidden as refused:
            return Found(State.WRONG, f"the token may not act on {name}: {refused.detail}", other_name(target))
    host = target.config.service_host
    if host.endswith(".fly.dev") and host != f"{name}.fly.dev":
        return Found(
            State.WRONG,
            f"app {name} answers at {name}.fly.dev, and API_URL of .env.{target.name} says {host}",
            f"make DEPLOYMENT_TARGET and API_URL of .env.{target.name} agree",
        )
    if info is None:
        return Found(State.MISSING, f"there is no app {name} that the token sees")
    if info.organization and not _same(info.organization, wanted):
        return Found(
            State.WRONG,
            f"{name} is in organisation {info.organization}, not in {wanted}",
            f"set FLY_ORGANIZATION in .env.{target.name}, or move it: fly apps move {name} --org {wanted}",
        )
    if info.network == SHARED_NETWORK:
        again = f"invoke teardown --env {target.name}{target.flag}, then invoke setup --env {target.name}{target.flag}"
        return Found(
            State.WRONG,
            f"{name} is in the organisation's own network, which other apps share",
            f"a network is chosen when an app is made; make it anew (it serves nobody meanwhile): {again}",
        )
    return Found(State.THERE, f"{name}, in a network of its own")


def other_name(target: Target) -> str:
    """What to do where somebody else has the app's name: names are unique among everybody's."""
    return f"choose another name: DEPLOYMENT_TARGET and API_URL in .env.{target.name}; or a token that acts on it"


def addresses(target: Target) -> Found:
    """Whether the app has the addresses without which its name does not resolve."""
    with target.fly(BRIEF) as fly:
        try:
            missing = fly.addresses.missing()
        except NotFound:
            return Found(State.MISSING, "the app is not there yet")
        except Forbidden as refused:
            return Found(State.UNKNOWN, f"the token may not see them: {refused.detail}", _by_hand(target, tuple(KINDS)))
    if missing:
        return Found(State.MISSING, f"{' and '.join(missing)} missing", _by_hand(target, missing))
    return Found(State.THERE, "a shared IPv4 and an IPv6")


def _by_hand(target: Target, kinds: tuple[str, ...]) -> str:
    return " && ".join(f"fly ips {KINDS[kind]} --app {target.config.deployment_target}" for kind in kinds)


def project(target: Target) -> Found:
    """Whether there is the project, and serves the address that the settings name."""
    name, host = target.config.pages_project, target.config.frontend_host
    with target.pages(BRIEF) as pages:
        info = pages.project_info()
    if name == NONE:
        return Found(State.WRONG, f"PAGES_PROJECT is not set in .env.{target.name}", "set it, and FRONTEND_URL")
    if info is None and host.endswith(".pages.dev") and not re.fullmatch(rf"{name}(-\w+)?\.pages\.dev", host):
        return Found(
            State.WRONG,
            f"project {name} gets the address {name}.pages.dev, and FRONTEND_URL of .env.{target.name} says {host}",
            f"make PAGES_PROJECT and FRONTEND_URL of .env.{target.name} agree",
        )
    if info is None:
        return Found(State.MISSING, f"the account has no Pages project {name}")
    if host.endswith(".pages.dev") and info.hosts and host not in info.hosts:
        return Found(
            State.WRONG,
            f"{name} is served at {info.hosts[0]}, and FRONTEND_URL of .env.{target.name} says {host}: somebody else "
            "has that address",
            f"set FRONTEND_URL=https://{info.hosts[0]}/ in .env.{target.name}; or choose another PAGES_PROJECT",
        )
    return Found(State.THERE, f"{name}, production branch {info.production_branch or 'not told'}")
