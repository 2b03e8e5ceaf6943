"""The two checklists of a promotion: what the proving environment must have shown, and what makes a release ready."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.errors import UsageError

VALIDATION, READINESS = "staging validation", "production readiness"


@dataclass(frozen=True)
class Item:
    """One line of a list. Where `manual` is False, the ledger itself knows the answer and nobody is asked."""

    name: str
    list: str
    text: str
    manual: bool = True


ITEMS: tuple[Item, ...] = (
    Item("deployed", VALIDATION, "the deployment to staging has ended well, and said so", manual=False),
    Item("smoke", VALIDATION, "the smoke checklist was gone through by hand"),
    Item("features", VALIDATION, "what this change touches was tried"),
    Item("validation", VALIDATION, "performance and security were validated"),
    Item("tests", READINESS, "all automated tests pass", manual=False),
    Item("testing", READINESS, "manual testing is complete"),
    Item("performance", READINESS, "performance is within acceptable ranges"),
    Item("security", READINESS, "the results of the security scan were reviewed"),
)
MANUAL = tuple(item.name for item in ITEMS if item.manual)


def chosen(words: Iterable[str]) -> tuple[str, ...]:
    """The items named, in the lists' order; each word is names separated by commas, or `all`.

    Raises UsageError for a name that no item has, and when there is none.
    """
    words = [words] if isinstance(words, str) else words
    named = {name.strip() for word in words for name in word.split(",") if name.strip()}
    known = [item.name for item in ITEMS]
    if unknown := sorted(named - {*known, "all"}):
        raise UsageError(
            f"no item of the checklists is named {', '.join(unknown)}; they are {', '.join(known)}, or all"
        )
    if not named:
        raise UsageError(f"no item is named; give --yes all, or --yes with some of {', '.join(MANUAL)}")
    return tuple(name for name in known if name in named or ("all" in named and name in MANUAL))
