"""What the ledger knows of an app's secrets: their names, versions and who set them; never a value.

`secrets.json` on the environment's branch. A value is compared with those of other environments by a hash under a key
that stands in no ledger (`settings/comparison.py`).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from deploy.ledger.encoding import Moment, Record, encode
from deploy.ledger.snapshot import Snapshot

PATH = "secrets.json"


class AppSecret(Record, frozen=True):
    """One secret as it was last changed. `version` is the platform's, of all secrets of the app after that change."""

    name: str
    version: int
    at: Moment
    by: str
    hash: str = ""
    """Of the value, under the key named `key`; empty once it is removed."""
    key: str = ""
    note: str = ""
    """Why it may have the value of another environment's."""

    @property
    def there(self) -> bool:
        """Whether it is set; a removed one is remembered."""
        return bool(self.hash)


class AppSecrets(Record, frozen=True):
    """All secrets that were ever set through the ledger. `version` is what new machines must have at least."""

    version: int = 0
    secrets: tuple[AppSecret, ...] = ()

    def named(self, name: str) -> AppSecret | None:
        """The secret of that name, also when it was removed."""
        return next((each for each in self.secrets if each.name == name), None)

    def present(self) -> tuple[AppSecret, ...]:
        """Those that are set."""
        return tuple(each for each in self.secrets if each.there)

    def changed_since(self, version: int) -> tuple[AppSecret, ...]:
        """Those that were set, rotated or removed after `version`."""
        return tuple(each for each in self.secrets if each.version > version)

    def with_changes(self, *changed: AppSecret) -> AppSecrets:
        """The same after these changes."""
        names = {each.name for each in changed}
        kept = [each for each in self.secrets if each.name not in names]
        version = max(self.version, *(each.version for each in changed))
        return replace(self, version=version, secrets=tuple(sorted([*kept, *changed], key=lambda each: each.name)))


def read_secrets(snapshot: Snapshot) -> AppSecrets:
    """The secrets of the snapshot's environment; none where none was ever set."""
    return snapshot.record(AppSecrets, PATH) or AppSecrets()


def secrets_change(snapshot: Snapshot, *changed: AppSecret) -> dict[str, bytes | None]:
    """The change of the ledger that records these."""
    return {PATH: encode(read_secrets(snapshot).with_changes(*changed))}


def removed(name: str, version: int, at: datetime, by: str) -> AppSecret:
    """A secret that is not set any more."""
    return AppSecret(name=name, version=version, at=at, by=by)
