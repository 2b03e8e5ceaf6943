"""All that an environment needs, in the order in which it can be made."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from deploy.errors import DeployError, LedgerUnreachable
from deploy.events.bus import Bus
from deploy.release.addresses import ensure_addresses
from deploy.release.setup import accounts
from deploy.release.setup.github import GitHub, known_values
from deploy.release.setup.thing import Found, State, Thing
from deploy.settings.chain import read_chain
from deploy.settings.environments import ROOT
from deploy.settings.secrets import TOKEN_NAMES, read_tokens, variable
from deploy.target import Target

BRANCH = "main"
"""The production branch of a project that is made here; an existing project's own is read."""
FLY, PAGES = ("FLY_API_TOKEN",), ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")


def things_of(target: Target, bus: Bus) -> Iterator[Thing]:
    """Each of them. Nothing is asked before it is looked at."""
    for name in TOKEN_NAMES:
        yield Thing(name, functools.partial(_present, target, name))
    yield from _fly(target, bus)
    yield from _pages(target)
    yield Thing("ledger", lambda: _ledger(target))
    if not target.rehearsal:
        tokens = {name: read_tokens(name, ROOT) for name in read_chain().deployed}
        yield GitHub(target.name, ROOT, known_values(tokens)).thing()


def _fly(target: Target, bus: Bus) -> Iterator[Thing]:
    app, organization = target.config.deployment_target, target.config.fly_organization
    yield Thing("Fly token", lambda: accounts.fly_token(target), tokens=FLY)
    yield Thing("organisation", lambda: accounts.organization(target), tokens=FLY)
    yield Thing(
        "app",
        lambda: accounts.app(target),
        functools.partial(_create_app, target),
        f"create app {app} in organisation {organization}, in a network of its own",
        refused=f"if the token may not create apps: fly apps create {app} --org {organization} --network {app}; "
        f"if somebody else has the name, {accounts.other_name(target)}",
        tokens=FLY,
        after=("Fly token", "organisation"),
    )
    yield Thing(
        "addresses",
        lambda: accounts.addresses(target),
        functools.partial(_allocate, target, bus),
        f"allocate a shared IPv4 and an IPv6 for {app}",
        tokens=FLY,
        after=("Fly token", "app"),
    )


def _create_app(target: Target) -> None:
    with target.fly() as fly:
        fly.create_app(target.config.fly_organization, network=target.config.deployment_target)


def _allocate(target: Target, bus: Bus) -> None:
    with target.fly() as fly:
        ensure_addresses(fly, bus)


def _pages(target: Target) -> Iterator[Thing]:
    project = target.config.pages_project
    yield Thing("Cloudflare account", lambda: accounts.cloudflare_account(target), tokens=PAGES[1:])
    yield Thing("Cloudflare token", lambda: accounts.cloudflare_token(target), tokens=PAGES)
    yield Thing(
        "page",
        lambda: accounts.project(target),
        functools.partial(_create_project, target),
        f"create Pages project {project}, whose production branch is {BRANCH}",
        refused=f"create it by hand: npx wrangler pages project create {project} --production-branch {BRANCH}; or give "
        "the token the permission Cloudflare Pages: Edit",
        tokens=PAGES,
        after=("Cloudflare account", "Cloudflare token"),
    )


def _create_project(target: Target) -> None:
    with target.pages() as pages:
        pages.create_project(BRANCH)


def _present(target: Target, name: str) -> Found:
    """Whether a token is set, and where. It is never shown."""
    if target.tokens.values.get(name):
        place = target.tokens.places.get(name)
        return Found(State.THERE, f"from {place.shown()}" if place else "the rehearsal's own")
    return Found(
        State.MISSING,
        f"not set ({TOKEN_NAMES[name]})",
        f"set {variable(name, target.name)}, or write {name}=… into .env.{target.name}.secrets (chmod 600)",
    )


def _ledger(target: Target) -> Found:
    """Whether the ledger's branch can be read and pushed to. Hooks and protections of the branch are not asked."""
    ledger = target.ledger
    remedy = f"give this clone the right to push to {ledger.place}, or set LEDGER_REMOTE in .env.{target.name}"
    try:
        empty = not ledger.snapshot().commit
        refused = ledger.refused()
    except LedgerUnreachable as away:
        return Found(State.UNKNOWN, str(away))
    except DeployError as failed:
        return Found(State.WRONG, str(failed), remedy)
    if refused:
        return Found(State.WRONG, f"{ledger.place} can be read, and not written: {refused}", remedy)
    if ledger.local_note:
        return Found(State.UNKNOWN, ledger.local_note, remedy)
    return Found(State.THERE, f"{ledger.place}{', empty' if empty else ''}")
