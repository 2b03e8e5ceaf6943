"""Verbs that release: deploy, verify, promote, tidy. They call `deploy.release`; `wrapper.py` sets exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from rich.table import Table
from rich.text import Text

from deploy.artifacts import read_source
from deploy.artifacts.source import built_shas, resolve_sha
from deploy.cli.options import (
    ENV,
    REHEARSAL,
    STRATEGY,
    TO,
    WAIT,
    logs_of,
    patience,
    promotion_of,
    strategy_of,
    target_of,
    with_ledger_shown,
)
from deploy.cli.wrapper import required, verb
from deploy.errors import UsageError
from deploy.events.bus import Bus
from deploy.events.console import print_json, print_result
from deploy.lazy import lazy
from deploy.ledger import Evidence
from deploy.settings.chain import first_proving, read_chain
from deploy.settings.environments import ROOT
from deploy.settings.policy import Promotion
from deploy.target import Target, known_shas

if TYPE_CHECKING:
    from deploy.release import verbs
else:
    verbs = lazy("deploy.release.verbs")


@verb(
    help={
        "env": ENV,
        "sha": "commit to deploy, built here before (default: HEAD)",
        "strategy": STRATEGY,
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
def deploy(
    context: Context, env: str = "", sha: str = "", strategy: str = "", wait: str = "", rehearsal: bool = False
) -> None:
    """Deploy a built artifact to an environment that takes no promotions; a failed deployment is rolled back."""
    name = required(env, "--env")
    target = target_of(name, rehearsal)
    if source := read_chain().sources[name]:
        raise UsageError(
            f"releases reach {name} only by promotion from {source}; use: "
            f"invoke promote --sha SHA{target.to}{target.flag}"
        )
    with_ledger_shown(context, target)
    label = resolve_sha(ROOT, sha, built_shas(ROOT)) if sha else read_source(ROOT).label
    bus, logs, chosen = context.bus, logs_of(rehearsal), strategy_of(strategy)
    info = verbs.deploy(target, ROOT, label, bus, logs, chosen, wait=patience(wait))
    context.bus.say(f"{name} serves {info.version} at {target.config.api_url} and {target.config.frontend_url}")


@verb(help={"env": ENV, "rehearsal": REHEARSAL, "json": "print the evidence as JSON"})
def verify(context: Context, env: str = "", rehearsal: bool = False, json: bool = False) -> None:
    """Run the integration suites against what an environment serves, and record the result as evidence."""
    chain = read_chain()
    target = with_ledger_shown(context, target_of(env or first_proving(chain), rehearsal))
    configs = [target_of(name, rehearsal).config for name in chain.deployed]
    evidence = verbs.verify(target, configs, context.bus, logs_of(rehearsal))
    _concluded(context.bus, target, chain.following(target.name), evidence)
    if json:
        print_json(evidence.to_json())


def _concluded(bus: Bus, target: Target, following: Sequence[str], evidence: Evidence) -> None:
    """Say what was proven, and which command comes next."""
    passed, seconds = (sum(getattr(suite, key) for suite in evidence.suites) for key in ("passed", "seconds"))
    sha = evidence.commit_sha[:12]
    commands = []
    for each in (target_of(name, target.rehearsal) for name in following):
        policy = each.config.release
        verb = "promote" if policy.promotion is Promotion.AUTOMATIC and not policy.approvals else "approve"
        commands.append(f"invoke {verb} --sha {sha}{each.to}{each.flag}")
    then = f". Next: {', or '.join(commands)}" if commands else ""
    bus.say(f"{sha} is proven in {target.name}: {passed} checks passed in {seconds:.0f} s{then}")


@verb(
    help={
        "sha": "commit to promote; its source environment must have proven it",
        "env": TO,
        "plan": "show what would happen and which gates refuse; change nothing",
        "json": "with --plan: print it as JSON",
        "strategy": STRATEGY,
        "hotfix": "override a freeze; needs --reason, and is recorded",
        "automatic": "for CI: does nothing if PROMOTION=manual, or if a newer commit is serving",
        "again": "override a rejection: promote a commit that failed before; needs --reason, and is recorded",
        "downgrade": "promote a commit older than the one serving; needs --reason, and is recorded",
        "wait": WAIT,
        "reason": "why the gate is overridden",
        "rehearsal": REHEARSAL,
    }
)
def promote(
    context: Context,
    sha: str = "",
    env: str = "",
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
    """Promote what one environment proved to the next: same digests, then a smoke suite, and a rollback if it fails."""
    given = required(sha, "--sha")
    passing = hotfix or again or downgrade
    if passing and not reason:
        raise UsageError('--hotfix, --again and --downgrade override a gate, which needs a reason; add --reason "…"')
    options = verbs.Options(
        strategy_of(strategy),
        hotfix_reason=reason if hotfix else "",
        again_reason=reason if again else "",
        downgrade_reason=reason if downgrade else "",
        wait=patience(wait),
    )
    source, target = promotion_of(env, rehearsal)
    wanted = resolve_sha(ROOT, given, known_shas(source, target))
    if automatic and passing:
        raise UsageError(
            "--automatic overrides no gate: leave out --hotfix, --again and --downgrade, or leave out --automatic"
        )
    if automatic and target.config.release.promotion is not Promotion.AUTOMATIC:
        context.bus.say(
            f"nothing was promoted, as PROMOTION=manual for {target.name}. To promote, run: "
            f"invoke promote --sha {wanted[:12]}{target.to}{target.flag}"
        )
        return
    if automatic and (newer := verbs.superseded(target, wanted)):
        context.bus.say(f"{wanted[:12]} is older than {newer.version}, which {target.name} serves; nothing to do")
        return
    if plan:
        made = verbs.plan(source, target, wanted, options)
        if json:
            print_json(made.to_json())
        else:
            print_result(_plan_table(made))
        if not made.allowed:
            raise Exit(code=1)
        return
    with_ledger_shown(context, target)
    info = verbs.promote(source, target, wanted, context.bus, logs_of(rehearsal), options)
    context.bus.say(f"{target.name} serves {info.version} at {target.config.api_url} and {target.config.frontend_url}")


def _plan_table(plan: verbs.Plan) -> Table:
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


@verb(help={"env": ENV, "wait": WAIT, "rehearsal": REHEARSAL})
def tidy(context: Context, env: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Remove the machines kept for a rollback, once ROLLBACK_WINDOW is over."""
    target = target_of(required(env, "--env"), rehearsal)
    count = verbs.tidy(target, context.bus, logs_of(rehearsal), wait=patience(wait))
    context.bus.say(f"{target.name}: {count} machines removed")


VERBS = (deploy, verify, promote, tidy)
