"""Runs a flow without a network, against scripted answers, with a clock that only pauses move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.core.wire.flow_steps import run_in_turn
from airflow_provider_tencent_ci.core.wire.messages import (
    Flow,
    Now,
    Request,
    Response,
    RunConcurrently,
    ServiceTime,
    Sleep,
    Step,
)
from airflow_provider_tencent_ci.exceptions import TencentCIError, TransportError

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOST = TransportError("No answer from the script.", request_sent=True)
REFUSED = TransportError("The script refuses to connect.", request_sent=False)

Answer = Response | TencentCIError | Callable[[Request], Response]


def respond(body: str | bytes = "", status: int = 200, **headers: str) -> Response:
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"x-ci-request-id": "script-1", **named}, content, START)


def failure(status: int, code: str = "", message: str = "", **headers: str) -> Response:
    return respond(f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", status, **headers)


def job_xml(job_id: str = "b1", **nodes: str) -> str:
    nodes = {"Name": "nightly", "State": "Running", "CreationTime": "2026-01-02T11:04:05+0800", **nodes}
    return f"<JobsDetail><JobId>{job_id}</JobId>{''.join(f'<{k}>{v}</{k}>' for k, v in nodes.items())}</JobsDetail>"


def page(*jobs: str, next_token: str | None = None) -> Response:
    token = "" if next_token is None else f"<NextToken>{next_token}</NextToken>"
    return respond(f"<Response>{''.join(jobs)}{token}</Response>")


class Script:
    """
    :param answers: in order; the last one is repeated if ``forever``.
    :param service_ahead: how far the service's clock is ahead; ``None`` if its answers have no time.
    """

    def __init__(
        self,
        answers: Iterable[Answer] = (),
        *,
        forever: bool = False,
        service_ahead: timedelta | None = timedelta(0),
    ) -> None:
        self.answers = list(answers)
        self.forever = forever
        self.service_ahead = service_ahead
        self.now = START
        self.requests: list[Request] = []
        self.pauses: list[float] = []

    def run(self, flow: Flow[Any]) -> Any:
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._answer(step)
                except TencentCIError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return stop.value

    def sent(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def _answer(self, step: Step) -> Any:
        match step:
            case Sleep(seconds):
                self.pauses.append(seconds)
                self.now += timedelta(seconds=seconds)
                return None
            case Now():
                return self.now
            case ServiceTime():
                return None if self.service_ahead is None else self.now + self.service_ahead
            case RunConcurrently():
                return self.run(run_in_turn(step))
            case Request():
                return self._respond(step)

    def _respond(self, step: Request) -> Response:
        self.requests.append(step)
        assert self.answers, f"the script has no answer left for {step.method} {step.path} {step.query}"
        answer = self.answers[0] if self.forever and len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, TencentCIError):
            raise answer
        return answer if isinstance(answer, Response) else answer(step)
