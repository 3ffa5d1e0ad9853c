"""The steps of a simulated process; the world decides when and how each step ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.wire.messages import Request, Sleep

__all__ = ["Answered", "Await", "Call", "Program", "Send", "Sleep", "Step"]


# Status, headers, body, and when it arrived by the clock of this machine.
Answered = tuple[int, tuple[tuple[str, str], ...], bytes, datetime]


@dataclass(slots=True)
class Send:
    """
    Send a request; answered by what is ``Answered``, or by a ``TransportError``.

    :param timeout: seconds after which the client hangs up.
    """

    request: Request
    headers: Mapping[str, str]
    timeout: float


@dataclass(slots=True)
class Call:
    """
    Talk to Airflow; answered by what ``act`` returns.

    :param what: for the story.
    :param patience: the caller's timeout in seconds; ``None`` to wait until Airflow answers.
    :param instead: the result after a timeout.
    """

    what: str
    act: Callable[[], Any]
    patience: float | None = None
    instead: Any = None


@dataclass(slots=True)
class Await:
    """Run a coroutine on the event loop of this machine; answered by its result, or by its error."""

    work: Callable[[], Coroutine[Any, Any, Any]]


Step = Send | Sleep | Call | Await
Program = Generator[Step, Any, Any]
