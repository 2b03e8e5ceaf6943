"""Verbs on environments: each acts through `release`; `deploy/cli/wrapper.py` turns errors into exit codes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task
from rich.table import Table
from rich.text import Text

from deploy import rehearsal as rehearsals
from deploy.artifacts import read_source
from deploy.artifacts.source import built_shas, resolve_sha
from deploy.cli.wrapper import required, rolling_out, told
from deploy.errors import DeployError, SuiteFailed, UsageError
from deploy.events.console import Teller, print_json, print_result
from deploy.lazy import lazy
from deploy.release.status import environment_status
from deploy.settings.durations import parse_duration
from deploy.settings.environments import ROOT
from deploy.settings.policy import Promotion, Strategy
from deploy.target import DEPLOYED, Target, cloud_target, deployable, known_shas
from deploy.verification.steady import require_steady, require_unchanged
from deploy.workstation.packages import need

if TYPE_CHECKING:
    from deploy import verification
    from deploy.artifacts import frontend as pages
    from deploy.release import verbs as release
    from deploy.release.rollout import platform as platforms
else:
    release, verification = lazy("deploy.release.verbs"), lazy("deploy.verification")
    platforms, pages = lazy("deploy.release.rollout.platform"), lazy("deploy.artifacts.frontend")

REHEARSAL = "speak to the platforms on this machine (invoke rehearse) instead of the cloud"
WAIT = "how long to wait while another deployer works there, such as 30s or 10m (default: not at all)"
STRATEGY = "bluegreen, canary, rolling or immediate (default: STRATEGY of .env.<name>)"


def patience(text: str) -> timedelta:
    """What --wait says; nothing for none."""
    try:
        return parse_duration(text) if text else timedelta()
    except ValueError as wrong:
        raise UsageError(f"--wait {text!r} {wrong}") from None


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


def target_of(env: str, rehearsal: bool) -> Target:
    """The environment named on the command line."""
    return rehearsals.rehearsal_target(env) if rehearsal else cloud_target(env)


def told_of_ledger(context: Context, target: Target) -> Target:
    """The target, once people are told where its ledger is written: a remote, or this clone alone."""
    if note := target.ledger.local_note:
        context.teller.say(f"the ledger of {target.name} is {note}")
    elif not target.rehearsal:
        context.teller.note(f"the ledger of {target.name} is {target.ledger.place}")
    return target


@task(
    help={
        "env": "staging or production",
        "sha": "commit to deploy, built here before (default: HEAD)",
        "strategy": STRATEGY,
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
@told
def deploy(
    context: Context, env: str = "", sha: str = "", strategy: str = "", wait: str = "", rehearsal: bool = False
) -> None:
    """Deploy a built artifact to staging; a failed deployment is taken back by itself."""
    name = deployable(required(env, "--env"))
    if name == "production":
        flag = " --rehearsal" if rehearsal else ""
        raise UsageError(f"production receives only what staging proved; use: invoke promote --sha SHA{flag}")
    target = told_of_ledger(context, target_of(name, rehearsal))
    source = read_source(ROOT)
    label = resolve_sha(ROOT, sha, built_shas(ROOT)) if sha else source.label
    teller, logs, chosen = rolling_out(context), logs_of(rehearsal), strategy_of(strategy)
    info = release.deploy(target, ROOT, label, teller, logs, chosen, wait=patience(wait))
    context.teller.say(f"{name} serves {info.version} at {target.config.api_url} and {target.config.frontend_url}")


@task(help={"env": "staging or production", "rehearsal": REHEARSAL, "json": "print the evidence as JSON"})
@told
def verify(context: Context, env: str = "staging", rehearsal: bool = False, json: bool = False) -> None:
    """Run the integration suites against what an environment serves, and keep the result as evidence in the ledger."""
    target = told_of_ledger(context, target_of(deployable(env), rehearsal))
    verified = verify_release(target, context.teller)
    _concluded(context.teller, target, verified)
    if json:
        print_json(verified)


def _concluded(teller: Teller, target: Target, verified: dict[str, Any]) -> None:
    """What was proven, and what comes next."""
    passed, seconds = (sum(suite[key] for suite in verified["suites"]) for key in ("passed", "seconds"))
    sha = verified["commitSha"][:12]
    then = ""
    if target.name == "staging":
        policy = target_of("production", target.rehearsal).config.release
        verb = "promote" if policy.promotion is Promotion.AUTOMATIC and not policy.approvals else "approve"
        then = f". Next: invoke {verb} --sha {sha}{target.flag}"
    teller.say(f"{sha} is proven in {target.name}: {passed} checks passed in {seconds:.0f} s{then}")


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
        "downgrade": "promote a commit older than the one that serves; needs --reason, and is recorded",
        "wait": WAIT,
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
    downgrade: bool = False,
    automatic: bool = False,
    reason: str = "",
    wait: str = "",
    rehearsal: bool = False,
) -> None:
    """Bring what staging proved to production: the same digests, blue-green, smoke suite, back by itself on failure."""
    given = required(sha, "--sha")
    passing = hotfix or again or downgrade
    if passing and not reason:
        raise UsageError('--hotfix, --again and --downgrade are recorded with a reason; add --reason "…"')
    options = release.Options(
        strategy_of(strategy),
        hotfix_reason=reason if hotfix else "",
        again_reason=reason if again else "",
        downgrade_reason=reason if downgrade else "",
        wait=patience(wait),
    )
    staging, production = (target_of(name, rehearsal) for name in DEPLOYED)
    wanted = resolve_sha(ROOT, given, known_shas(staging, production))
    if automatic and passing:
        raise UsageError("--automatic passes no gate: leave --hotfix, --again and --downgrade to a person")
    if automatic and production.config.release.promotion is not Promotion.AUTOMATIC:
        context.teller.say(f"left to people (PROMOTION=manual): invoke promote --sha {wanted[:12]}{staging.flag}")
        return
    if automatic and (newer := release.superseded(production, wanted)):
        context.teller.say(f"{wanted[:12]} is older than {newer.version}, which production serves; nothing to do")
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
    told_of_ledger(context, production)
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


@task(help={"env": "staging or production", "wait": WAIT, "rehearsal": REHEARSAL})
@told
def tidy(context: Context, env: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Remove the machines that were kept for a rollback, once ROLLBACK_WINDOW is over."""
    target = target_of(deployable(required(env, "--env")), rehearsal)
    count = release.tidy(target, rolling_out(context), logs_of(rehearsal), wait=patience(wait))
    context.teller.say(f"{target.name}: {count} machines removed")


