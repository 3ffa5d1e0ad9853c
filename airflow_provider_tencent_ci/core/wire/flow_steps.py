"""The single steps of flows. Each helper yields one step and returns its answer with its type."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_tencent_ci.core.wire.messages import Flow, Now, Request, Response, ServiceTime, Sleep, Step
from airflow_provider_tencent_ci.exceptions import TencentCIError

ResultT = TypeVar("ResultT")
StepT = TypeVar("StepT")


def wrap_flow(
    flow: Flow[ResultT], perform: Callable[[Step], Generator[StepT, Any, object]]
) -> Generator[StepT, Any, ResultT]:
    """
    Run a flow inside another generator, which performs its steps; return its result. Its errors come through.

    :param perform: performs one step by steps of its own, and returns the answer.
    """
    try:
        step = next(flow)
        while True:
            try:
                answer = yield from perform(step)
            except TencentCIError as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        flow.close()


def unchanged(step: Step) -> Flow[Any]:
    """Perform a step as it is; for :func:`wrap_flow`."""
    return (yield step)


def send(request: Request) -> Flow[Response]:
    """
    Send one request and return its answer, also an error.

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
    Return the service's time (aware, UTC), in whole seconds; ``None`` if no answer has contained it yet.

    Times that the service wrote (``CreationTime``, ``EndTime``) are compared with this time, never with this machine's.
    """
    now: datetime | None = yield ServiceTime()
    return now
