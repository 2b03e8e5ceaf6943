"""Modules imported when they are first used: most verbs need few of them, and `status` should answer at once."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    """Stands for a module until it is used.

    The import itself is Python's ordinary one, which takes a module that was interrupted half-way out again.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def lazy(name: str) -> ModuleType:
    """The module of that name, imported at the first use of one of its attributes."""
    return _Lazy(name)