@task(help={"env": "only this environment", "json": "print as JSON", "rehearsal": REHEARSAL})
@told
def status(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """What each environment serves, by its ledger, its machines and its page; and what needs a person."""
    names = [deployable(env)] if env else list(DEPLOYED)
    targets = {name: target_of(name, rehearsal) for name in names}
    staging = targets.get("staging") or target_of("staging", rehearsal)
    states = {
        name: environment_status(target, staging if name == "production" else None) for name, target in targets.items()
    }
    if json:
        print_json(states)
        _told_all(targets, states)
        return
    table = Table(box=None)
    for column in ("environment", "version", "image", "machines", "address", "by", "since"):
        table.add_column(column, overflow="fold")
    for name, state in states.items():
        machines = ", ".join(f"{m['state']}{'' if m['healthy'] else ' unhealthy'}" for m in state["machines"])
        machines = machines or ("unknown" if "machines" in state["errors"] else "none")
        version = state["version"] or ("unknown" if "ledger" in state["errors"] else "nothing")
        table.add_row(
            name, version, (state["image"] or "")[7:19], machines,
            state["urls"]["api"], state["deployedBy"] or "", (state["deployedAt"] or "")[:19],
        )  # fmt: skip
    print_result(table)
    lines = [f"{name}: {problem}" for name, state in states.items() for problem in state["problems"]]
    if lines:
        print_result(Text("\n".join(lines)))
    _told_all(targets, states)


def _told_all(targets: dict[str, Target], states: dict[str, Any]) -> None:
    """Fail where something could not be read, once the rest was shown; a missing token is wrong use."""
    for name, target in targets.items():
        if states[name]["errors"]:
            target.require_tokens()
            raise DeployError(f"{name} could not be read whole: {', '.join(states[name]['errors'])} (see above)")


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
        by, reason = Text(event.deployed_by), Text(event.reason)
        table.add_row(when, event.status, event.version, event.image[7:19], by, reason)
    print_result(table)


VERBS = (deploy, verify, promote, tidy, status, history)
