"""Verbs that measure; `invoke bench rollout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task
from rich.table import Table

from deploy.console import Teller, print_json, print_result
from deploy.lazy import lazy
from deploy.tasks import logs_of, told

if TYPE_CHECKING:
    from deploy import bench
else:
    bench = lazy("deploy.bench")


@task(
    help={
        "count": "how many promotions and how many rollbacks (default: 20 of each)",
        "rate": "requests a second meanwhile (default: 200)",
        "json": "print as JSON",
    }
)
@told
def rollout(context: Context, count: int = 20, rate: int = 200, json: bool = False) -> None:
    """Promote and roll back under load in the rehearsal; requests lost, and seconds until all traffic had moved."""
    teller: Teller = context.teller
    measured = bench.bench_rollout(count, rate, teller, logs_of(rehearsal=True))
    teller.close()
    if json:
        print_json(measured.to_json())
    else:
        print_result(_table(measured))
    if measured.traffic.lost:
        raise Exit(code=1)


def _table(measured: bench.Measured) -> Table:
    table = Table(box=None)
    for column in ("", "times", "traffic moved, median", "longest", "verb, median", "longest"):
        table.add_column(column, justify="right" if column else "left")
    body = measured.to_json()
    for name in ("promotion", "rollback"):
        switch, verb = body[f"{name}_seconds"], body[f"{name}_verb_seconds"]
        seconds = [f"{value:.1f} s" for each in (switch, verb) for value in (each["p50"], each["max"])]
        table.add_row(name, str(body[f"{name}s"]), *seconds)
    table.caption = f"{body['sent']} requests sent, {body['lost']} lost"
    table.caption_justify = "left"
    return table


BENCH = Collection("bench", rollout)
