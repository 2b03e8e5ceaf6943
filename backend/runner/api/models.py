"""The models of requests and answers. The service, its client and the OpenAPI document share them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from backend.runner.execution.outcome import Status
from backend.runner.sandbox.layers import State

Encoding = Literal["utf-8", "base64"]


class LimitsBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Limits of a run. Each is above 0 and at most its ceiling."""

    timeout: Annotated[float | None, Meta(description="seconds of wall clock")] = None
    cpu_seconds: Annotated[float | None, Meta(description="seconds of processor time of all processes")] = None
    memory_kb: Annotated[int | None, Meta(description="KiB of memory, files included")] = None
    output_bytes: Annotated[int | None, Meta(description="bytes of stdout and stderr together")] = None
    processes: Annotated[int | None, Meta(description="processes and threads at one time")] = None
    open_files: Annotated[int | None, Meta(description="open descriptors of a process")] = None
    file_kb: Annotated[int | None, Meta(description="KiB of the largest file")] = None
    disk_kb: Annotated[int | None, Meta(description="KiB of all files together")] = None
    inodes: Annotated[int | None, Meta(description="files and directories")] = None


class FileBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A file that is more than its text; its content is given once, as text or as Base64."""

    text: str | UnsetType = UNSET
    base64: Annotated[str | UnsetType, Meta(description="bytes that need not be text")] = UNSET
    executable: Annotated[bool, Meta(description="whether the program may execute it")] = False


class RunBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A program to run; its source is given once, as text or as Base64."""

    language: Annotated[str, Meta(description="a name or an alias of /api/v1/languages, in any case")]
    source: str | UnsetType = UNSET
    source_base64: str | UnsetType = UNSET
    stdin: Annotated[str | UnsetType, Meta(description="text; or give stdin_base64")] = UNSET
    stdin_base64: str | UnsetType = UNSET
    args: Annotated[list[str], Meta(max_length=256)] = field(default_factory=list)
    options: Annotated[list[str], Meta(max_length=32, description="of the compiler or the interpreter")] = field(
        default_factory=list
    )
    mode: Annotated[Literal["run", "test"], Meta(description="test runs what the language's own tool calls tests")] = (
        "run"
    )
    files: Annotated[dict[str, str | FileBody], Meta(max_length=64, description="by relative name")] = field(
        default_factory=dict
    )
    env: Annotated[dict[str, str], Meta(max_length=64, description="environment variables of the run")] = field(
        default_factory=dict
    )
    collect: Annotated[
        list[str],
        Meta(max_length=16, description="patterns of files that come back: *.png, out/**, by name relative to /work"),
    ] = field(default_factory=list)
    order: Annotated[
        bool,
        Meta(description="keep the order of stdout and stderr exactly; each write then takes a little longer"),
    ] = False
    limits: LimitsBody | None = None
    encoding: Annotated[Encoding, Meta(description="of output in the answer; utf-8 replaces what is no text")] = "utf-8"


class TerminalBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The size of a terminal."""

    rows: Annotated[int, Meta(ge=1, le=1000)] = 24
    columns: Annotated[int, Meta(ge=1, le=1000)] = 80


class SessionBody(RunBody, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The first message of a session."""

    terminal: TerminalBody | None = None


class CaseBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One run of a batch."""

    stdin: str | UnsetType = UNSET
    stdin_base64: str | UnsetType = UNSET
    args: Annotated[list[str], Meta(max_length=256)] | UnsetType = UNSET
    expected: Annotated[str | UnsetType, Meta(description="stdout as it should be; or give expected_base64")] = UNSET
    expected_base64: str | UnsetType = UNSET


class CheckBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How cases are judged: by a tolerance, or by a program."""

    tolerance: Annotated[
        float | UnsetType,
        Meta(description="0 to 1: tokens are compared, numbers as near, absolutely or relatively"),
    ] = UNSET
    language: Annotated[str | UnsetType, Meta(description="of a program that judges")] = UNSET
    source: Annotated[
        str | UnsetType,
        Meta(description="it is given the files input, output and expected, and exits with 0 (passed) or 1 (not)"),
    ] = UNSET


