"""A service that lists files, with what services do to lists, and a driver that lets requests overtake each other."""

from __future__ import annotations

import operator
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
STATES = ("Success", "Failed", "Running", "Cancel")
# Of a list without a bound.
FIRST, LAST = START - timedelta(days=9999), START + timedelta(days=9999)


def _change_nothing(_listing: Listing) -> None:
    """The list stays as it is."""


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
    before_answer: Callable[[Listing], None] = _change_nothing
    requests: list[dict[str, str]] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    _cut: dict[str, list[File]] = field(default_factory=dict)

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
        wanted = self._wanted(query)
        begin = int((query.get("nextToken") or "0").partition("-")[0])
        number = self.chance.randint(0, self.size) if self.short else self.size
        shown, rest = wanted[begin : begin + number], wanted[begin + number :]
        token = f"{begin + len(shown)}-{self.chance.random()}" if rest else ""
        if not rest and self.repeats_last_token and shown:
            token = query.get("nextToken", "")
        self._cut[token] = wanted
        write = _execution if request.path == "/workflowexecution" else _child_job
        return respond(f"<Response>{''.join(map(write, shown))}<NextToken>{token}</NextToken></Response>")

    def _wanted(self, query: dict[str, str]) -> list[File]:
        """The files of a query; those of a further page were found for its first one, unless the list changes."""
        if self.before_answer is _change_nothing and query.get("nextToken") in self._cut:
            return self._cut.pop(query["nextToken"])
        return self._found(query)

    def _found(self, query: dict[str, str]) -> list[File]:
        """The files of a query, in one expression: a long list is searched hundreds of times."""
        states = query["states"].split(",") if query.get("states") else STATES
        start, end = (moment - self.fraction for moment in self._bounds(query))
        is_before_end = operator.le if self.end_is_inclusive else operator.lt
        return [
            file
            for file in self.files
            if file.state in states
            and (file.created_at is None or (start <= file.created_at and is_before_end(file.created_at, end)))
        ]

    def _bounds(self, query: dict[str, str]) -> list[datetime]:
        return [
            datetime.fromisoformat(query[name]) if name in query and name in self.honours else none
            for name, none in (("startCreationTime", FIRST), ("endCreationTime", LAST))
        ]


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
