"""Suites: `./dev nox` runs them all; `./dev nox -l` lists them. Arguments after `--` go to the tool.

Sessions that need one Python run in the locked .venv that ./dev made; the unit suite has one for each Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from deploy.verification.catalogue import BROWSER, EVIDENCE, SuiteSpec  # noqa: E402

PYTHONS = ("3.11", "3.12", "3.13")
"""The oldest first, which also runs the unit tests that are marked any_python."""

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
# A Python that is not installed is reported and left out; `./dev nox --require-all` fails on it.
nox.options.error_on_missing_interpreters = False


def _link_pythons() -> None:
    """Put the Pythons that version managers keep aside on PATH under their own names (python3.12)."""
    links = ROOT / ".nox" / "pythons"
    links.mkdir(parents=True, exist_ok=True)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    homes = [pyenv / "versions", Path.home() / ".local/share/uv/python"]
    for version in PYTHONS:
        name = f"python{version}"
        found = [Path(f"/usr/bin/{name}"), Path(f"/usr/local/bin/{name}")]
        found += [path for home in homes for path in sorted(home.glob(f"*{version}*/bin/{name}"), reverse=True)]
        current = shutil.which(name)  # may be a shim that refuses
        if current and not subprocess.run([current, "-c", ""], capture_output=True, check=False).returncode:
            found.insert(0, Path(current))
        if usable := next((path for path in found if path.exists()), None):
            link = links / name
            link.unlink(missing_ok=True)
            link.symlink_to(usable)
    os.environ["PATH"] = f"{links}{os.pathsep}{os.environ['PATH']}"


_link_pythons()


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Ruff and import-linter on the Python, the page's own linters on the TypeScript, zizmor on the workflows."""
    session.run("ruff", "check", *(session.posargs or ["."]))
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo", "--no-cache")
    session.run("zizmor", "--offline", "--quiet", ".github")
    _npm(session, "run", "lint")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy --strict, and the TypeScript compiler."""
    session.run("mypy", *session.posargs)
    _npm(session, "run", "types")


@nox.session(python=PYTHONS)
def unit(session: nox.Session) -> None:
    """Unit tests, on each Python; those marked any_python on the oldest alone, unless `--` says which to run."""
    session.run_install("uv", "pip", "sync", "--quiet", "--require-hashes", "requirements/test.txt", external=True)
    session.run("python", "-m", "deploy.workstation", "sandbox", "languages", silent=True)
    chosen = session.posargs or ([] if session.python == PYTHONS[0] else ["-m", "not any_python"])
    # Three workers on two cores: most of these tests wait most of the time, for programs to be ended and for remotes.
    session.run("python", "-m", "pytest", "tests/unit", "-n", "3", "--dist", "worksteal", "-q", *chosen)


@nox.session(venv_backend="none")
def frontend(session: nox.Session) -> None:
    """Unit tests of the page."""
    _npm(session, "test", *session.posargs)


@nox.session(venv_backend="none")
def deploy(session: nox.Session) -> None:
    """The pipeline against the emulator: a real Docker engine, registry, edge and git remote."""
    session.run("python", "-m", "deploy.workstation", "engine", "base", "caddy", "docker-registry", silent=True)
    session.run("python", "-m", "pytest", "tests/simulation", "-n", "2", "-q")
    emulator = "tests/deploy/emulator"
    session.run("python", "-m", "pytest", emulator, "-n", "2", "--dist", "loadfile", "-q")
    session.run("python", "-m", "pytest", "tests/deploy", f"--ignore={emulator}", "-q", *session.posargs)


@nox.session(venv_backend="none", default=False)
def golive(session: nox.Session) -> None:
    """The commands of docs/going-live.md, suites and all, on platforms as unkind as the providers; four minutes."""
    session.run("python", "-m", "deploy.workstation", "engine", "base", "caddy", "docker-registry", silent=True)
    env = {"CODECANVAS_GOING_LIVE": "all"}
    session.run("python", "-m", "pytest", "tests/deploy/test_going_live.py", "-q", *session.posargs, env=env)


@nox.session(venv_backend="none", default=False)
def simulate(session: nox.Session) -> None:
    """The release engine in 10,000 random schedules of faults, kills, clocks and rival deployers; about ten minutes."""
    env = {"CODECANVAS_SCHEDULES": "10000"}
    session.run(
        "python", "-m", "pytest", "tests/simulation", "-n", "2", "-o", "timeout=3600", *session.posargs, env=env
    )


@nox.session(venv_backend="none", default=False)
def kill(session: nox.Session) -> None:
    """A deployer killed at every boundary of promotion and rollback, and verbs hit by 300 signals; some four hours."""
    session.run("python", "-m", "deploy.workstation", "engine", "base", "caddy", "docker-registry", silent=True)
    env = {"CODECANVAS_KILLS": "all", "CODECANVAS_SIGNALS": os.environ.get("CODECANVAS_SIGNALS", "300")}
    suites = ("tests/deploy/test_survival.py", "tests/deploy/test_signals.py")
    session.run("python", "-m", "pytest", *suites, "-q", "-s", *session.posargs, env=env)


@nox.session(venv_backend="none")
def integration(session: nox.Session) -> None:
    """Suites against an environment: the local one, started here, or `-- --env staging --rehearsal`."""
    for suite in EVIDENCE:
        _against(session, suite)


@nox.session(venv_backend="none")
def warm(session: nox.Session) -> None:
    """Some 200 programs a language, from what waits and started anew: same bytes, status and exit code."""
    session.run("python", "-m", "deploy.workstation", "sandbox", "languages", silent=True)
    session.run("python", "-m", "pytest", "tests/warm", "-n", "2", "--dist", "worksteal", "-q", *session.posargs)


@nox.session(venv_backend="none")
def languages(session: nox.Session) -> None:
    """What every language must do, in the image of all of them."""
    session.run("python", "-m", "deploy.workstation", "engine", "base", silent=True)
    session.run("python", "-m", "tests.languages", *session.posargs)


@nox.session(venv_backend="none", default=False)
def hostile(session: nox.Session) -> None:
    """Attacks on the runner in each mode of isolation, each with a short soak; `-- --root` selects a mode."""
    session.run("python", "-m", "tests.hostile.modes", *session.posargs)


@nox.session(venv_backend="none", default=False)
def soak(session: nox.Session) -> None:
    """100,000 short runs with faults among them: every answer right, nothing grows; `-- --runs N` for fewer."""
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session(python="3.13", default=False)
def fuzz(session: nox.Session) -> None:
    """The request parser, the API and the launcher on input nobody thought of; `-- --examples N` for fewer."""
    session.run_install("uv", "pip", "sync", "--quiet", "--require-hashes", "requirements/fuzz.txt", external=True)
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(venv_backend="none")
def browser(session: nox.Session) -> None:
    """The page in Chromium, Firefox and WebKit, against an environment as in `integration`."""
    session.run("python", "-m", "deploy.workstation", "browser", "other-browsers", silent=True)
    _against(session, BROWSER)


def _against(session: nox.Session, suite: SuiteSpec) -> None:
    """pytest against the environment that `-- --env` names, else against a local service made for it."""
    command = ["python", "-m", "pytest", "-q", *suite.paths, *suite.always, *suite.by_hand, *session.posargs]
    named = any(argument.startswith("--env") for argument in session.posargs)
    session.run(*([] if named else ["python", "-m", "deploy.local", "--"]), *command)


def _npm(session: nox.Session, *arguments: str) -> None:
    """npm in frontend/, its packages installed as locked."""
    session.run(sys.executable, "-m", "deploy.artifacts.frontend", silent=True)
    session.run("npm", "--prefix", "frontend", *arguments)
