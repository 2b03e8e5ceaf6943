"""Verbs on environments: each acts through `release`; errors become exit codes in one place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task
from rich.table import Table
from rich.text import Text

from deploy import rehearsal as rehearsals
from deploy.artifacts import read_source
from deploy.artifacts.source import resolve_sha
from deploy.console import Teller, print_json, print_result
from deploy.environments import ROOT
from deploy.errors import DeployError, SuiteFailed, UsageError
from deploy.lazy import lazy
from deploy.policy import Promotion, Strategy
from deploy.status import environment_status
from deploy.steady import require_steady, require_unchanged
from deploy.target import DEPLOYED, Target, cloud_target, deployable
from deploy.workstation.packages import need

if TYPE_CHECKING:
    from deploy import verification
    from deploy.artifacts import frontend as pages
    from deploy.release import platform as platforms
    from deploy.release import verbs as release
else:
    release, verification = lazy("deploy.release.verbs"), lazy("deploy.verification")
    platforms, pages = lazy("deploy.release.platform"), lazy("deploy.artifacts.frontend")

REHEARSAL = "speak to the platforms on this machine (invoke rehearse) instead of the cloud"
STRATEGY = "bluegreen, canary, rolling or immediate (default: STRATEGY of .env.<name>)"


def strategy_of(text: str) -> Strategy | None:
    """The strategy of that name, None for none given."""
    if not text:
        return None
    try:
        return Strategy(text)
    except ValueError:
        raise UsageError(f"unknown strategy {text!r}; use one of {', '.join(Strategy)}") from None


def logs_of(rehearsal: bool) -> Path:
    """Where logs of verbs are kept."""
    place = (rehearsals.STATE if rehearsal else ROOT / "dist") / "logs"
    place.mkdir(parents=True, exist_ok=True)
    return place


def told(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb its Teller, and turn its errors into a message and an exit code."""

    @functools.wraps(verb)
    def wrapper(context: Context, *arguments: Any, **options: Any) -> None:
        context.teller = Teller()
        try:
            verb(context, *arguments, **options)
        except DeployError as failed:
            context.teller.failure(failed)
            raise Exit(code=failed.exit_code) from failed
        except KeyboardInterrupt:
            raise Exit("interrupted", code=1) from None
        finally:
            context.teller.close()

    return wrapper


def rolling_out(context: Context) -> Teller:
    """The Teller of a verb that rolls out: on a terminal it tells people of the steps, in a pipe machines."""
    teller: Teller = context.teller
    teller.json_steps = not teller.console.is_terminal
    return teller


def target_of(env: str, rehearsal: bool) -> Target:
    """The environment named on the command line."""
    return rehearsals.rehearsal_target(env) if rehearsal else cloud_target(env)


def required(value: str | None, flag: str) -> str:
    """A flag that must be given."""
    if not value:
        raise UsageError(f"{flag} is missing; see invoke --help")
    return value


@task(
    help={
        "env": "staging or production",
        "sha": "commit to deploy, built here before (default: HEAD)",
        "strategy": STRATEGY,
        "rehearsal": REHEARSAL,
    }
)
@told
def deploy(context: Context, env: str = "", sha: str = "", strategy: str = "", rehearsal: bool = False) -> None:
    """Deploy a built artifact to staging; a failed deployment is taken back by itself."""
    name = deployable(required(env, "--env"))
    if name == "production":
        raise UsageError("production receives only what staging proved; use: invoke promote --sha SHA")
    target = target_of(name, rehearsal)
    source = read_source(ROOT)
    label = resolve_sha(ROOT, sha) if sha else source.label
    info = release.deploy(target, ROOT, label, rolling_out(context), logs_of(rehearsal), strategy_of(strategy))
    context.teller.say(f"{name} serves {info.version} at {target.config.api_url} and {target.config.frontend_url}")


