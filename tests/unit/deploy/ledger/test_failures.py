"""What git says, and what that means for a ledger: one row an answer. `test_branch.py` makes git say such things."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import LedgerBusy, LedgerError, LedgerUnreachable
from deploy.git import Answer
from deploy.ledger.failures import Failures

REF = "refs/heads/deployments/production"
SHARED = Failures(Path("/clone"), REF, "https://me:secret@host.invalid/x.git")
ALONE = Failures(Path("/clone"), REF, None)


def pushed(reason: str, said: str = "") -> Answer:
    """A push that the remote refused with this reason."""
    return Answer(1, f"To x\n!\t{REF}:{REF}\t{reason}\nDone\n".encode(), said)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (pushed("[remote rejected] (hook declined)", "remote: GH006: protected"), LedgerError, "GH006.*Allow whoever"),
        (pushed("[remote rejected] (cannot lock ref 'x': File exists)"), LedgerBusy, "left its lock file"),
        (pushed("[remote rejected] (failed to update ref)"), LedgerBusy, "remove that file"),
        (pushed("[remote rejected] (incorrect old value provided)"), LedgerBusy, "remove that file"),
        (
            pushed("[remote rejected] (unpacker error)", "remote: fatal: unpack failed"),
            LedgerError,
            "its disk has room",
        ),
        (pushed("", "error: No space left on device"), LedgerError, "could not write in /clone.*df -h /clone"),
        (pushed("[remote rejected] (x)", "remote: No space left on device"), LedgerError, "Allow whoever deploys"),
        (Answer(128, b"", ""), LedgerError, "git ended with 128"),
        (pushed("x", "hint: try\nerror: failed to push some refs to y\nremote: why"), LedgerError, "it: x; why. Allow"),
    ],
)
def test_a_refused_write(answer: Answer, kind: type[LedgerError], says: str) -> None:
    with pytest.raises(LedgerError, match=rf"{says}.*then run this again") as failed:
        raise SHARED.refused(answer)
    assert type(failed.value) is kind
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("ssh: connect to host x port 22: Connection refused", LedgerUnreachable),
        ("fatal: unable to access 'x': Could not resolve host: host.invalid", LedgerUnreachable),
        ("fatal: unable to access 'x': The requested URL returned error: 503", LedgerUnreachable),
        ("fatal: unable to access 'x': The requested URL returned error: 403", LedgerError),
        ("git@host: Permission denied (publickey).", LedgerError),
        ("fatal: Authentication failed for 'x'", LedgerError),
        ("fatal: detected dubious ownership in repository at '/x'", LedgerError),
        ("error: unable to write file objects/x", LedgerError),
        ("", LedgerUnreachable),
    ],
)
def test_only_what_is_no_refusal_is_tried_again(said: str, kind: type[LedgerError]) -> None:
    failed = SHARED.unread(Answer(128, b"", said))
    assert type(failed) is kind
    assert str(failed).endswith("then run this again")
    assert "secret" not in str(failed)


def test_a_failure_in_this_clone_names_the_clone_and_the_command() -> None:
    told = str(ALONE.failed("mktree", Answer(128, b"", "fatal: bad object")))
    assert told.startswith("git mktree failed in /clone: fatal: bad object; check the repository with")
    assert "exit code 7" in str(ALONE.failed("mktree", Answer(7, b"", "")))
    assert "df -h /clone" in str(ALONE.failed("mktree", Answer(128, b"", "fatal: Read-only file system")))
    assert f"{REF} of /clone refused it" in str(ALONE.refused(Answer(1, b"", "no")))


def test_what_git_said_is_cut_to_what_can_be_read() -> None:
    assert len(str(ALONE.failed("mktree", Answer(128, b"", "x" * 5000)))) < 900
