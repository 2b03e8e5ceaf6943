"""Environment variables of each kind of step. environment.py decides what a request may add."""

from __future__ import annotations

from backend.runner.execution.offer import Offer
from backend.runner.languages import Language
from backend.runner.sandbox.host import CACHE_PLACE, Host

Pairs = tuple[tuple[str, str], ...]


class Variables:
    """Environment variables of steps on this host, as pairs of name and value."""

    def __init__(self, host: Host, offer: Offer) -> None:
        self._host, self._offer = host, offer

    def every_step(self) -> dict[str, str]:
        """Variables that every step has, whatever its language."""
        return {"PATH": self._host.search_path, "HOME": "/work", "LANG": "C.UTF-8", "USER": "runner"}

    def of_run(self, language: Language) -> Pairs:
        """Variables of a run that starts its own process."""
        return tuple((self.every_step() | dict(language.variables)).items())

    def of_compile(self, language: Language) -> Pairs:
        """Variables of a compile, with the compile cache once it is filled."""
        known = dict(self.of_run(language))
        if language.cache is not None and self._offer.has_cache(language.name):
            known[language.cache.variable] = cache_place(language)
        return tuple(known.items())

    def of_waiting_run(self, language: Language) -> Pairs:
        """Variables of a process that waits for a run."""
        known, hold = self.of_run(language), language.hold
        return known if hold is None else (*known, *hold.variables(language.source, language.run_variables))

    def of_waiting_compile(self, language: Language) -> Pairs:
        """Variables of a process that waits for a compile."""
        known, hold = self.of_compile(language), language.compile_hold
        return known if hold is None else (*known, *hold.variables(language.source, ()))


def cache_place(language: Language) -> str:
    """Where a sandbox sees the compile cache of `language`."""
    return f"{CACHE_PLACE}/{language.name}"
