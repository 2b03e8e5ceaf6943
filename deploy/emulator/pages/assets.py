"""The assets of one project: files named by their content, and the directories that deployments are made of.

A name is `blake3(base64(content) + extension)`, 32 hexadecimal digits. The extension is known only when a deployment
maps a path to a name, so that is when names are verified.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from deploy.emulator.errors import DeploymentWrong, PagesRefusal
from deploy.emulator.files import write_bytes

MAX_FILE = 25 << 20
MAX_BUCKET = 40 << 20
MAX_BUCKET_FILES = 2000
MAX_FILES = 20_000
NOT_ASSETS = frozenset({"/_headers", "/_redirects", "/_routes.json", "/_worker.js"})
_NAME = re.compile(r"[0-9a-f]{32}")


def asset_name(content: bytes, path: str) -> str:
    """The name that `content` has at `path`."""
    extension = posixpath.splitext(posixpath.basename(path))[1][1:]
    return blake3(base64.b64encode(content) + extension.encode()).hexdigest()[:32]


class Assets:
    """The directory of one project: `assets/NAME`, `types/NAME`, the type it was uploaded with, `deployments/ID/…`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._assets, self._types = directory / "assets", directory / "types"
        for place in (self._assets, self._types):
            place.mkdir(parents=True, exist_ok=True)

    def missing(self, names: list[str]) -> list[str]:
        """Those that were never uploaded."""
        return [name for name in names if not (self._assets / name).exists()]

    def store(self, payload: Any) -> int:
        """Store one upload's bucket; how many files it held. Raises PagesRefusal."""
        if not isinstance(payload, list) or len(payload) > MAX_BUCKET_FILES:
            raise PagesRefusal(400, 8000012, f"expected a list of at most {MAX_BUCKET_FILES} files")
        contents = [_read(entry) for entry in payload]
        if sum(len(content) for _, content, _ in contents) > MAX_BUCKET:
            raise PagesRefusal(413, 8000014, f"a bucket holds at most {MAX_BUCKET >> 20} MiB; send several")
        for name, content, kind in contents:
            write_bytes(self._types / name, kind.encode())
            write_bytes(self._assets / name, content)
        return len(contents)

    def read(self, name: str) -> bytes:
        """An asset's content. Raises FileNotFoundError."""
        return (self._assets / name).read_bytes()

    def type_of(self, name: str, path: str) -> str:
        """The type that an asset was uploaded with."""
        try:
            return (self._types / name).read_text()
        except FileNotFoundError:  # stored by an earlier version
            return mimetypes.guess_type(path)[0] or "application/octet-stream"

    def assemble(self, deployment: str, files: Mapping[str, str], most: int = MAX_FILES) -> None:
        """Make the deployment's directory from hard links. Raises DeploymentWrong; the directory is whole or absent."""
        if len(files) > most:
            raise DeploymentWrong(f"{len(files)} files, at most {most} are allowed")
        for path, name in files.items():
            self._verify(path, name)
        root = self.directory / "deployments" / deployment
        root.mkdir(parents=True)
        for path, name in files.items():
            target = root / path.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._assets / name, target)

    def remove(self, deployment: str) -> None:
        """Remove the deployment's directory, and those of its assets that no other deployment is made of."""
        root = self.directory / "deployments" / deployment
        for path in root.rglob("*"):
            if path.is_file() and path.stat().st_nlink == 2:  # this one, and the asset itself
                name = asset_name(path.read_bytes(), path.name)
                (self._assets / name).unlink(missing_ok=True)
                (self._types / name).unlink(missing_ok=True)
        shutil.rmtree(root, ignore_errors=True)

    def _verify(self, path: str, name: str) -> None:
        parts = path.split("/")
        if parts[0] or any(part in ("", ".", "..") for part in parts[1:]) or "\\" in path or "\0" in path:
            raise DeploymentWrong(f"path {path!r} is not an absolute, plain path")
        if path in NOT_ASSETS:
            raise DeploymentWrong(f"path {path} is no asset; send it as a part of its own")
        if not _NAME.fullmatch(name) or self.missing([name]):
            raise DeploymentWrong(f"asset {name} of {path} was not uploaded")
        if asset_name((self._assets / name).read_bytes(), path) != name:
            raise DeploymentWrong(f"asset {name} is not what its name says for {path}; upload it again")


def names_of(body: Any) -> list[str]:
    """`hashes` of a request. Raises PagesRefusal."""
    names = body.get("hashes") if isinstance(body, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise PagesRefusal(400, 8000012, "hashes is not a list of asset names (32 hexadecimal digits)")
    return names


def _read(entry: Any) -> tuple[str, bytes, str]:
    name = entry.get("key") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name) or entry.get("base64") is not True:
        raise PagesRefusal(400, 8000012, "each file is {key, value, metadata: {contentType}, base64: true}")
    kind = (entry.get("metadata") or {}).get("contentType")
    if not isinstance(kind, str):
        raise PagesRefusal(400, 8000012, f"file {name}: metadata.contentType is missing")
    try:
        content = base64.b64decode(entry["value"], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise PagesRefusal(400, 8000012, f"file {name}: value is not base64") from error
    if len(content) > MAX_FILE:
        raise PagesRefusal(413, 8000014, f"file {name} is larger than {MAX_FILE >> 20} MiB")
    return name, content, kind
