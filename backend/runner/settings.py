"""The service's settings: each declared once, with its variable, type, default and help."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backend.runner.errors import SettingsError

ENVIRONMENTS = ("local", "staging", "production")


def _environment(text: str) -> str:
    if text not in ENVIRONMENTS:
        raise ValueError(f"must be one of {', '.join(ENVIRONMENTS)}")
    return text


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


def _setting(env: str, default: str, parse: Callable[[str], Any], help_text: str) -> Any:
    """A field with all that is known of its setting; the default is spelled as it would be in the environment."""
    return dataclasses.field(metadata={"env": env, "default": default, "parse": parse, "help": help_text})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What may differ from one running service to another. Made by `Settings.read`, once."""

    environment: str = _setting("RUNNER_ENVIRONMENT", "local", _environment, "local, staging or production")
    num_runners: int = _setting("NUM_RUNNERS", "2", _whole(1, 256), "programs that run at the same time")
    run_timeout: float = _setting("RUN_TIMEOUT", "10", _seconds(600), "seconds a program may run, and the ceiling")
    queue_limit: int = _setting("RUNNER_QUEUE_LIMIT", "64", _whole(1, 100_000), "runs that may wait for a runner")
    version: str = _setting("RUNNER_VERSION", "dev", str, "version of the service, baked into the image")
    sha: str = _setting("RUNNER_SHA", "", str, "commit of the service, baked into the image")
    image: str = _setting("RUNNER_IMAGE_DIGEST", "", str, "digest of the image that runs, set by the deployer")
    site: Path | None = _setting("RUNNER_SITE", "", _directory, "directory of the page to serve at /; empty for none")  # noqa: RUF009
    hosts: tuple[str, ...] = _setting("RUNNER_HOST", "127.0.0.1", _words, "addresses to listen on, comma-separated")
    port: int = _setting("RUNNER_PORT", "10100", _whole(0, 65535), "port to listen on; 0 for any free one")
    cors_origins: tuple[str, ...] = _setting(
        "RUNNER_CORS_ORIGINS", "*", _words, "origins that may call, comma-separated"
    )
    toolchains: tuple[Path, ...] = _setting(
        "RUNNER_TOOLCHAINS", "", _directories, "colon-separated directories whose bin/ programs may use, read-only"
    )
    cache: Path | None = _setting(  # noqa: RUF009
        "RUNNER_CACHE", "", _directory, "directory of warmed compile caches; empty to warm them at start"
    )
    client_header: str = _setting(
        "RUNNER_CLIENT_HEADER", "", str.lower, "header in which a trusted proxy names the client; empty for none"
    )

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
                raise SettingsError(f"{env}={text!r} {error}. It is: {field.metadata['help']}.") from error
        if not values["hosts"]:
            raise SettingsError("RUNNER_HOST is empty. Set it to an address, for example 127.0.0.1.")
        return cls(**values)
