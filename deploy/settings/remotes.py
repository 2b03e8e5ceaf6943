"""Chooses the git remote of the ledger: LEDGER_REMOTE, else `origin`, else the only remote; without any, this clone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from deploy.errors import UsageError
from deploy.git import git, without_credentials

DEFAULT_REMOTE = "origin"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_ADDRESS = re.compile(r"/\S+|(https?|ssh|git|file)://\S+|([\w.-]+@)?[\w.-]+:(?!//)[^\s:]\S*")


def parse_remote(text: str) -> str:
    """A remote's name, URL or absolute path; raises ValueError with what is wrong, and never shows a password."""
    if "://" in text and (urlsplit(text).password or without_credentials(text) != text):
        raise ValueError("holds a password or token; leave it out: git's credential helper, or ssh, has it")
    if not (_NAME.fullmatch(text) or _ADDRESS.fullmatch(text)):
        raise ValueError("is neither a remote's name, nor a URL that git knows, nor an absolute path")
    return text


def is_address(remote: str) -> bool:
    """Whether it is an address (a URL, ssh's host:path or an absolute path) rather than a remote's name."""
    return bool(_ADDRESS.fullmatch(remote))


def choose_remote(root: Path, wanted: str) -> str | None:
    """The remote that holds the ledger: `wanted`, a name or an address; None when this clone has no remote at all.

    `origin` is what nobody chose: where it is missing, the only remote there is stands for it. Raises UsageError when
    `wanted` is no remote of the clone, when there are several and none is `origin`, and when git fails, in its words.
    """
    done = git(root, "remote")
    if not done.ok:
        raise UsageError(f"git remote (in {root}): {done.said}; fix that, then run this again")
    names = done.text.split()
    if wanted in names:
        return wanted
    known = f"remotes of this clone: {', '.join(names) or 'none'}"
    if wanted != DEFAULT_REMOTE:
        if is_address(wanted):
            return wanted
        raise UsageError(
            f"LEDGER_REMOTE is {wanted!r}, which is no URL and no remote of this clone ({known}). Add it: "
            f"git remote add {wanted} URL; or set LEDGER_REMOTE to one of them or to a URL"
        )
    if len(names) > 1:
        raise UsageError(
            f"it is not known which remote holds the ledger: none is named origin ({known}). Set LEDGER_REMOTE to one "
            f"of them, in .env.<name> or in the process environment"
        )
    return names[0] if names else None
