"""Builds the page once for every environment and proves that the builds differ in `config.js` alone.

The image holds the shared files under `site/` and each environment's `config.js` under `config/<name>/`. What is
published holds the hashed files of earlier releases too (`former_assets`), which are in no image but their own.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.artifacts.oci import Blob, BlobStore, directory_image
from deploy.errors import BuildFailed
from deploy.processes import run
from deploy.settings.environments import environment_names

CONFIG = "config.js"
PREFIX, SUFFIX = "globalThis.CODECANVAS_CONFIG = ", ";\n"
FORMER_FILES, FORMER_BYTES = 500, 20 << 20
"""How much of earlier releases is published beside one."""
_HASHED = re.compile(r"assets/[^/]+\.[0-9a-f]{8,}\.\w+")


def install_packages(frontend: Path, log: Path, tell: Callable[[str], None]) -> None:
    """Install the page's npm packages as locked, unless they are."""
    lock = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    stamp = frontend / "node_modules" / ".lock-digest"
    if stamp.exists() and stamp.read_text() == lock:
        return
    tell("installing the page's packages")
    _npm(frontend, log, "ci", "--no-audit", "--no-fund")
    stamp.write_text(lock)


def build_page(frontend: Path, environment: str, out: Path, log: Path) -> None:
    """Build the page of one environment into `out`: a directory any static host can serve."""
    settings = {
        "CANVAS_ENVIRONMENT": environment,
        "CANVAS_OUT": str(out),
    }
    _npm(frontend, log, "run", "build", **settings)
    if not (out / "index.html").exists() or not (out / CONFIG).exists():
        raise BuildFailed(f"the page's build made no index.html or {CONFIG}", log=log)


def build_frontend(root: Path, sites: Path, store: BlobStore, log: Path, tell: Callable[[str], None]) -> Blob:
    """Build each environment's page into `sites/<name>`, check their parity, and store them as one image."""
    frontend, names = root / "frontend", environment_names(root)
    install_packages(frontend, log, tell)
    for name in names:
        tell(f"building the page for {name}")
        build_page(frontend, name, sites / name, log)
    check_parity(sites, names)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch)
        shutil.copytree(sites / names[0], whole / "site")
        (whole / "site" / CONFIG).unlink()
        for name in names:
            (whole / "config" / name).mkdir(parents=True)
            shutil.copyfile(sites / name / CONFIG, whole / "config" / name / CONFIG)
        return directory_image(store, whole, {"org.opencontainers.image.title": "codecanvas frontend"})


def check_parity(sites: Path, names: Sequence[str]) -> None:
    """Raise BuildFailed unless all environments' pages have the same files but for `config.js`."""
    first, *others = [sites / name for name in names]
    shared = _files(first)
    for other in others:
        differing = shared ^ _files(other)
        differing |= set(filecmp.cmpfiles(first, other, sorted(shared & _files(other)), shallow=False)[1])
        if differing != {CONFIG}:
            listed = ", ".join(sorted(differing - {CONFIG})) or f"{CONFIG} is the same in both"
            raise BuildFailed(f"the pages of {first.name} and {other.name} must differ in {CONFIG} alone: {listed}")


def _files(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


class Named(NamedTuple):
    """What a page says that it is. It is in no image: commits with the same files share those."""

    version: str
    sha: str


def site_files(image: Mapping[str, bytes], environment: str, named: Named, api_url: str = "") -> dict[str, bytes]:
    """The files to publish for one environment: the shared ones and its `config.js`, with `api_url` as its API.

    Without `api_url` the API is the one that the build wrote.
    """
    files = {name.removeprefix("site/"): content for name, content in image.items() if name.startswith("site/")}
    config = json.loads(image[f"config/{environment}/{CONFIG}"].decode().removeprefix(PREFIX).removesuffix(SUFFIX))
    if api_url and config["environments"][environment]["url"] != api_url:
        config["environments"][environment]["url"] = api_url
    config |= named._asdict()
    files[CONFIG] = (PREFIX + json.dumps(config, separators=(",", ":"), sort_keys=True) + SUFFIX).encode()
    return files


def former_assets(files: Mapping[str, bytes], images: Iterable[Mapping[str, bytes]]) -> dict[str, bytes]:
    """The hashed files of earlier releases that `files`, which are about to be published, lack.

    `images` are those releases' pages, the newest first, read one after the other; one that would be more than
    FORMER_FILES or FORMER_BYTES in all ends the search, so that of a release all files are there or none.
    """
    kept: dict[str, bytes] = {}
    for image in images:
        named = {name.removeprefix("site/"): content for name, content in image.items()}
        more = {name: content for name, content in named.items() if _HASHED.fullmatch(name) and name not in files}
        wider = {**more, **kept}
        if len(wider) > FORMER_FILES or sum(map(len, wider.values())) > FORMER_BYTES:
            break
        kept = wider
    return kept


def _npm(frontend: Path, log: Path, *arguments: str, **settings: str) -> None:
    bin_directory = Path(sys.executable).parent
    environment = {**os.environ, **settings, "PATH": f"{bin_directory}:{os.environ['PATH']}"}
    with log.open("ab") as output:
        done = run(
            [bin_directory / "npm", *arguments],
            cwd=frontend, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise BuildFailed(f"`npm {' '.join(arguments)}` failed:\n{last}", log=log)


def main() -> int:
    """`python -m deploy.artifacts.frontend`: install the page's packages as locked."""
    log = Path(__file__).resolve().parents[2] / "dist" / "logs" / "npm.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    try:
        install_packages(log.parents[2] / "frontend", log, lambda text: None)
    except BuildFailed as failed:
        sys.stderr.write(f"error: {failed}\n")
        return failed.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
