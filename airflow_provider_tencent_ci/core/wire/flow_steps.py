"""The single steps of flows. Each helper yields one step and returns its answer with its type."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_tencent_ci.core.wire.messages import (
    Flow,
    FlowSource,
    Now,
    Request,
    Response,
    RunConcurrently,
    ServiceTime,
    Sleep,
    Step,
)
from airflow_provider_tencent_ci.exceptions import TencentCIError

ResultT = TypeVar("ResultT")
StepT = TypeVar("StepT")

# As many flows as any connection allows; the driver lowers it to the connection's own limit.
MOST_CONNECTIONS = 100


def wrap_flow(
    flow: Flow[ResultT], perform: Callable[[Step], Generator[StepT, Any, object] | None]
) -> Generator[StepT, Any, ResultT]:
    """
    Run a flow inside another generator, which performs its steps; return its result. Its errors come through.

    :param perform: performs one step by steps of its own, and returns the answer; ``None`` for a step that is performed
        as it is.
    """
    step: Any
    try:
        step = next(flow)
        while True:
            try:
                performed = perform(step)
                answer = (yield step) if performed is None else (yield from performed)
            except TencentCIError as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        flow.close()


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
    Return the service's time (aware, UTC); ``None`` if no answer has contained it yet.

    An answer tells it in whole seconds, so it is accurate to about one second.

    Times that the service wrote (``CreationTime``, ``EndTime``) are compared with this time, never with this machine's.
    """
    now: datetime | None = yield ServiceTime()
    return now


def run_concurrently(source: FlowSource[Any], most: int = MOST_CONNECTIONS) -> Flow[None]:
    """
    Run the flows of a source side by side, until it has no more.

    :param most: how many at a time; by default as many as the connection allows.
    :raises TencentCIError: the first error of a flow; the others are cancelled then.
    """
    yield RunConcurrently(source, most)


def run_in_turn(step: RunConcurrently) -> Flow[None]:
    """Perform such a step one flow after the other; for a driver that has one connection."""
    while (flow := step.source.next_flow()) is not None:
        step.source.finished((yield from flow))
