"""The Fly client of one app: its resources over one sender."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.platforms.errors import NotFound, PlatformError, TimedOut
from deploy.platforms.fly.addresses import AddressClient
from deploy.platforms.fly.machines import MachineClient
from deploy.platforms.http import Patience, Sender, fly_authorization, json_of
from deploy.settings.secrets import Secret

if TYPE_CHECKING:
    import httpx

PAUSES = (0.25, 0.5)
"""Seconds between the first looks at a new app; then one a second, as the documented rates allow."""
APP_SECONDS, TAKEN_SECONDS = 60.0, 10.0
"""Seconds for which an app may not be found: one that we made, as the provider's own tool has it; one that is taken."""


@dataclass(frozen=True)
class AppSecret:
    """A secret of an app as the platform lists it."""

    name: str
    updated_at: str


@dataclass(frozen=True)
class AppInfo:
    """Where an app is: the slug of its organisation, and its private network ("" where the platform does not say)."""

    organization: str
    network: str


@dataclass(frozen=True)
class TokenScope:
    """What a macaroon may act on: an organisation ("" for one that is not told), of it only `apps` if there are any."""

    organization: str
    apps: tuple[str, ...]


class FlyClient:
    """Acts on one app with that app's token; `base_url` is the server, without `/v1`."""

    def __init__(
        self,
        base_url: str,
        app: str,
        token: Secret,
        *,
        logs_url: str = "https://api.fly.io",
        patience: Patience = Patience(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.app = app
        self._logs_url = logs_url.rstrip("/")
        self.sender = Sender(
            base_url.rstrip("/") + "/v1",
            fly_authorization(token),
            request_id_header="fly-request-id",
            patience=patience,
            transport=transport,
        )
        self.machines = MachineClient(self.sender, app)
        self.addresses = AddressClient(self.sender, app)

    def close(self) -> None:
        """Close the connections."""
        self.sender.close()

    def app_exists(self) -> bool:
        """Whether the app exists and the token acts on it."""
        try:
            self.sender.send("GET", f"/apps/{self.app}", asked=f"look at app {self.app}")
        except NotFound:
            return False
        return True

    def app_info(self) -> AppInfo | None:
        """The app's organisation and network; None where there is no such app."""
        asked = f"look at app {self.app}"
        try:
            answer = json_of(self.sender.send("GET", f"/apps/{self.app}", asked=asked), asked)
        except NotFound:
            return None
        found = answer if isinstance(answer, dict) else {}
        organization = found.get("organization") or {}
        return AppInfo(str(organization.get("slug") or ""), str(found.get("network") or ""))

    def delete_app(self, patience: float = 60.0) -> None:
        """Remove the app with all that it has; one that is gone already is fine.

        The platform accepts it and does it later. Raises TimedOut when the app is still there after `patience` seconds.
        """
        asked, deadline = f"remove app {self.app}", time.monotonic() + patience
        with contextlib.suppress(NotFound):
            self.sender.send("DELETE", f"/apps/{self.app}", asked=asked)
        while self.app_exists():
            if time.monotonic() > deadline:
                raise TimedOut(asked, 202, f"accepted, and still there after {patience:.0f} s")
            time.sleep(1.0)

    def acts_in(self, organization: str) -> bool:
        """Whether the token may list the organisation's apps."""
        try:
            asked = f"list the apps of organisation {organization}"
            self.sender.send("GET", "/apps", params={"org_slug": organization}, asked=asked)
        except PlatformError as refused:
            if refused.refusal:
                return False
            raise
        return True

    def scopes(self) -> list[TokenScope]:
        """What the token may act on, a scope for each macaroon in it."""
        asked = "ask what the token may do"
        answer = json_of(self.sender.send("GET", "/tokens/current", asked=asked), asked)
        found = answer.get("tokens") if isinstance(answer, dict) else None
        return [
            TokenScope(str(each.get("org_slug") or ""), tuple(map(str, each.get("apps") or ())))
            for each in found or []
            if isinstance(each, dict)
        ]

    def create_app(self, organization: str, network: str) -> None:
        """Create the app, in a private network of its own; returns once the platform knows it.

        A name that is taken is ours if we may look at the app: another deployer, or a call whose answer was lost, made
        it. Raises PlatformError if it is somebody else's, or is not known after a time.
        """
        body = {"app_name": self.app, "name": self.app, "org_slug": organization, "network": network}
        asked = f"create app {self.app}"
        answer = self.sender.send("POST", "/apps", json=body, asked=asked, accept=frozenset({409, 422}))
        refused = None if answer.is_success else self.sender.error(asked, answer)
        if refused and "taken" not in f"{refused.code} {refused.detail}".lower():
            raise refused
        try:
            self._await_app(TAKEN_SECONDS if refused else APP_SECONDS)
        except PlatformError as unknown:
            raise refused or unknown from None

    def _await_app(self, seconds: float) -> None:
        """Return when the app is found; the platform may not know for a while whose a new one is, either."""
        asked, begun = f"look at app {self.app}", time.monotonic()
        for pause in itertools.chain(PAUSES, itertools.repeat(1.0)):
            answer = self.sender.send("GET", f"/apps/{self.app}", asked=asked, accept=frozenset({401, 404}))
            if answer.is_success:
                return
            if time.monotonic() - begun > seconds:
                raise self.sender.error(asked, answer)
            time.sleep(pause)

    def logs(self, machine: str, lines: int = 50) -> list[str]:
        """The last `lines` that a machine wrote, oldest first; the platform keeps them for some days."""
        url, asked = f"{self._logs_url}/api/v1/apps/{self.app}/logs", f"read the logs of machine {machine}"
        answer = json_of(self.sender.send("GET", url, params={"instance": machine}, asked=asked), asked)
        entries = answer.get("data") if isinstance(answer, dict) else None
        found = [entry.get("attributes") or {} for entry in entries or [] if isinstance(entry, dict)]
        return [f"{each.get('timestamp', '')} {each.get('message', '')}".strip() for each in found][-lines:]

    def secrets(self) -> list[AppSecret]:
        """The app's secrets, without their values."""
        asked = f"list the secrets of {self.app}"
        answer = json_of(self.sender.send("GET", f"/apps/{self.app}/secrets", asked=asked), asked)
        found = answer.get("secrets") if isinstance(answer, dict) else None
        return [
            AppSecret(str(each["name"]), str(each.get("updated_at") or "")) for each in found or [] if "name" in each
        ]

    def set_secrets(self, values: Mapping[str, Secret | None]) -> int:
        """Set (or with None, remove) app secrets; returns the version that machines must have at least."""
        asked = f"set {', '.join(values)} of {self.app}"
        sent = {"values": {name: value.reveal() if value else None for name, value in values.items()}}
        hidden = [value for value in values.values() if value]
        # Setting the same values again does no harm, and a gateway's error does not say whether they were set.
        response = self.sender.send(
            "POST", f"/apps/{self.app}/secrets", json=sent, asked=asked, idempotent=True, hidden=hidden
        )
        answer: dict[str, Any] = json_of(response, asked)
        return int(answer.get("version") or answer.get("Version") or 0)
