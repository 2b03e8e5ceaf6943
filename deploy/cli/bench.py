"""Verbs that measure: `invoke bench build`, `rollout` and `runner`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from rich.table import Table

from deploy import rehearsals
from deploy.cli.options import logs_of
from deploy.cli.wrapper import verb
from deploy.events.bus import Bus
from deploy.events.console import print_json, print_result
from deploy.settings.environments import ROOT
from deploy.workstation import need

if TYPE_CHECKING:
    from deploy.bench.rollout import Measured
    from deploy.bench.runner import Report

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@verb(
    help={
        "count": "how many promotions and how many rollbacks (default: 20 of each)",
        "rate": "requests a second during the rollouts (default: 200)",
        "lag": "seconds after which the edge learns of machines, one or several (default: 0,2,10)",
        "rates": "off, or documented: the limits on requests that the platform documents (default: off)",
        "json": "print as JSON",
    }
)
def rollout(
    context: Context, count: int = 20, rate: int = 200, lag: str = "0,2,10", rates: str = "off", json: bool = False
) -> None:
    """Promote and roll back the rehearsal under load; shows lost requests, and seconds until all traffic had moved."""
    from deploy.bench.rollout import bench_rollout  # slow to import, as all that is measured with
    from deploy.unkindness import parse_lags, parse_rates

    bus: Bus = context.bus
    lags, limited = parse_lags(lag), parse_rates(rates)
    with rehearsals.in_use():
        runs = bench_rollout(count, rate, bus, logs_of(rehearsal=True), lags=lags, rates=limited)
    lost = sum(run.traffic.lost for run in runs)
    if json:
        sent = sum(run.traffic.sent for run in runs)
        print_json({"rates": rates, "sent": sent, "lost": lost, "runs": [run.to_json() for run in runs]})
    else:
        print_result(_table(runs))
    if lost:
        raise Exit(code=1)


@verb(
    help={
        "rounds": "how many times each command is run (default: 9)",
        "languages": "languages in the image that is built (default: core)",
        "json": "print as JSON",
    },
)
def build(context: Context, rounds: int = 9, languages: str = "core", json: bool = False) -> None:
    """Compare a build that has nothing to do with Turborepo's and Nx's; time changes, and a second clone."""
    from deploy.bench.build import bench_build

    report = bench_build(rounds, languages, context.bus).to_json()
    if json:
        print_json(report)
        return
    table = Table(box=None)
    for title in ("what", "seconds", "makes"):
        table.add_column(title)
    for name, seconds in report.items():
        if name.endswith("_seconds"):
            what = name.removesuffix("_seconds")
            made = report["made"].get(what.removeprefix("change_"))
            table.add_row(
                what.replace("_", " "), f"{seconds:.2f}", "" if made is None else ", ".join(made) or "nothing"
            )
    print_result(table)
    for name, (middle, least, most) in report["ratios"].items():
        print_result(f"{name.replace('_', ' ')}: {middle:.2f} ({least:.2f} to {most:.2f})")


@verb(
    help={
        "quick": "fewer rounds: below a minute, and less sure",
        "json": "print as JSON",
        "docs": "write the tables into docs/benchmarks.md and the charts into docs/images/",
    }
)
def runner(context: Context, quick: bool = False, json: bool = False, docs: bool = False) -> None:
    """Compare the service with bare toolchains and other sandboxes, side by side on this machine."""
    from deploy.bench.runner import Plan, measure

    bus: Bus = context.bus
    need("languages", "bench", tell=bus.note)
    plan = Plan.quick() if quick else Plan.full()
    report = measure(plan, bus)
    if docs:
        _document(report)
    if json:
        print_json(report.to_json())
        return
    for title, columns, rows in report.tables():
        print_result(_plain_table(title, columns, rows))
    for absent in report.absent:
        print_result(f"{absent.name} is missing: {absent.reason}")


def _plain_table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _document(report: Report) -> None:
    """Put what was measured between the marks of docs/benchmarks.md, and draw it."""
    from deploy.bench.runner.chart import load_chart, peers_chart

    page, images = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "images"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{report.markdown()}\n\n{END}{after}")
    (images / "bench-peers.svg").write_text(peers_chart(report))
    (images / "bench-load.svg").write_text(load_chart(report))


def _table(runs: Sequence[Measured]) -> Table:
    table = Table(box=None)
    columns = ("lag", "", "times", "traffic moved, median", "longest", "verb, median", "longest", "sent", "lost")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for run in runs:
        body = run.to_json()
        for name in ("promotion", "rollback"):
            switch, verb = body[f"{name}_seconds"], body[f"{name}_verb_seconds"]
            seconds = [f"{value:.1f} s" for each in (switch, verb) for value in (each["p50"], each["max"])]
            counted = [str(body["sent"]), str(body["lost"])] if name == "promotion" else ["", ""]
            table.add_row(f"{run.lag:g} s", name, str(body[f"{name}s"]), *seconds, *counted)
    table.caption = f"rates of the platform's API: {'documented' if runs[0].rates else 'off'}"
    table.caption_justify = "left"
    return table


BENCH = Collection("bench", build, rollout, runner)
