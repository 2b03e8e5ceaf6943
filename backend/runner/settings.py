"""The service's settings: each declared once, with its variable, type, default and help.

`python -m backend.runner.settings` prints the table of docs/configuration.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backend.runner.errors import SettingsError

ROLES = ("local", "proving", "protected", "preview")
"""What an environment may be for. In a local one the service also starts where an isolation layer is missing."""

ACCELERATIONS = ("fork_server", "warm", "compile_cache")


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", text):
        raise ValueError("must be a name of 2 to 63 lower-case letters, digits and hyphens")
    return text


def _role(text: str) -> str:
    return _one_of(*ROLES)(text) if text else ""


def _accelerations(text: str) -> frozenset[str]:
    if text in {"all", "off"}:
        return frozenset(ACCELERATIONS if text == "all" else ())
    chosen = frozenset(_words(text))
    if not chosen or not chosen <= set(ACCELERATIONS):
        raise ValueError(f"must be all, off, or some of {', '.join(ACCELERATIONS)}")
    return chosen


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _seconds(maximum: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1
        if not 0 < number <= maximum:
            raise ValueError(f"must be a number of seconds above 0 and up to {maximum:g}")
        return number

    return parse


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _directory(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.is_dir():
        raise ValueError("must be a directory that exists")
    return path.resolve()


def _directories(text: str) -> tuple[Path, ...]:
    return tuple(path for path in (_directory(part) for part in text.split(":")) if path is not None)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 1:
        raise ValueError("must be a number above 0 and up to 1")
    return number


@dataclasses.dataclass(frozen=True)
class ApiToken:
    """An API token, of which the service knows only the hash."""

    name: str
    digest: bytes = dataclasses.field(repr=False)
    """SHA-256 of the token."""
    rate: int
    """Runs a minute."""
    burst: int
    """Most runs in a burst, after a pause."""


_TOKEN = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-fA-F]{64}):([1-9][0-9]{0,6})(?::([1-9][0-9]{0,6}))?")


def _token(text: str) -> ApiToken:
    """Parse one entry. The ValueError does not repeat the text: it may be a secret in the wrong place."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise ValueError("must hold entries name:SHA-256 in hexadecimal:runs a minute[:runs at once]")
    name, digest, rate, burst = found.groups()
    return ApiToken(name, bytes.fromhex(digest), int(rate), int(burst or rate))


def _tokens(text: str) -> tuple[ApiToken, ...]:
    tokens = tuple(map(_token, _words(text)))
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("names two tokens the same")
    return tokens


def _token_file(text: str) -> tuple[ApiToken, ...]:
    """Read entries, one a line; lines that start with # are comments."""
    if not text:
        return ()
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError("must be a file of text that the service may read") from None
    return _tokens(",".join(line for line in lines if not line.lstrip().startswith("#")))


def _env(env: str, default: str, parse: Callable[[str], Any], help_text: str, *, secret: bool = False) -> Any:
    """Declare a setting. The default is written as in the environment."""
    return dataclasses.field(
        metadata={"env": env, "default": default, "parse": parse, "help": help_text, "secret": secret}
    )


