"""What a failed command of git means for a ledger, and what to do about it. Pure: from git's answer to an error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.errors import LedgerBusy, LedgerError, LedgerUnreachable
from deploy.git import Answer, without_credentials

# What git says when this machine's disk is the trouble (C locale): ENOSPC, EROFS, EDQUOT, EFBIG, EACCES.
_DISK = (
    "No space left on device", "Read-only file system", "Disk quota exceeded", "File too large", "Permission denied\n",
    "insufficient permission", "unable to write file", "unable to create temporary file",
)  # fmt: skip
# Git has one exit code for every failure of a remote. These words mean a refusal; all else is tried again for a while.
_REFUSALS = (
    "Authentication failed", "could not read Username", "could not read Password", "terminal prompts disabled",
    "Permission denied (", "Host key verification failed", "Repository not found", "returned error: 401",
    "returned error: 403", "returned error: 404", "dubious ownership", "not found in upstream", "not allowed",
)  # fmt: skip


@dataclass(frozen=True)
class Failures:
    """The errors of one ledger: branch `ref` of `remote`, or of `repository` itself when that is None."""

    repository: Path
    ref: str
    remote: str | None

    @property
    def where(self) -> str:
        """The branch and its place, for people, without credentials."""
        return f"{self.ref} of {without_credentials(self.remote) if self.remote else self.repository}"

    def refused(self, done: Answer) -> LedgerError:
        """The error of a write that was refused though nobody else had written first."""
        reason = _reason(done)
        problem = f"the ledger could not be written: {self.where} refused it: {reason}"
        if self._disk_trouble(done.said):
            return self._disk("update-ref", done.said)
        if any(word in reason for word in ("cannot lock ref", "failed to update ref", ".lock'", "incorrect old value")):
            return LedgerBusy(
                f"{problem}. A git process is at work there, or died and left its lock file: if none runs, remove "
                f"that file, then run this again"
            )
        if "unpack" in reason:
            return LedgerError(
                f"{problem}. It could not store the commit: see that its disk has room and may be written, "
                f"then run this again"
            )
        if not self.remote:
            return LedgerError(f"{problem}. See `git -C {self.repository} fsck`, then run this again")
        return LedgerError(
            f"{problem}. Allow whoever deploys to push to {self.ref} (no protection, hook or required signature may "
            f"forbid it), or set LEDGER_REMOTE to a remote that does, then run this again"
        )

    def unread(self, done: Answer) -> LedgerError:
        """The error of a command that the remote refused or did not answer."""
        if self._disk_trouble(done.said):
            return self._disk("fetch", done.said)
        kind = LedgerError if any(word in done.said for word in _REFUSALS) else LedgerUnreachable
        said = _brief(done.said) or f"git ended with {done.code}"
        return kind(
            f"the ledger's remote {self.where} cannot be read: {said}. Check it with "
            f"`git -C {self.repository} ls-remote {without_credentials(self.remote or '')}`, then run this again"
        )

    def failed(self, command: str, done: Answer) -> LedgerError:
        """The error of a command in this clone that failed."""
        if self._disk_trouble(done.said):
            return self._disk(command, done.said)
        return LedgerError(
            f"git {command} failed in {self.repository}: {_brief(done.said) or f'exit code {done.code}'}; check the "
            f"repository with `git -C {self.repository} fsck`, then run this again"
        )

    def _disk_trouble(self, said: str) -> bool:
        """Whether git complains of this machine's disk; lines that begin with `remote:` are about the remote's."""
        ours = "".join(f"{line}\n" for line in said.splitlines() if not line.startswith("remote:"))
        return any(word in ours for word in _DISK)

    def _disk(self, command: str, said: str) -> LedgerError:
        return LedgerError(
            f"git {command} could not write in {self.repository}: {_brief(said)}. Nothing was recorded. Make room "
            f"there, or make it writable (df -h {self.repository}; ls -ld {self.repository}), then run this again"
        )


def porcelain(done: Answer) -> str:
    """The remote's reason, as `push --porcelain` prints it; "" when the push did not get that far."""
    for line in done.out.decode(errors="replace").splitlines():
        if line.startswith("!\t"):
            return line.split("\t", 2)[-1].strip()
    return ""


def _reason(done: Answer) -> str:
    """Why a push was refused: git's word for it, and what the remote said."""
    return "; ".join(part for part in (porcelain(done), _brief(done.said)) if part) or f"git ended with {done.code}"


def _brief(said: str) -> str:
    """What git said, in one paragraph of at most 600 characters, without its hints."""
    lines = (line.removeprefix("remote:").strip() for line in said.splitlines() if not line.startswith("hint:"))
    text = " ".join(line for line in lines if line and not line.startswith("error: failed to push some refs"))
    return text if len(text) <= 600 else f"{text[:600]}…"
