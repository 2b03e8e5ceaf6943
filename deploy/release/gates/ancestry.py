"""The gates on a commit's history: it must be part of the branch, and not older than the serving release."""

from __future__ import annotations

from pathlib import Path

from deploy.git import git
from deploy.ledger import DeploymentInfo
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.remotes import DEFAULT_REMOTE, is_address


def ancestry(root: Path, sha: str, branch: str, remote: str | None = DEFAULT_REMOTE) -> bool | str:
    """Whether `sha` is part of `branch`, as `remote` has it where that is known; a sentence when it cannot be told.

    A remote given by its address has no branches in this clone; then `origin` is asked.
    """
    name = remote if remote and not is_address(remote) else DEFAULT_REMOTE
    for ref in (f"refs/remotes/{name}/{branch}", f"refs/heads/{branch}"):
        found = git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if found.ok:
            break
        if found.code != 1:
            return f"git could not tell: {found.said}"
    else:
        return f"this clone knows no branch {branch}, neither of {name} nor its own"
    if not git(root, "rev-parse", "--verify", "--quiet", f"{sha}^{{commit}}").ok:
        return f"this clone has no commit {sha[:12]}"
    done = git(root, "merge-base", "--is-ancestor", sha, ref)
    if done.ok:
        return True
    if done.code == 1:
        # What a shallow clone has cut off may be what connects the two.
        shallow = git(root, "rev-parse", "--is-shallow-repository").text == "true"
        return "this clone is shallow: it lacks some commits of the branch" if shallow else False
    return f"git could not tell: {done.said}"


def in_history(root: Path, sha: str) -> bool | str:
    """Whether `sha` is part of what is checked out: a rehearsal asks for no branch."""
    done = git(root, "merge-base", "--is-ancestor", sha, "HEAD")
    return done.ok if done.code in (0, 1) else f"git could not tell: {done.said}"


def replaces(root: Path, serving: DeploymentInfo | None, sha: str) -> str:
    """What `sha` is beside what serves: `newer`, `same`, `older` (an ancestor of it), or `unknown`."""
    if serving is None:
        return "newer"
    if serving.commit_sha == sha:
        return "same"
    done = git(root, "merge-base", "--is-ancestor", sha, serving.commit_sha)
    if done.ok:
        return "older"
    return "newer" if done.code == 1 else "unknown"


def ancestor_gate(situation: Situation) -> Gate:
    branch, short = situation.config.branch, situation.short
    if situation.ancestry is True:
        return Gate("ancestor", True, f"part of {branch}")
    if situation.ancestry is False:
        action = f"merge it into {branch}, push, git fetch; then promote the merged commit"
        return Gate("ancestor", False, f"{short} is not part of {branch}", action)
    action = (
        f"git fetch --unshallow or git fetch {situation.remote} {branch}; or set BRANCH in .env.{situation.config.name}"
    )
    return Gate("ancestor", False, f"whether {short} is part of {branch} is unknown: {situation.ancestry}", action)


def downgrade_gate(situation: Situation) -> Gate:
    """Refuses a commit older than the serving one: an old CI job that is run again must not bring it back."""
    if situation.replaces != "older":
        words = {"same": "it is the serving release", "unknown": "whether it is older than what serves is unknown here"}
        return Gate("downgrade", True, words.get(situation.replaces, "it is not older than what serves"))
    serving = situation.target.current()
    version = serving.version if serving else "the release"
    reason = f"{situation.short} is older than {version}, which serves: it is an ancestor of that commit"
    if situation.downgrade_reason:
        return Gate("downgrade", True, f"PASSED WITH --downgrade ({situation.downgrade_reason}) though {reason}")
    action = (
        f"to go back: invoke rollback --env {situation.config.name} --to {situation.short}{situation.flag}; or "
        f'invoke promote --sha {situation.short} --downgrade --reason "…"{situation.flags}'
    )
    return Gate("downgrade", False, reason, action)