# Help that is too long for its setting's line.
_ROLE_HELP = f"what the environment is for: {', '.join(ROLES)}; empty: local if it is named local, else protected"
_TOOLCHAINS_HELP = "directories whose bin/ programs may use, colon-separated, read-only"
_ACCELERATIONS_HELP = f"all, off, or some of {', '.join(ACCELERATIONS)}"
_CLIENT_HELP = "header in which a trusted proxy names the client; empty for none"
_TOKENS_HELP = (
    "API tokens, comma-separated: name:SHA-256:runs a minute[:runs at once]; empty: everybody may run programs"
)
_TOKEN_FILE_HELP = "file with such tokens, one a line; empty for none"  # noqa: S105 - it says what the file is for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one running service, a line each: variable, default, parser, help.

    `Settings.read` makes them once, at start.
    """

    environment: str = _env("RUNNER_ENVIRONMENT", "local", _name, "name of the environment, which /version reports")
    role: str = _env("RUNNER_ROLE", "", _role, _ROLE_HELP)
    num_runners: int = _env("NUM_RUNNERS", "2", _whole(1, 256), "programs that run at the same time")
    run_timeout: float = _env("RUN_TIMEOUT", "10", _seconds(600), "seconds a program may run: default and ceiling")
    queue_limit: int = _env("RUNNER_QUEUE_LIMIT", "64", _whole(1, 100_000), "most runs that wait for a runner")
    queue_seconds: float = _env("RUNNER_QUEUE_SECONDS", "10", _seconds(600), "seconds a run waits until it is refused")
    queue_wait: float = _env("RUNNER_QUEUE_WAIT", "5", _seconds(600), "seconds of expected wait that refuse a run")
    batch_seconds: float = _env("RUNNER_BATCH_SECONDS", "120", _seconds(3600), "seconds of a batch, waits included")
    queue_share: float = _env("RUNNER_QUEUE_SHARE", "0.5", _share, "share of the queue that one client may fill")
    version: str = _env("RUNNER_VERSION", "dev", str, "version of the service; the release sets it")
    sha: str = _env("RUNNER_SHA", "", str, "commit of the service; the release sets it")
    image: str = _env("RUNNER_IMAGE_DIGEST", "", str, "digest of the running image; the deployer sets it")
    machine: str = _env("FLY_MACHINE_ID", "", str, "id of the machine, which /version reports; the platform sets it")
    site: Path | None = _env("RUNNER_SITE", "", _directory, "directory of the page to serve at /; empty for none")
    hosts: tuple[str, ...] = _env("RUNNER_HOST", "127.0.0.1", _words, "addresses to listen on, comma-separated")
    port: int = _env("RUNNER_PORT", "10100", _whole(0, 65535), "port to listen on; 0 for any free one")
    cors_origins: tuple[str, ...] = _env("RUNNER_CORS_ORIGINS", "*", _words, "origins that may call, comma-separated")
    toolchains: tuple[Path, ...] = _env("RUNNER_TOOLCHAINS", "", _directories, _TOOLCHAINS_HELP)
    cache: Path | None = _env("RUNNER_CACHE", "", _directory, "directory of compile caches; empty: filled at start")
    launcher: Path | None = _env("RUNNER_LAUNCHER", "", _directory, "directory of the launcher; empty: found or built")
    warm: Path | None = _env("RUNNER_WARM", "", _directory, "directory of files for warm processes; empty: make it")
    cgroups: str = _env("RUNNER_CGROUPS", "auto", _one_of("auto", "off"), "auto, or off to use no control groups")
    accelerations: frozenset[str] = _env("RUNNER_ACCELERATIONS", "all", _accelerations, _ACCELERATIONS_HELP)
    templates: int = _env("RUNNER_TEMPLATES", "8", _whole(1, 32), "forkable interpreters that each runner keeps ready")
    warm_mb: int = _env("RUNNER_WARM_MB", "384", _whole(0, 65536), "MiB that all waiting processes may take together")
    compile_cache_mb: int = _env("RUNNER_COMPILE_CACHE_MB", "64", _whole(1, 65536), "MiB of the compile cache")
    client_header: str = _env("RUNNER_CLIENT_HEADER", "", str.lower, _CLIENT_HELP)
    api_tokens: tuple[ApiToken, ...] = _env("RUNNER_API_TOKENS", "", _tokens, _TOKENS_HELP, secret=True)
    api_token_file: tuple[ApiToken, ...] = _env("RUNNER_API_TOKENS_FILE", "", _token_file, _TOKEN_FILE_HELP)

    @property
    def tokens(self) -> tuple[ApiToken, ...]:
        """All tokens, from the variable and the file."""
        return self.api_tokens + self.api_token_file

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read every setting from `environment`. Raises SettingsError naming the variable that is malformed."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            env, text = field.metadata["env"], environment.get(field.metadata["env"])
            try:
                values[field.name] = field.metadata["parse"](
                    field.metadata["default"] if text is None else text.strip()
                )
            except ValueError as error:
                said = "…" if field.metadata["secret"] else repr(text)
                raise SettingsError(f"{env}={said} {error}. It is: {field.metadata['help']}.") from error
        values["role"] = values["role"] or ("local" if values["environment"] == "local" else "protected")
        if not values["hosts"]:
            raise SettingsError("RUNNER_HOST is empty. Set it to an address, for example 127.0.0.1.")
        settings = cls(**values)
        if len({token.name for token in settings.tokens}) < len(settings.tokens):
            raise SettingsError("RUNNER_API_TOKENS and RUNNER_API_TOKENS_FILE name a token the same. Rename one.")
        return settings


def table() -> str:
    """Every setting as a row of a Markdown table: variable, default, help. What docs/configuration.md shows."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        default = f" `{field.metadata['default']}`" if field.metadata["default"] else ""
        rows.append(f"| `{field.metadata['env']}` |{default} | {field.metadata['help']} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201
