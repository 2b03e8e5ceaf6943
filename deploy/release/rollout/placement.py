"""In which regions a release's machines are.

REGIONS of `.env.<name>` says it when the release begins, its configuration in the ledger keeps it, and a rollback years
later brings it back so. Numbers count through the regions in their order, the primary one first: the machine of one
number is always in the same region. A configuration without a list has all machines in its one `region`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from deploy.errors import ConfigurationError
from deploy.ledger import Intent, Share
from deploy.ledger.encoding import records_from
from deploy.platforms.fly.toml import FlyConfig
from deploy.settings.environments import EnvironmentConfig

REGIONS = "regions"
"""The key of a release's configuration: `[{"region": "fra", "count": 2}, …]`. The platform is not told of it."""


def declared(config: EnvironmentConfig, fly: FlyConfig) -> list[dict[str, Any]]:
    """What REGIONS says, as configurations keep it; [] for auto. Raises ConfigurationError if it lacks the primary."""
    said = config.regions
    if said and fly.region not in [each.region for each in said]:
        raise ConfigurationError(
            f".env.{config.name}",
            0,
            "REGIONS",
            f"lacks {fly.region}, the primary_region of {config.fly_toml.name}; add it, or set primary_region to a "
            f"region that is in the list",
        )
    first = sorted(said, key=lambda each: each.region != fly.region)
    return [{"region": each.region, "count": each.count or max(fly.min_machines, 1)} for each in first]


def shares(config: Mapping[str, Any]) -> tuple[Share, ...]:
    """The regions of a release's configuration with their counts; none where it has all machines in one.

    Raises LedgerError for a list that is none of ours.
    """
    return records_from(Share, config.get(REGIONS) or [], "the key regions of a configuration")


def machines_of(config: Mapping[str, Any]) -> int:
    """How many machines a configuration asks for; 0 where it leaves that open."""
    return sum(share.count for share in shares(config))


def region_of(config: Mapping[str, Any], number: int) -> str:
    """The region of the machine of this number; "" where the configuration names none."""
    for share in shares(config):
        if number <= share.count:
            return share.region
        number -= share.count
    return str(config.get("region") or "")


def placed(intent: Intent, wanted: Mapping[str, Any], previous: Mapping[str, Any] | None, serving: int) -> Intent:
    """The intent with the regions of both its releases, by their configurations; none if neither names any.

    `serving`: how many machines the previous release has in traffic; as many come back if its configuration leaves that
    open, and the count of the wanted one is about other regions.
    """
    now, before = shares(wanted), shares(previous or {})
    if before and not now:
        now = _one(wanted, intent.count)
    elif now and not before and intent.previous:
        before = _one(previous or {}, serving)
    return replace(intent, regions=now, before=before, count=machines_of(wanted) or intent.count)


def _one(config: Mapping[str, Any], count: int) -> tuple[Share, ...]:
    return (Share(region=str(config.get("region") or ""), count=max(count, 1)),)
