"""Builds the page, once for every environment: what differs between them is in `config.js` alone.

The image holds the shared files under `site/` and each environment's `config.js` under `config/<name>/`. What is
published holds the hashed files of earlier releases too (`former_assets`), which are in no image but their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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


def build_frontend(root: Path, scratch: Path, store: BlobStore, log: Path, tell: Callable[[str], None]) -> Blob:
    """Build the page in `scratch`, and store its files and each environment's `config.js` as one image.

    It is built once: the environment reaches `config.js` alone, where it is the choice among all that there are.
    """
    frontend, names = root / "frontend", environment_names(root)
    install_packages(frontend, log, tell)
    tell("building the page")
    site = scratch / "image" / "site"
    build_page(frontend, names[0], site, log)
    config = _read_config((site / CONFIG).read_bytes())
    (site / CONFIG).unlink()
    shutil.rmtree(site.with_name("site.maps"), ignore_errors=True)  # for debugging; not published
    for name in names:
        file = scratch / "image" / "config" / name / CONFIG
        file.parent.mkdir(parents=True)
        file.write_bytes(_config_script(config | {"environment": name}))
    return directory_image(store, scratch / "image", {"org.opencontainers.image.title": "codecanvas frontend"})


def _read_config(script: bytes) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(script.decode().removeprefix(PREFIX).removesuffix(SUFFIX))
    return config


def _config_script(config: Mapping[str, Any]) -> bytes:
    return (PREFIX + json.dumps(config, separators=(",", ":"), sort_keys=True) + SUFFIX).encode()


class Named(NamedTuple):
    """What a page says that it is. It is in no image: commits with the same files share those."""

    version: str
    sha: str


def site_files(image: Mapping[str, bytes], environment: str, named: Named, api_url: str = "") -> dict[str, bytes]:
    """The files to publish for one environment: the shared ones and its `config.js`, with `api_url` as its API.

    Without `api_url` the API is the one that the build wrote.
    """
    files = {name.removeprefix("site/"): content for name, content in image.items() if name.startswith("site/")}
    config = _read_config(image[f"config/{environment}/{CONFIG}"])
    if api_url and config["environments"][environment]["url"] != api_url:
        config["environments"][environment]["url"] = api_url
    config |= named._asdict()
    files[CONFIG] = _config_script(config)
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
