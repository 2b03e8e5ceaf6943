"""Public addresses of one app. Without any its name does not resolve, however many machines run."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from deploy.platforms.errors import Malformed
from deploy.platforms.http import Sender, json_of

SHARED_V4, V6 = "shared_v4", "v6"


@dataclass(frozen=True)
class Address:
    """An address of the app; a shared one serves other apps as well, and is told apart by the host's name."""

    ip: str
    shared: bool

    @property
    def kind(self) -> str:
        """`SHARED_V4` (or one of its own, which serves as well), `V6`, or "" for one that is not public."""
        try:
            found = ipaddress.ip_address(self.ip)
        except ValueError:
            return ""
        if found.is_private:
            return ""
        return V6 if found.version == 6 else SHARED_V4


class AddressClient:
    """The addresses of one app."""

    def __init__(self, sender: Sender, app: str) -> None:
        self._sender, self._app = sender, app
        self._path = f"/apps/{app}/ip_assignments"

    def list(self) -> list[Address]:
        """All of them; private ones as well."""
        asked = f"list the addresses of {self._app}"
        answer = json_of(self._sender.send("GET", self._path, asked=asked), asked)
        found = answer.get("ips") if isinstance(answer, dict) else None
        if found is not None and not isinstance(found, list):
            raise Malformed(asked, 200, "the answer has no list of ips")
        return [_address(each) for each in found or [] if isinstance(each, dict)]

    def missing(self) -> tuple[str, ...]:
        """Which of the kinds that an app needs to be reached (SHARED_V4, V6) it lacks."""
        there = {address.kind for address in self.list()}
        return tuple(kind for kind in (SHARED_V4, V6) if kind not in there)

    def allocate(self, kind: str) -> None:
        """Allocate one more of this kind: asked twice, there may be two."""
        asked = f"allocate an address ({kind}) for {self._app}"
        self._sender.send("POST", self._path, json={"type": kind}, asked=asked)


def _address(raw: dict[str, Any]) -> Address:
    return Address(str(raw.get("ip") or ""), bool(raw.get("shared", False)))
