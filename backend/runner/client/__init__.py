"""A typed client of the service, blocking and asynchronous.

    with Client("http://localhost:10100") as runner:
        print(runner.run("python3", "print(6 * 7)").stdout)

Needs httpx; sessions need websockets too.
"""

from backend.runner.api.models import (
    BatchAnswer,
    CaseAnswer,
    CompileAnswer,
    FormatAnswer,
    LanguageAnswer,
    LanguagesAnswer,
    ResultAnswer,
    RunAnswer,
    StatusAnswer,
)
from backend.runner.api.models import (
    LimitsBody as Limits,
)
from backend.runner.client.asynchronous import AsyncClient
from backend.runner.client.blocking import Client
from backend.runner.client.errors import (
    Busy,
    ClientError,
    Denied,
    Failed,
    NotUnderstood,
    Refused,
    RunnerApiError,
    Unreachable,
)
from backend.runner.client.events import Event, Output, Phase, Result
from backend.runner.client.programs import Case, Program
from backend.runner.client.retries import Patience
from backend.runner.client.sessions import AsyncSession, Session

__all__ = [
    "AsyncClient",
    "AsyncSession",
    "BatchAnswer",
    "Busy",
    "Case",
    "CaseAnswer",
    "Client",
    "ClientError",
    "CompileAnswer",
    "Denied",
    "Event",
    "Failed",
    "FormatAnswer",
    "LanguageAnswer",
    "LanguagesAnswer",
    "Limits",
    "NotUnderstood",
    "Output",
    "Patience",
    "Phase",
    "Program",
    "Refused",
    "Result",
    "ResultAnswer",
    "RunAnswer",
    "RunnerApiError",
    "Session",
    "StatusAnswer",
    "Unreachable",
]