class BatchBody(RunBody, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A program to compile once and to run for each case; a case's stdin and args take the place of the body's."""

    cases: Annotated[list[CaseBody], Meta(min_length=1, max_length=64)]
    compare: Annotated[
        Literal["exact", "trimmed", "tokens"],
        Meta(
            description="trimmed leaves whitespace at the end of lines and empty lines at the end out of account, "
            "tokens all whitespace"
        ),
    ] = "trimmed"
    check: Annotated[CheckBody | None, Meta(description="in the place of compare")] = None


class FormatBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A program to format."""

    language: Annotated[str, Meta(description="a name or an alias; one for which /api/v1/languages says formats")]
    source: str


class FormatAnswer(Struct, kw_only=True):
    """A program as its language's formatter writes it."""

    status: Annotated[Status, Meta(description="of the formatter's run; runtime_error where the program is at fault")]
    source: Annotated[str, Meta(description="formatted; as it was sent where status is not ok")]
    stderr: Annotated[str, Meta(description="what the formatter says")]
    language: str


class CompileAnswer(Struct, kw_only=True):
    """The report of the compile."""

    status: Status
    stdout: str
    stderr: str
    exit_code: int | None
    time_ms: float
    cpu_ms: float
    memory_kb: int
    cached: Annotated[bool, Meta(description="an earlier compile of the same program served; its figures")]


class Ending(Struct, kw_only=True):
    """How a run ended."""

    status: Status
    error: Annotated[str, Meta(description="a short sentence; empty when all went well")]
    exit_code: int | None
    signal: str | None
    time_ms: float
    cpu_ms: float
    memory_kb: int
    truncated: bool


class FileAnswer(Struct, kw_only=True, omit_defaults=True):
    """A file that the program wrote. One with neither text nor base64 did not fit."""

    size: Annotated[int, Meta(description="bytes")]
    text: Annotated[str | UnsetType, Meta(description="its content, where that is text")] = UNSET
    base64: Annotated[str | UnsetType, Meta(description="its content, where that is none")] = UNSET


class TestAnswer(Struct, kw_only=True):
    """How one test ended."""

    name: str
    group: Annotated[str, Meta(description="the class, suite or module that it belongs to; empty for none")]
    status: Literal["passed", "failed", "skipped"]
    time_ms: float | None
    message: Annotated[str, Meta(description="why it failed or was left out")]


class TestsAnswer(Struct, kw_only=True):
    """How the tests ended, as their own report says."""

    passed: int
    failed: int
    skipped: int
    cases: Annotated[list[TestAnswer], Meta(description="in the report's order; at most 1000")]


class ResultAnswer(Ending, kw_only=True):
    """The result of a run whose output was streamed before."""

    language: Annotated[str, Meta(description="the language's own name, also where an alias was asked for")]
    encoding: Encoding
    compile: CompileAnswer | None
    files: Annotated[
        dict[str, FileAnswer] | UnsetType, Meta(description="what collect asked for, by relative name; else not there")
    ] = UNSET
    tests: Annotated[TestsAnswer | UnsetType, Meta(description="in mode test; else not there")] = UNSET


class RunAnswer(ResultAnswer, kw_only=True):
    """The result of a run."""

    stdout: str
    stderr: str
    output: Annotated[str, Meta(description="both, as they came; exactly in their order where order asked for that")]


class CaseAnswer(Ending, kw_only=True):
    """The result of one case of a batch."""

    stdout: str
    stderr: str
    output: Annotated[str, Meta(description="both, as they came; exactly in their order where order asked for that")]
    passed: Annotated[bool | None, Meta(description="status is ok and stdout as expected; null: nothing was expected")]
    message: Annotated[str | UnsetType, Meta(description="what the checker printed; else not there")] = UNSET


class BatchAnswer(Struct, kw_only=True):
    """The result of a batch."""

    status: Annotated[Status, Meta(description="of the compile where it failed, else of the first case not ok")]
    error: str
    language: str
    encoding: Encoding
    compile: CompileAnswer | None
    cases: Annotated[list[CaseAnswer], Meta(description="in the order asked; empty where the compile failed")]
    passed: int


class ErrorAnswer(Struct):
    """Why a request was not served."""

    error: str
    request_id: str


class LanguageAnswer(Struct, kw_only=True):
    """One language."""

    title: Annotated[str, Meta(description="what people call it")]
    aliases: list[str]
    version: Annotated[str, Meta(description="what its toolchain says of itself")]
    source: Annotated[str, Meta(description="name of the file that the source is written to")]
    hello: Annotated[str, Meta(description="a program that greets")]
    sample: Annotated[str, Meta(description="a program that shows the language")]
    options: Annotated[dict[str, str], Meta(description="what each option does, by pattern of the whole option")]
    formats: Annotated[bool, Meta(description="whether /api/v1/format serves it")]
    compiles: Annotated[bool, Meta(description="whether options are a compiler's; else they are an interpreter's")]
    libraries: Annotated[list[str], Meta(description="what its programs may use beside the standard library")]
    tests: Annotated[bool, Meta(description="whether mode test runs its tests")]
    limits: Annotated[dict[str, float], Meta(description="limits of a run that asks for none")]


class LanguagesAnswer(Struct):
    """Names that `language` may have, and what belongs to each."""

    languages: list[str]
    details: dict[str, LanguageAnswer]


class HealthAnswer(Struct):
    """Whether the service is well."""

    status: str


class VersionAnswer(Struct):
    """What runs here."""

    version: str
    sha: str
    environment: str
    image: str | None
    machine: str | None
    """The platform's id of the machine that answers: a rollout learns from it whom the proxy sends requests to."""


class RunnersAnswer(Struct):
    """Slots."""

    total: int
    busy: int


class QueueAnswer(Struct):
    """Runs that wait."""

    depth: int
    limit: int


class LayerAnswer(Struct):
    """One isolation layer."""

    name: str
    state: State
    detail: str


class StatusAnswer(Struct):
    """What the service is doing and what holds its programs."""

    environment: str
    runners: RunnersAnswer
    queue: QueueAnswer
    layers: list[LayerAnswer]
    languages: dict[str, str]
