"""
A share of one thread's time for flows that read a great deal, so that they do not hold up the others in its event loop.

The costly part of such a flow is reading an answer: a page of 100 files takes about half a millisecond. So each
answer waits for its turn before it is read, and the next turn comes later by a multiple of the time that the reading
took.

The counts of all jobs that have ended share a quarter of a triggerer's loop (``file_counter.py`` runs them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from airflow_provider_tencent_ci.core.wire.flow_steps import pause
from airflow_provider_tencent_ci.core.wire.messages import Flow, FlowSource, Response, RunConcurrently
from airflow_provider_tencent_ci.exceptions import TencentCIError

ResultT = TypeVar("ResultT")

# Of an event loop's time, for all counts of jobs that have ended.
SHARE_OF_COUNTS = 1 / 4

# Signing, sending and receiving one request, which happens outside of the flow (an estimate).
_REQUEST_SECONDS = 0.0005


class ProcessorShare:
    """
    Turns to read an answer, for all flows of one event loop, in the order in which they ask.

    :param share: the part of the time that reading may take, more than 0 and at most 1.
    :param now: the time in seconds, by a clock that is never set back.
    """

    def __init__(self, share: float, now: Callable[[], float]) -> None:
        self._stretch = 1 / share
        self._now = now
        self._next_at = 0.0
        self._usual_seconds = 0.0

    def reserve(self) -> float:
        """Return in how many seconds it is the caller's turn."""
        now = self._now()
        turn_at = max(now, self._next_at)
        self._next_at = turn_at + self._usual_seconds * self._stretch
        return turn_at - now

    def read(self, read: Callable[[], ResultT]) -> ResultT:
        """Call ``read`` in the caller's turn, and note how long it took."""
        began_at = self._now()
        try:
            return read()
        finally:
            took_seconds = self._now() - began_at + _REQUEST_SECONDS
            self._next_at += (took_seconds - self._usual_seconds) * self._stretch
            self._usual_seconds = took_seconds


def within_share(flow: Flow[ResultT], share: ProcessorShare) -> Flow[ResultT]:
    """Run a flow, and those that it runs side by side, so that reading answers takes no more than its share."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, RunConcurrently):
                step = replace(step, source=_WithinShare(step.source, share))
            try:
                answer = yield step
            except TencentCIError as error:
                step = flow.throw(error)
                continue
            if not isinstance(answer, Response):
                step = flow.send(answer)
                continue
            yield from pause(share.reserve())
            step = share.read(partial(flow.send, answer))
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        flow.close()


class _WithinShare:
    def __init__(self, source: FlowSource[Any], share: ProcessorShare) -> None:
        self._source = source
        self._share = share

    def next_flow(self) -> Flow[Any] | None:
        flow = self._source.next_flow()
        return None if flow is None else within_share(flow, self._share)

    def finished(self, result: Any) -> None:
        self._source.finished(result)
