"""Whether a commit is part of a branch, by the clone at hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.processes import End, run


def ancestry(root: Path, sha: str, branch: str) -> bool | str:
    """Whether `sha` is part of `branch`, as origin has it where that is known; a sentence when it cannot be told."""
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        if _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode == 0:
            break
    else:
        return f"this clone knows no branch {branch}, neither of origin nor its own"
    if _git(root, "rev-parse", "--verify", "--quiet", f"{sha}^{{commit}}").returncode:
        return f"this clone has no commit {sha[:12]}"
    done = _git(root, "merge-base", "--is-ancestor", sha, ref)
    if done.returncode == 0:
        return True
    if done.returncode == 1:
        # What a shallow clone has cut off may be what connects the two.
        shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        return "this clone is shallow: it cannot tell what the branch is made of" if shallow else False
    return f"git could not tell: {done.stderr.strip()}"


def in_history(root: Path, sha: str) -> bool | str:
    """Whether `sha` is part of what is checked out: a rehearsal asks for no branch."""
    done = _git(root, "merge-base", "--is-ancestor", sha, "HEAD")
    return done.returncode == 0 if done.returncode in (0, 1) else f"git could not tell: {done.stderr.strip()}"


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(["git", *arguments], cwd=root, capture_output=True, text=True, end=End.GENTLY)
