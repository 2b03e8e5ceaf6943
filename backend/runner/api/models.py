"""What requests and answers look like; OpenAPI is made from these."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from backend.runner.execution.outcome import Status
from backend.runner.sandbox.layers import State


class LimitsBody(BaseModel):
    """Limits of a run. Each is above 0 and at most its ceiling."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    timeout: float | None = Field(None, description="seconds of wall clock")
    memory_kb: int | None = Field(None, description="KiB of memory, files included")
    output_bytes: int | None = Field(None, description="bytes of stdout and stderr together")
    processes: int | None = Field(None, description="processes and threads at one time")


class RunBody(BaseModel):
    """A program to run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    language: str
    stdin: str = ""
    args: list[str] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict, description="texts by relative name, beside the program")
    limits: LimitsBody | None = None


class RunAnswer(BaseModel):
    """What came of a run."""

    stdout: str
    stderr: str
    error: str = Field(description="a short sentence; empty when all went well")
    status: Status
    exit_code: int | None
    signal: str | None
    time_ms: float
    memory_kb: int
    truncated: bool


class ErrorAnswer(BaseModel):
    """Why a request was not served."""

    error: str


class LanguagesAnswer(BaseModel):
    """Names that `language` may have."""

    languages: list[str]


class HealthAnswer(BaseModel):
    """Whether the service is well."""

    status: str


class VersionAnswer(BaseModel):
    """What runs here."""

    version: str
    sha: str
    environment: str
    image: str | None


class RunnersAnswer(BaseModel):
    """Slots."""

    total: int
    busy: int


class QueueAnswer(BaseModel):
    """Runs that wait."""

    depth: int
    limit: int


class LayerAnswer(BaseModel):
    """One isolation layer."""

    name: str
    state: State
    detail: str


class StatusAnswer(BaseModel):
    """What the service is doing and what holds its programs."""

    environment: str
    runners: RunnersAnswer
    queue: QueueAnswer
    layers: list[LayerAnswer]
    languages: dict[str, str]
