"""The single steps that flows are made of. Each helper asks for one thing and returns its answer with its type."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_tencent_ci.core.wire.messages import Flow, Now, Request, Response, ServiceTime, Sleep


def send(request: Request) -> Flow[Response]:
    """
    Send one request and return its answer, whatever that says.

    :raises TransportError: no answer.
    """
    response: Response = yield request
    return response


def pause(seconds: float) -> Flow[None]:
    """Wait; not at all for 0 seconds."""
    if seconds > 0:
        yield Sleep(seconds)


def current_time() -> Flow[datetime]:
    """Return this machine's time (aware, UTC)."""
    now: datetime = yield Now()
    return now


def service_time() -> Flow[datetime | None]:
    """
    Return the service's time (aware, UTC), to the second, as its answers tell it; ``None`` if none has told it yet.

    Whatever the service wrote (``CreationTime``, ``EndTime``) is compared with this time, never with this machine's.
    """
    now: datetime | None = yield ServiceTime()
    return now