@task(help={"env": "staging or production", "rehearsal": REHEARSAL, "json": "print the evidence as JSON"})
@told
def verify(context: Context, env: str = "staging", rehearsal: bool = False, json: bool = False) -> None:
    """Run the integration suites against what an environment serves, and keep the result as evidence in the ledger."""
    target = target_of(deployable(env), rehearsal)
    verified = verify_release(target, context.teller)
    if json:
        print_json(verified)


def verify_release(target: Target, teller: Teller) -> dict[str, Any]:
    """Prove what an environment serves; raises SuiteFailed when it is not proven.

    Raises SuiteNotRun, and records nothing, when the suites were not run to their end or the release changed meanwhile.
    """
    before = require_steady(target)
    serving = before.release
    need("browser", tell=teller.note)
    evidence, log = verification.prove(
        serving,
        _pages(target, serving.frontend),
        target.config.frontend_url,
        rehearsal=target.rehearsal,
        logs=logs_of(target.rehearsal),
        tell=teller.note,
    )
    require_unchanged(target, before)
    target.ledger.prove(evidence)
    if not evidence.ok:
        failed = ", ".join(f"{s.name}: {s.failed} failed" for s in evidence.suites if not s.ok)
        raise SuiteFailed(
            f"{serving.version} is not proven ({failed}); it will not be promoted. Mend it and deploy again", log=log
        )
    return evidence.to_json()


def _pages(target: Target, digest: str) -> dict[str, dict[str, bytes]]:
    """The files of a release's page as each environment publishes them."""
    with target.registry() as registry:
        image = platforms.read_page(registry, digest)
    configs = [target.config if name == target.name else target_of(name, target.rehearsal).config for name in DEPLOYED]
    return {one.name: pages.site_files(image, one.name, one.api_url) for one in configs}


@task(
    help={
        "sha": "commit to promote: proven in staging",
        "plan": "say what would happen and why not; change nothing",
        "json": "with --plan: print it as JSON",
        "strategy": STRATEGY,
        "hotfix": "pass a freeze; needs --reason, and is recorded",
        "automatic": "as the pipeline asks: does nothing where PROMOTION=manual leaves it to people",
        "again": "promote what was rejected before; needs --reason, and is recorded",
        "reason": "why a gate is passed",
        "rehearsal": REHEARSAL,
    }
)
@told
def promote(
    context: Context,
    sha: str = "",
    plan: bool = False,
    json: bool = False,
    strategy: str = "",
    hotfix: bool = False,
    again: bool = False,
    automatic: bool = False,
    reason: str = "",
    rehearsal: bool = False,
) -> None:
    """Bring what staging proved to production: the same digests, blue-green, smoke suite, back by itself on failure."""
    wanted = resolve_sha(ROOT, required(sha, "--sha"))
    if (hotfix or again) and not reason:
        raise UsageError('--hotfix and --again are recorded with a reason; add --reason "…"')
    options = release.Options(strategy_of(strategy), reason if hotfix else "", reason if again else "")
    staging, production = (target_of(name, rehearsal) for name in DEPLOYED)
    if automatic and (hotfix or again):
        raise UsageError("--automatic passes no gate: leave --hotfix and --again to a person")
    if automatic and production.config.release.promotion is not Promotion.AUTOMATIC:
        context.teller.say(f"left to people (PROMOTION=manual): invoke promote --sha {wanted[:12]}")
        return
    if plan:
        made = release.plan(staging, production, wanted, options)
        if json:
            print_json(made.to_json())
        else:
            print_result(_plan_table(made))
        if not made.allowed:
            raise Exit(code=1)
        return
    info = release.promote(staging, production, wanted, rolling_out(context), logs_of(rehearsal), options)
    context.teller.say(
        f"production serves {info.version} at {production.config.api_url} and {production.config.frontend_url}"
    )


