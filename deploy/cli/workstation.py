"""The verb that gives disk space back: clean."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task
from rich.table import Table
from rich.text import Text

from deploy.cli.wrapper import told
from deploy.disk import KEEP, Cleaning, cleaning
from deploy.events.console import Teller, print_json, print_result


@task(
    help={
        "dry": "only show what would go",
        "all": "keep no build, and not this clone's rehearsal either, unless it runs",
        "json": "print as JSON",
    }
)
@told
def clean(context: Context, dry: bool = False, all: bool = False, json: bool = False) -> None:
    """Remove old builds, images and caches; the builds that were used last are kept, and all that runs."""
    teller: Teller = context.teller
    with cleaning(everything=all) as found:
        if not dry:
            for waste in found.waste:
                with teller.step(f"remove {waste.kind} {waste.name}"):
                    waste.remove()
    if json:
        things = [one.to_json() for one in found.waste]
        print_json({"dry": dry, "keep": 0 if all else KEEP, "bytes": found.bytes, "waste": things, "kept": found.kept})
        return
    if found.waste:
        print_result(_table(found))
    for sentence in found.kept:
        teller.say(f"kept {sentence}")
    teller.say(_summary(found, dry=dry, everything=all))


def _summary(found: Cleaning, *, dry: bool, everything: bool) -> str:
    if not found.waste:
        return "nothing to remove"
    total = f"{len(found.waste)} things, {found.bytes / 1e6:.0f} MB"
    if dry:
        again = "invoke clean --all" if everything else "invoke clean"
        return f"would go: {total}; nothing was removed. To remove it: {again}"
    return f"removed {total}"


def _table(found: Cleaning) -> Table:
    table = Table(box=None)
    table.add_column("what")
    table.add_column("name")
    table.add_column("MB", justify="right")
    table.add_column("why")
    for one in found.waste:
        table.add_row(one.kind, Text(one.name), f"{one.bytes / 1e6:.1f}", one.why)
    return table


VERBS = (clean,)
