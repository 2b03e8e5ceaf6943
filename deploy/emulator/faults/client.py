"""The client with which tests and chaos runs set faults. Standard library only, like all that starts an emulator."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.emulator.control import running
from deploy.emulator.errors import EmulatorError

Json = dict[str, Any]


class FaultClient:
    """Faults of the emulator that runs in a state directory. Raises EmulatorError when none runs or a rule is wrong."""

    def __init__(self, state: Path) -> None:
        found = running(state)
        if found is None:
            raise EmulatorError(f"no emulator runs in {state}; start it, then set its faults")
        self._url = f"{found.fly_api}/emulator/faults"
        self._prune = f"{found.fly_api}/emulator/prune"
        self._key: str = json.loads((state / "private.json").read_text())["admin_key"]

    def add(self, *rules: Mapping[str, Any]) -> list[Json]:
        """Add rules; each as the emulator knows it, with its `id`."""
        return self._ask("POST", self._url, list(rules))

    def all(self) -> list[Json]:
        """All rules, with `seen` (matches) and `hits` (faults done) so far."""
        return self._ask("GET", self._url)

    def hits(self, identifier: str) -> int:
        """How often a rule has struck."""
        return next(int(rule["hits"]) for rule in self.all() if rule["id"] == identifier)

    def clear(self) -> None:
        """Forget all rules."""
        self._ask("DELETE", self._url)

    def prune(self, app: str) -> list[str]:
        """Remove the images in an app's repository that no machine uses; their digests."""
        pruned: list[str] = self._answer("POST", f"{self._prune}/{app}", None)["pruned"]
        return pruned

    def forget(self, *identifiers: str) -> None:
        """Forget these rules."""
        for identifier in identifiers:
            self._ask("DELETE", f"{self._url}?id={identifier}")

    def _ask(self, method: str, url: str, body: object = None) -> list[Json]:
        found: list[Json] = self._answer(method, url, body)["faults"]
        return found

    def _answer(self, method: str, url: str, body: object) -> Json:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - our own loopback address
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as answer:
                found: Json = json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                told = json.load(refused)["error"]
            raise EmulatorError(f"the emulator refused the fault: {told}") from refused
        return found


def inject(state: Path, rules: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Add rules to the emulator that runs in `state`."""
    return FaultClient(state).add(*rules)