def _plan_table(plan: release.Plan) -> Table:
    table = Table(
        title=f"promote {plan.sha[:12]}: {'allowed' if plan.allowed else 'refused'}", title_justify="left", box=None
    )
    for column in ("gate", "", "reason", "what to run"):
        table.add_column(column)
    for gate in plan.gates:
        table.add_row(gate.name, "open" if gate.ok else "closed", Text(gate.reason), Text(gate.action))
    if plan.release:
        table.add_row("image", "", plan.release.image)
        table.add_row("frontend", "", plan.release.frontend)
    table.add_row("strategy", "", plan.strategy.value)
    table.add_row("replaces", "", plan.serving.version if plan.serving else "nothing")
    return table


@task(
    help={
        "env": "staging or production",
        "to": "sha of an earlier release (default: the one before)",
        "rehearsal": REHEARSAL,
    }
)
@told
def rollback(context: Context, env: str = "", to: str = "", rehearsal: bool = False) -> None:
    """Go back to an earlier release: image, configuration and page together."""
    target = target_of(deployable(required(env, "--env")), rehearsal)
    sha = resolve_sha(ROOT, to) if to else None
    info = release.rollback(target, sha, rolling_out(context), logs_of(rehearsal))
    context.teller.say(f"{target.name} serves {info.version} again")


@task(help={"env": "staging or production", "rehearsal": REHEARSAL})
@told
def resume(context: Context, env: str = "", rehearsal: bool = False) -> None:
    """Finish, or take back, a rollout that a killed or interrupted deployer left half-way."""
    target = target_of(deployable(required(env, "--env")), rehearsal)
    info = release.resume(target, rolling_out(context), logs_of(rehearsal))
    context.teller.say(f"{target.name} serves {info.version}" if info else f"{target.name}: nothing was left half-way")


@task(help={"env": "staging or production", "rehearsal": REHEARSAL})
@told
def tidy(context: Context, env: str = "", rehearsal: bool = False) -> None:
    """Remove the machines that were kept for the way back, once ROLLBACK_WINDOW is over."""
    target = target_of(deployable(required(env, "--env")), rehearsal)
    count = release.tidy(target, rolling_out(context), logs_of(rehearsal))
    context.teller.say(f"{target.name}: {count} machines removed")


@task(help={"env": "only this environment", "json": "print as JSON", "rehearsal": REHEARSAL})
@told
def status(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """What each environment serves: by its ledger and by its machines."""
    names = [deployable(env)] if env else list(DEPLOYED)
    targets = [target_of(name, rehearsal) for name in names]
    states = {target.name: environment_status(target) for target in targets}
    if json:
        print_json(states)
        return
    table = Table(box=None)
    for column in ("environment", "version", "image", "machines", "address", "by", "since"):
        table.add_column(column)
    for name, state in states.items():
        machines = ", ".join(f"{m['state']}{'' if m['healthy'] else ' unhealthy'}" for m in state["machines"]) or "none"
        table.add_row(
            name, state["version"] or "nothing", (state["image"] or "")[7:19], machines,
            state["urls"]["api"], state["deployedBy"] or "", (state["deployedAt"] or "")[:19],
        )  # fmt: skip
    print_result(table)


@task(help={"env": "staging or production", "json": "print as JSON", "rehearsal": REHEARSAL})
@told
def history(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Every deployment of an environment, newest first."""
    target = target_of(deployable(required(env, "--env")), rehearsal)
    events = target.ledger.snapshot().events()[::-1]
    if json:
        print_json([event.to_json() for event in events])
        return
    table = Table(box=None)
    for column in ("when", "status", "version", "image", "by", "reason"):
        table.add_column(column)
    for event in events:
        when = f"{event.deployed_at.astimezone():%Y-%m-%d %H:%M:%S}"
        by, reason = Text(event.deployed_by), Text(event.reason[:80])
        table.add_row(when, event.status, event.version, event.image[7:19], by, reason)
    print_result(table)


VERBS = (deploy, verify, promote, rollback, resume, tidy, status, history)
