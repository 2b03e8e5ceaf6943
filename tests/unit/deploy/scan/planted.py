"""A clone with one environment chain, a ledger, builds and logs, in which tests plant secrets; and secrets to plant.

They are put together here, so that no file of this repository holds one.
"""

from __future__ import annotations

import gzip
import io
import random
import shutil
import string
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.artifacts.oci import BlobStore, put_image, write_layout
from deploy.ledger.app_secrets import AppSecret
from deploy.scan.scan import Result, scan
from deploy.settings.environments import ROOT

_CHANCE = random.Random(20_26)


def drawn(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Letters drawn by lot, the same in every run; digits among them."""
    return "".join(_CHANCE.choices(letters, k=length - 2)) + "7q"


def _key(name: str) -> str:
    begin, end = (f"-----{word} {name}PRIVATE KEY-----" for word in ("BEGIN", "END"))
    return "\n".join([begin, drawn(64), drawn(64), drawn(30), end])


_HEX = {ord(letter): "0a1b2c3d4e5f6789"[number % 16] for number, letter in enumerate(string.ascii_lowercase)}
UPPER = string.ascii_uppercase + "234567"
PLANTED = {
    "AWS Access Key": "AKIA" + "".join(_CHANCE.choices(UPPER, k=16)),
    "Anthropic Key": "sk-ant-" + "api03-" + drawn(80),
    "Assigned Secret": "SESSION_TOKEN=" + drawn(40),
    "Azure Storage Key": "AccountKey=" + drawn(86) + "==",
    "Basic Auth Credentials": "postgres://" + "app:" + drawn(12) + "@db.internal/app",
    "Cloudflare Token": "cfut_" + drawn(40) + "0a1b2c3d",
    "Docker Token": "dckr_pat_" + drawn(27),
    "Fly Token": "fm2_" + drawn(120),
    "GitHub Fine-grained Token": "github_pat_" + drawn(82),
    "GitHub Token": "ghp_" + drawn(36),
    "GitLab Token": "glpat-" + drawn(20),
    "Google API Key": "AIza" + drawn(35),
    "NPM tokens": "//packages.example/:_auth" + "Token=" + drawn(36)[:-2].lower().translate(_HEX) + "7d",
    "Password": "DB_PASSWORD" + "=" + "Sup3rS3cretPw",
    "Private Key": _key("RSA "),
    "SendGrid API Key": "SG." + drawn(22) + "." + drawn(43),
    "Secret Keyword": "db_pass" + 'word = "' + drawn(14) + '"',
    "Sent Credential": "authorization: Bearer " + drawn(40),
    "Slack Token": "xoxb-" + "123456789012-" + drawn(24, string.ascii_lowercase + string.digits),
    "npm Token": "npm_" + drawn(36),
    "Stripe Access Key": "sk_live_" + drawn(24),
}
IN_LINES = {"Assigned Secret", "Basic Auth Credentials", "Password", "Secret Keyword", "Sent Credential"}
"""Kinds that stand in lines of text only, and are not looked for in what packages brought."""
FLY = PLANTED["Fly Token"]


@dataclass
class Clone:
    """A clone in `root`, and its rehearsal."""

    root: Path

    @property
    def state(self) -> Path:
        """Of its rehearsal."""
        return self.root / ".rehearsal"

    def git(self, *arguments: str, data: str = "") -> str:
        """Run git there."""
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(self.root), *arguments]
        return subprocess.run(command, input=data, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name: str, content: str | bytes) -> Path:
        """A file, with its directories."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str = "a") -> str:
        """Commit everything that is not ignored; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def layer(self, files: Mapping[str, str | bytes]) -> None:
        """A build whose image has one layer, that holds these files."""
        store = BlobStore(self.root / "dist/blobs")
        _, layer = store.put_layer(io.BytesIO(packed(files)))
        write_layout(store, put_image(store, b"{}", [layer]), self.root / "dist/0123/backend")

    def found(self, *, commits: bool = False, secrets: dict[str, list[AppSecret]] | None = None) -> Result:
        """What a scan finds."""
        none: frozenset[str] = frozenset()
        return scan(self.root, self.state, ["staging", "production"], dict(secrets or {}), none, commits=commits)

    def told(self, *, commits: bool = False) -> set[tuple[str, str, int, str]]:
        """Place, file, line and kind of everything that a scan finds."""
        return {(each.place, each.file, each.line, each.kind) for each in self.found(commits=commits).findings}


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """A tar of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return stream.getvalue()


def gzipped(content: str) -> bytes:
    """As gzip writes it."""
    return gzip.compress(content.encode())


def clone(place: Path) -> Clone:
    """A clone in which nothing is to be found."""
    made = Clone(place)
    made.git("init", "--quiet", "--initial-branch=main")
    for name in (".gitignore", ".env.staging", ".env.production", ".env.local"):
        shutil.copy(ROOT / name, place / name)
    made.write("README.md", "# nothing\n")
    made.commit()
    return made
