"""A service that lists files, with what services do to lists, and a driver that lets requests overtake each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.core.wire.messages import (
    Flow,
    Now,
    Request,
    Response,
    RunConcurrently,
    ServiceTime,
    Sleep,
)
from airflow_provider_tencent_ci.exceptions import TencentCIError
from tests.core.files.records import File, _child_job, _execution
from tests.core.script import START, respond

MOST_IN_FLIGHT = 16


@dataclass
class Listing:
    """
    The list of a batch's files.

    :param size: files on a page, at most.
    :param short: whether pages may have fewer, also none.
    :param repeats_last_token: whether the last page repeats its own token, as the mark of the end.
    :param honours: which bounds of the window the service knows.
    :param compares: how it reads the creation time of a file for that: some in fractions of a second.
    :param end_is_inclusive: as documented.
    :param before_answer: changes the list from time to time.
    """

    files: list[File]
    size: int = 100
    short: bool = False
    repeats_last_token: bool = False
    honours: Iterable[str] = ("startCreationTime", "endCreationTime")
    end_is_inclusive: bool = True
    fraction: timedelta = timedelta(0)
    chance: random.Random = field(default_factory=random.Random)
    before_answer: Callable[[Listing], None] = lambda _listing: None
    requests: list[dict[str, str]] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    _tokens: dict[str, int] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        self.before_answer(self)
        if request.last_segment:
            self.explained.append(request.last_segment)
            return respond(
                "<Response><WorkflowExecution><Tasks><Name>n</Name><State>Failed</State><Code>Broken</Code>"
                f"<Message>{request.last_segment}</Message></Tasks></WorkflowExecution></Response>"
            )
        query = {key: value or "" for key, value in request.query}
        self.requests.append(query)
        bounds = self._bounds(query)
        wanted = [file for file in self.files if self._is_wanted(file, query, *bounds)]
        begin = int((query.get("nextToken") or "0").partition("-")[0])
        number = self.chance.randint(0, self.size) if self.short else self.size
        shown, rest = wanted[begin : begin + number], wanted[begin + number :]
        token = f"{begin + len(shown)}-{self.chance.random()}" if rest else ""
        if not rest and self.repeats_last_token and shown:
            token = query.get("nextToken", "")
        write = _execution if request.path == "/workflowexecution" else _child_job
        return respond(f"<Response>{''.join(map(write, shown))}<NextToken>{token}</NextToken></Response>")

    def _bounds(self, query: dict[str, str]) -> list[datetime | None]:
        return [
            datetime.fromisoformat(query[name]) if name in query and name in self.honours else None
            for name in ("startCreationTime", "endCreationTime")
        ]

    def _is_wanted(self, file: File, query: dict[str, str], start: datetime | None, end: datetime | None) -> bool:
        if query.get("states") and file.state not in query["states"].split(","):
            return False
        if file.created_at is None:
            return True
        created_at = file.created_at + self.fraction
        before_end = end is None or (created_at <= end if self.end_is_inclusive else created_at < end)
        return (start is None or created_at >= start) and before_end


class Overtaking:
    """Runs a flow; of the flows that run side by side, any one goes on next."""

    def __init__(self, answer: Callable[[Request], Response], seed: int, service_now: datetime | None = None) -> None:
        self.answer = answer
        self.chance = random.Random(seed)
        self.service_now = service_now
        self.most_in_flight = 0
        self.now = START

    def run(self, flow: Flow[Any]) -> Any:
        running = self.steps(flow)
        try:
            while True:
                next(running)
        except StopIteration as stop:
            return stop.value

    def steps(self, flow: Flow[Any]):
        """Go one step at a time."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = (yield from self.beside(step)) if isinstance(step, RunConcurrently) else self.do(step)
                except TencentCIError as error:
                    step = flow.throw(error)
                else:
                    yield
                    step = flow.send(answer)
        except StopIteration as stop:
            return stop.value

    def beside(self, step: RunConcurrently):
        running: list[Any] = []
        while True:
            while len(running) < MOST_IN_FLIGHT and (flow := step.source.next_flow()) is not None:
                running.append(self.steps(flow))
                self.most_in_flight = max(self.most_in_flight, len(running))
            if not running:
                return
            chosen = self.chance.choice(running)
            try:
                next(chosen)
                yield
            except StopIteration as stop:
                running.remove(chosen)
                step.source.finished(stop.value)

    def do(self, step: Any) -> Any:
        match step:
            case Sleep(seconds):
                self.now += timedelta(seconds=seconds)
                return None
            case Now():
                return self.now
            case ServiceTime():
                return self.service_now
            case Request():
                return self.answer(step)
