"""
The exchange around the requests of a flow: keys, signatures, the service's time, and the answers that a flow gets.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire import error_body
from airflow_provider_tencent_ci.core.wire.exchange import GetCredentials, RawResponse, Send, exchange
from airflow_provider_tencent_ci.core.wire.flow_steps import (
    current_time,
    pause,
    run_in_turn,
    send,
    service_time,
)
from airflow_provider_tencent_ci.core.wire.messages import Now, Request, RunConcurrently, Sleep
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit
from airflow_provider_tencent_ci.core.wire.request_credentials import NO_CREDENTIALS, Credentials
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.wire.signing import encode
from tests.core.script import LOST, START

HOUR = timedelta(hours=1)
BUCKET, REGION = "examplebucket-1250000000", "ap-beijing"
KEYS = Credentials("AKIDEXAMPLE", "the-secret-key", "the-session-token")
NEWER = Credentials("AKIDNEWER", "the-newer-key", "the-newer-token")
SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="media/")


@dataclass
class Source:
    """Credentials that can be replaced, once each."""

    held: list[Credentials] = field(default_factory=lambda: [KEYS])

    def current(self, clock: Callable[[], datetime], within_seconds: float = math.inf) -> Credentials:
        return self.held[0]

    async def current_async(self, clock: Callable[[], datetime]) -> Credentials:
        return self.held[0]

    def discard(self, used: Credentials, now: datetime) -> bool:
        if self.held[0] == used and len(self.held) > 1:
            self.held.pop(0)
        return self.held[0] != used


def configuration(source=KEYS):
    return ServiceConfig(BUCKET, REGION, Endpoint.of_bucket(BUCKET, REGION), source)


@dataclass
class Service:
    """
    A service without a network, and this machine's clock.

    :param ahead: how far the service's clock is ahead of this machine's.
    :param told: how far its ``Date`` is ahead; ``None``: the same.
    :param words: status, code and message for a signature that is not valid now.
    :param dates: how often an answer has a ``Date``.
    :param frozen: seconds for which the process is frozen between its signature and the sending, for each request.
    """

    ahead: timedelta = timedelta(0)
    told: timedelta | None = None
    words: tuple[int, str, str] = (401, "SignatureExpired", "The signature has expired.")
    refuse: Callable[[Send], tuple[int, bytes] | None] = lambda _sent: None
    dates: int = 1
    frozen: dict[int, float] = field(default_factory=dict)
    now: datetime = START
    sent: list[Send] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def run(self, flow, clock=None, config=None, rate_limit=None):
        config = config or configuration()
        actions = exchange(flow, config, clock or ServiceClock(), rate_limit)
        try:
            action = next(actions)
            while True:
                try:
                    answer = self.perform(action, config)
                except e.TencentCIError as error:
                    action = actions.throw(error)
                else:
                    action = actions.send(answer)
        except StopIteration as stop:
            return stop.value

    def perform(self, action, config):
        match action:
            case Send():
                return self.answer(action)
            case Sleep(seconds):
                self.pauses.append(seconds)
                self.now += timedelta(seconds=seconds)
                return None
            case Now():
                return self.now
            case GetCredentials():
                return config.credentials.current(lambda: self.now)
            case RunConcurrently():
                return self.run(run_in_turn(action), config=config)

    def answer(self, action):
        self.sent.append(action)
        self.now += timedelta(seconds=self.frozen.get(len(self.sent), 0))
        status, body = self.refuse(action) or self.judge(action)
        self.statuses.append(status)
        told = self.ahead if self.told is None else self.told
        dates = [("Date", format_datetime(self.now + told, usegmt=True))] * self.dates
        return RawResponse(status, (*dates, ("X-CI-Request-Id", "one")), body, self.now)

    def judge(self, action):
        found = re.search(r"q-sign-time=(\d+);(\d+)", action.headers.get("authorization", ""))
        moment = (self.now + self.ahead).timestamp()
        if found and not int(found[1]) - 300 <= moment <= int(found[2]):
            status, code, message = self.words
            return status, error(code, message)
        if action.request.method == "POST":
            return 200, b"<Response><JobsDetail><JobId>b1</JobId></JobsDetail></Response>"
        return 200, b"<Response/>"


def error(code, message=""):
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def look():
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


def key_of(sent):
    return re.search(r"q-ak=(\w+)", sent.headers["authorization"])[1]


# --- steps


def test_a_flow_s_steps_are_performed_and_its_result_returned():
    def flow():
        began_at = yield from current_time()
        yield from pause(7)
        yield from pause(0)
        unknown = yield from service_time()
        response = yield from send(Request("GET", "/one"))
        return began_at, unknown, response.status, (yield from service_time())

    service = Service(ahead=HOUR)
    began_at, unknown, status, known = service.run(flow())
    assert (began_at, unknown, status) == (START, None, 200)
    assert service.pauses == [7]
    assert known == START + timedelta(seconds=7) + HOUR


def test_an_error_of_the_driver_reaches_the_flow_and_an_error_of_the_flow_reaches_the_driver():
    def flow():
        try:
            yield from send(Request("GET", "/one"))
        except e.TransportError as lost:
            raise e.NotFoundError("none") from lost

    def lose(_sent):
        raise LOST

    with pytest.raises(e.NotFoundError) as caught:
        Service(refuse=lose).run(flow())
    assert caught.value.__cause__ is LOST


def test_an_abandoned_flow_is_closed():
    closed = []

    def flow():
        try:
            yield from pause(1)
        finally:
            closed.append(True)

    actions = exchange(flow(), configuration(), ServiceClock())
    next(actions)
    actions.close()
    assert closed


def test_a_request_is_sent_signed_to_the_endpoint_of_its_service():
    service = Service()
    service.run(look())
    [sent] = service.sent
    assert sent.url.startswith(f"https://{BUCKET}.ci.{REGION}.myqcloud.com/inventorytriggerjob?")
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["x-ci-security-token"] == KEYS.token
    assert "the-secret-key" not in repr(sent)
    assert key_of(sent) == KEYS.secret_id


def test_without_credentials_nothing_is_signed():
    service = Service()
    service.run(send(Request("GET", "/latest")), config=configuration(NO_CREDENTIALS))
    assert "authorization" not in service.sent[0].headers


def test_a_request_waits_for_the_rate_limit_before_it_is_signed():
    service = Service()
    rate_limit = RateLimit(1 / 3600)
    service.run(look(), rate_limit=rate_limit)
    service.run(look(), rate_limit=rate_limit)
    assert service.pauses == [3600]
    assert service.statuses == [200, 200]


def test_a_request_that_is_cancelled_while_it_waits_gives_its_turn_back():
    rate_limit = RateLimit(1)
    Service().run(look(), rate_limit=rate_limit)
    for _ in range(20):
        waiting = exchange(look(), configuration(KEYS), ServiceClock(), rate_limit)
        action = next(waiting)
        while not isinstance(action, Sleep):
            action = waiting.send(KEYS if isinstance(action, GetCredentials) else START)
        assert action.seconds <= 1
        waiting.close()


def test_a_repeated_header_is_joined_and_does_not_count():
    response = Service(dates=2, ahead=HOUR, refuse=lambda _: (200, b"")).run(send(Request("GET", "/")))
    assert response.headers["date"].count("GMT, ") == 1
    assert response.headers["x-ci-request-id"] == "one"


# --- the service's time


@pytest.mark.parametrize("minutes", [-60, -12, 12, 60])
@pytest.mark.parametrize(
    "words",
    [
        (401, "SignatureExpired", "The signature has expired."),
        (403, "RequestTimeTooSkewed", "The difference is too large."),
        (403, "AccessDenied", "Request has expired"),
        (403, "AccessDenied", "Other words."),
        (403, "SignatureDoesNotMatch", "Other words."),
        (401, "Brandnew", ""),
    ],
)
def test_a_wrong_clock_causes_one_refusal_at_most_and_no_request_acts_twice(minutes, words):
    service, warnings = Service(timedelta(minutes=minutes), words=words), []
    clock = ServiceClock(warnings.append)
    service.run(job_calls.create_job("nightly", SPECIFICATION), clock)
    service.run(look(), clock)
    service.run(look(), clock)
    refused = [status for status in service.statuses if status != 200]
    assert len(refused) <= 1
    assert service.statuses[len(refused) :] == [200] * 3
    assert len(warnings) == len(refused)


def test_a_drifting_clock_is_corrected_before_any_refusal():
    service, clock = Service(), ServiceClock()
    for minutes in range(0, 60, 5):
        service.ahead = timedelta(minutes=minutes)
        service.run(look(), clock)
        assert clock.known_at(service.now) == service.now + service.ahead
    assert set(service.statuses) == {200}


@pytest.mark.parametrize("minutes", [-60, 60])
@pytest.mark.parametrize("words", [(401, "SignatureExpired", ""), (403, "AccessDenied", "Request has expired")])
def test_a_wrong_date_causes_one_refusal_and_no_permanent_failure(minutes, words):
    service, warnings = Service(told=timedelta(minutes=minutes), words=words), []
    clock = ServiceClock(warnings.append)
    for _ in range(5):
        service.run(look(), clock)
    assert service.statuses == [200, words[0], 200, 200, 200, 200]
    assert len(warnings) == 1


def test_a_wrong_clock_with_a_wrong_date_raises_the_error_after_two_requests():
    service, clock = Service(ahead=HOUR, told=-HOUR), ServiceClock()
    for number in range(1, 6):
        with pytest.raises(e.AuthenticationError) as caught:
            service.run(look(), clock)
        assert caught.value.code == "SignatureExpired"
        assert len(service.sent) <= 2 * number


def test_a_service_that_refuses_every_request_gets_one():
    service = Service(words=(401, "SignatureExpired", ""), refuse=lambda _: (401, error("SignatureExpired")))
    with pytest.raises(e.AuthenticationError):
        service.run(look())
    assert len(service.sent) == 1


def test_a_missing_permission_is_named_even_with_a_wrong_clock():
    denied = 403, error("AccessDenied", "The key is not allowed to use the action.")
    service = Service(ahead=HOUR, refuse=lambda sent: service.judge(sent) if len(service.sent) == 1 else denied)
    with pytest.raises(e.PermissionDeniedError, match="Grant the key's user the CAM action") as caught:
        service.run(look())
    assert "clock" not in str(caught.value)
    assert len(service.sent) == 2


@pytest.mark.parametrize("minutes", [0, -60, 60])
def test_a_read_that_was_frozen_after_its_signature_is_signed_again(minutes):
    service, warnings = Service(timedelta(minutes=minutes)), []
    clock = ServiceClock(warnings.append)
    service.run(look(), clock)
    service.frozen = {len(service.sent) + 1: 3600}
    service.run(look(), clock)
    assert service.statuses[-2:] == [401, 200]
    service.run(look(), clock)
    assert service.statuses[-1] == 200, "the Date of the answers is believed as before"
    assert len(warnings) == bool(minutes)


def test_a_submission_that_was_frozen_after_its_signature_is_not_sent_again():
    service, clock = Service(frozen={1: 3600}), ServiceClock()
    with pytest.raises(e.AuthenticationError):
        service.run(job_calls.create_job("nightly", SPECIFICATION), clock)
    assert len(service.sent) == 1
    service.run(look(), clock)
    assert service.statuses == [401, 200]


def test_a_submission_is_sent_again_if_another_request_has_corrected_the_clock_meanwhile():
    clock = ServiceClock()

    def corrected_meanwhile(_sent):
        if len(service.sent) == 1:
            Service(ahead=HOUR).run(look(), clock)

    service = Service(ahead=HOUR, refuse=corrected_meanwhile)
    assert service.run(job_calls.create_job("nightly", SPECIFICATION), clock).job_id == "b1"
    assert service.statuses == [401, 200]
    assert not service.pauses


def test_a_service_that_refuses_each_frozen_read_gets_two_requests():
    service = Service(frozen=dict.fromkeys(range(1, 9), 3600.0))
    with pytest.raises(e.AuthenticationError):
        service.run(look())
    assert len(service.sent) == 2


def test_a_refusal_because_of_the_time_is_no_submission():
    service = Service(ahead=HOUR)
    job = service.run(job_calls.create_job("nightly", SPECIFICATION))
    assert job.job_id == "b1"
    assert [sent.request.method for sent in service.sent] == ["POST", "POST"]
    assert not service.pauses


# --- keys


def expired(sent):
    return (400, error("ExpiredToken")) if key_of(sent) == KEYS.secret_id else None


def test_expired_keys_are_replaced_and_the_request_is_retried_once():
    service = Service(refuse=expired)
    service.run(job_calls.create_job("nightly", SPECIFICATION), config=configuration(Source([KEYS, NEWER])))
    assert [key_of(sent) for sent in service.sent] == ["AKIDEXAMPLE", "AKIDNEWER"]


def test_the_error_is_raised_without_newer_keys():
    service = Service(refuse=expired)
    with pytest.raises(e.AuthenticationError, match="The temporary key has expired"):
        service.run(look(), config=configuration(Source([KEYS])))
    assert len(service.sent) == 1


def test_keys_are_replaced_once_for_each_request():
    service = Service(refuse=lambda _: (400, error("ExpiredToken")))
    with pytest.raises(e.AuthenticationError):
        service.run(look(), config=configuration(Source([KEYS, NEWER, KEYS, NEWER])))
    assert len(service.sent) == 2


def test_a_wrong_clock_and_expired_keys_are_both_corrected():
    def refuse(sent):
        status, _ = judged = service.judge(sent)
        return judged if status != 200 else expired(sent)

    service = Service(ahead=HOUR, refuse=refuse)
    service.run(look(), config=configuration(Source([KEYS, NEWER])))
    assert service.statuses == [401, 400, 200]


# --- errors


def test_an_error_body_is_parsed_once(monkeypatch):
    read = []
    monkeypatch.setattr(error_body, "read_document", lambda *given: read.append(given) or real(*given))
    service = Service(refuse=lambda _: (403, error("AccessDenied", "The action is not allowed.")))
    with pytest.raises(e.PermissionDeniedError, match=r"The action is not allowed\."):
        service.run(look())
    assert len(read) == 1


real = error_body.read_document


def test_no_secret_of_a_request_is_in_an_error():
    def tell(sent):
        told = "; ".join([*sent.headers.values(), KEYS.secret_key])
        return 403, error("SignatureDoesNotMatch", told.replace("&", " "))

    with pytest.raises(e.AuthenticationError) as caught:
        Service(refuse=tell).run(look())
    assert "q-signature=***" in str(caught.value)
    assert "the-secret-key" not in str(caught.value)
    assert "the-session-token" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(
    "write",
    [
        str,
        encode,
        lambda text: encode(text).replace("%2F", "%2f"),
        escape,
        lambda text: escape(escape(text)),
        lambda text: text.replace("/", "&#x2F;").replace("+", "&#43;"),
    ],
    ids=["plain", "URL", "lower-case URL", "XML", "XML twice", "references"],
)
def test_no_secret_is_in_an_error_however_it_is_written(write, status):
    """The service shows the texts that it signed, with the token as URLs write it."""
    keys = Credentials("AKIDEXAMPLE", "a/secret+key&more", "a/session+token==&more")
    told = f"{write(keys.secret_key)} {write(keys.token)}"
    nodes = f"<Message>{escape(told)}</Message><FormatString>{told.replace('&more', '&amp;more')}</FormatString>"
    xml = f"<Error><Code>AccessDenied</Code>{nodes}</Error>"
    as_json = json.dumps({"Error": {"Code": "AccessDenied", "Message": told}}).replace("/", "\\/")
    for body in (xml.encode(), as_json.encode()):
        with pytest.raises(e.PermissionDeniedError) as caught:
            Service(refuse=lambda _, body=body: (status, body)).run(look(), config=configuration(keys))
        assert "***" in str(caught.value)
        for secret in (keys.secret_key, keys.token):
            assert secret not in str(caught.value)
            assert write(secret) not in str(caught.value)


def test_a_successful_answer_is_not_changed():
    response = Service(refuse=lambda _: (200, b"the-secret-key")).run(send(Request("GET", "/")))
    assert response.body == b"the-secret-key"
