"""
The gateway of the service.

It finds the bucket, the operation and the key of each request, injects faults, and passes the request on. It knows no
sockets: ``server`` moves the bytes.
"""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

from airflow_provider_tencent_ci.emulator.answers.answer_xml import error_body
from airflow_provider_tencent_ci.emulator.auth.key_services import (
    KEY_OPERATIONS,
    KeyServices,
    key_operation,
    key_refusal,
)
from airflow_provider_tencent_ci.emulator.auth.permissions import check_permission
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey, check_signature
from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import Fault, FaultBook, FaultKind
from airflow_provider_tencent_ci.emulator.faults.fault_effects import (
    error_of,
    extra_headers,
    gateway_page,
    spoiled,
)
from airflow_provider_tencent_ci.emulator.http.body_and_bucket_checks import check_bucket, check_content, check_length
from airflow_provider_tencent_ci.emulator.http.object_operations import (
    COS_HOST,
    OBJECT_OPERATIONS,
    answer_object,
    object_operation,
)
from airflow_provider_tencent_ci.emulator.http.operations import Call, find_operation, operation_name
from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest, RequestLog
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.service import Service
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.switches import AnswerForm
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Delivery, Reply, WireRequest

__all__ = ["Exchange", "Gateway"]

# The service's own domains, of which the second is a spare one (docs/service.md, 1.1).
_CI_HOST = re.compile(r"(?P<bucket>[a-z0-9-]+)\.ci\.(?P<region>[a-z0-9-]+)\.(?:myqcloud\.com|tencentci\.cn)")
_DOMAINS = (".myqcloud.com", ".tencentci.cn", ".tencentcos.cn")


@dataclass(frozen=True, slots=True)
class Exchange:
    """
    A request that has come in and is not answered yet.

    :param era: how many times the emulator had been reset when the request came in.
    """

    request: WireRequest
    record: RecordedRequest
    fault: Fault | None
    era: int

    @property
    def wait_seconds(self) -> float:
        """How long to wait before the service acts on it."""
        return self.fault.wait_seconds if self.fault else 0.0


@dataclass(frozen=True, slots=True)
class _Turn:
    """
    A request that is answered now, with all values that its answer depends on.

    :param server_at: the time by the service's clock, which may be off.
    :param signed_at: the same without the seconds that a test put the clock forward.
    :param late_seconds: how many seconds later the service acts on the request; 0: at once.
    """

    operation: str
    request: WireRequest
    behaviour: Behaviour
    server_at: datetime
    signed_at: datetime
    request_id: str
    late_seconds: float

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer has (docs/service.md, 1.4 and 1.6)."""
        return {
            "Content-Type": "application/xml",
            "Server": f"tencent-{self.service}",
            "Date": format_datetime(self.server_at, usegmt=True),
            f"x-{self.service}-request-id": self.request_id,
        }

    @property
    def service(self) -> str:
        """The service that answers: ``ci`` or ``cos``."""
        return "cos" if self.operation in OBJECT_OPERATIONS else "ci"


class Gateway:
    """
    The HTTP side of a service, without the network.

    :param service: the emulated service.
    :param default_bucket: the bucket of requests with a ``Host`` that names no bucket, such as ``127.0.0.1:8080``.
    """

    def __init__(self, service: Service, default_bucket: str) -> None:
        self.service = service
        self.default_bucket = default_bucket
        self.keys: dict[str, AccessKey] = {}
        self.key_services = KeyServices(self.keys)
        self.faults = FaultBook()
        self.log = RequestLog()
        self.failures: list[Exception] = []
        self._era = 0
        self._serial = itertools.count(1)

    def reset(self) -> None:
        """Forget faults, records, keys and roles; the service will not act on requests that still hang."""
        self.faults.clear()
        self.log.clear()
        self.keys.clear()
        self.key_services.clear()
        self._era += 1

    def receive(self, request: WireRequest) -> Exchange:
        """Record a request and choose its fault."""
        operation = key_operation(request) or object_operation(request) or operation_name(request)
        fault = self.faults.next_for(operation)
        record = RecordedRequest(
            operation=operation,
            method=request.method,
            path=request.path,
            query=request.raw_query,
            host=request.headers.get("host", ""),
            at=self.service.clock.now(),
            body=request.body,
            fault=fault.kind if fault else None,
            authorization=request.headers.get("authorization", ""),
        )
        self.log.add(record)
        return Exchange(request, record, fault, self._era)

    def answer(self, exchange: Exchange) -> Reply:
        """Return the answer to a request; the caller has waited for :attr:`Exchange.wait_seconds`."""
        if exchange.era != self._era:
            return Reply(503, delivery=Delivery(reset=True))
        try:
            reply = self._reply(self._turn_for(exchange), exchange.fault)
        except Exception as error:  # a mistake in the emulator must fail the test
            self.failures.append(error)
            reply = Reply(500, body=repr(error).encode())
        exchange.record.status = None if reply.delivery.reset else reply.status
        return reply

    def _turn_for(self, exchange: Exchange) -> _Turn:
        behaviour, fault = self._behaviour_for(exchange.request), exchange.fault
        if fault and fault.kind is FaultKind.SKEWED_CLOCK:
            behaviour = behaviour.changed(clock_offset_seconds=fault.duration_seconds)
        clock, offset = self.service.clock, behaviour.clock.offset
        return _Turn(
            exchange.record.operation,
            exchange.request,
            behaviour,
            server_at=clock.now() + offset,
            signed_at=clock.real() + offset,
            request_id=self._request_id(),
            late_seconds=fault.duration_seconds if fault and fault.kind is FaultKind.LATE else 0.0,
        )

    def _reply(self, turn: _Turn, fault: Fault | None) -> Reply:
        reply = self._reply_with_date(turn, fault)
        return reply if _has_date(reply, turn) else _without_date(reply)

    def _reply_with_date(self, turn: _Turn, fault: Fault | None) -> Reply:
        if fault is None:
            return self._act(turn)
        reply = _with_fault(Reply(200) if fault.prevents_acting else self._act(turn), turn, fault)
        return replace(reply, delivery=replace(reply.delivery, hold_seconds=fault.hold_seconds))

    def _act(self, turn: _Turn) -> Reply:
        try:
            if turn.operation in KEY_OPERATIONS:
                return self._hand_out_keys(turn)
            if turn.operation in OBJECT_OPERATIONS:
                return self._answer_object(turn)
            if (status := _redirect_to_https(turn)) is not None:
                return _redirect(turn, status)
            return Reply(200, turn.headers(), self._carry_out(turn))
        except ServiceError as error:
            return _refusal(turn, error)

    def _hand_out_keys(self, turn: _Turn) -> Reply:
        reply = self.key_services.answer(
            turn.operation,
            turn.request,
            signed_at=turn.signed_at,
            now=turn.server_at,
            longest_seconds=turn.behaviour.keys.temporary_key_seconds,
            request_id=turn.request_id,
        )
        return _with_date(reply, turn)

    def _answer_object(self, turn: _Turn) -> Reply:
        request, now = turn.request, turn.server_at
        bucket = self._bucket_of(request)
        check_length(request, turn.behaviour.requests.max_object_bytes)
        key = check_signature(
            request, self.keys, turn.behaviour.signatures, signed_at=turn.signed_at, now=now, for_objects=True
        )
        check_content(request, turn.behaviour.requests)
        return answer_object(turn.operation, request, bucket, key, now, turn.headers())

    def _carry_out(self, turn: _Turn) -> bytes:
        """Check a request in the order of a real service (assumed), then act on it."""
        request, behaviour = turn.request, turn.behaviour
        bucket = self._bucket_of(request)
        operation, resource_id = find_operation(request)
        check_length(request)
        key = check_signature(request, self.keys, behaviour.signatures, signed_at=turn.signed_at, now=turn.server_at)
        check_bucket(bucket)
        check_content(request, behaviour.requests)
        check_permission(key, operation.actions)
        return operation.answer(
            Call(self.service, bucket, behaviour, key, request, turn.request_id, resource_id, turn.late_seconds)
        )

    def _bucket_of(self, request: WireRequest) -> Bucket:
        """
        Return the bucket that ``Host`` names.

        :raises ServiceError: there is no such bucket, or it is in another region (assumed: the same error).
        """
        matched = _CI_HOST.fullmatch(request.host) or COS_HOST.fullmatch(request.host)
        if matched is None and request.host.endswith(_DOMAINS):
            raise ServiceError(400, "InvalidHost", f"{request.host!r} is not a host of Cloud Infinite or COS.")
        name = matched["bucket"] if matched else self.default_bucket
        bucket = self.service.buckets.get(name)
        if bucket is None or (matched and matched["region"] != bucket.region):
            raise ServiceError(404, "NoSuchBucket", f"There is no bucket at {request.host!r}.")
        return bucket

    def _behaviour_for(self, request: WireRequest) -> Behaviour:
        try:
            return self.service.behaviour_of(self._bucket_of(request))
        except ServiceError:
            return self.service.behaviour

    def _request_id(self) -> str:
        """Return an id in the form that the service uses (docs/service.md, 1.4)."""
        seconds = int(self.service.clock.real().timestamp())
        return base64.b64encode(f"{seconds:x}_7f000001_{next(self._serial):x}_1a".encode()).decode()


def _with_fault(right: Reply, turn: _Turn, fault: Fault) -> Reply:
    """Return the answer that the client gets instead of the right one."""
    if fault.kind is FaultKind.BAD_GATEWAY:
        return gateway_page(502)
    if fault.kind is FaultKind.LATE and fault.status:
        return gateway_page(fault.status)
    if error := error_of(fault):
        refusal = _refusal(turn, error)
        return replace(refusal, headers={**refusal.headers, **extra_headers(fault, turn.server_at)})
    return spoiled(right, fault)


def _refusal(turn: _Turn, error: ServiceError) -> Reply:
    if turn.operation in KEY_OPERATIONS:
        return _with_date(key_refusal(turn.operation, error, turn.request_id), turn)
    form = turn.behaviour.answers if turn.service == "ci" else AnswerForm(cos_style_errors=True)
    if form.cos_style_errors:
        error = error.in_words_of_cos()
    trace_id = base64.b64encode(turn.request_id.encode()).decode()
    path = turn.request.path
    body = error_body(error, form, path=path, request_id=turn.request_id, trace_id=trace_id)
    return Reply(error.status, {**turn.headers(), f"x-{turn.service}-trace-id": trace_id}, body)


def _redirect_to_https(turn: _Turn) -> int | None:
    """Return the status of the redirect of a client that came without TLS; ``None``: it is served."""
    answer = turn.behaviour.requests.plain_http
    without_tls = turn.request.headers.get("x-forwarded-proto", "").lower() == "http"
    return int(answer) if without_tls and answer != "serve" else None


def _redirect(turn: _Turn, status: int) -> Reply:
    permanent = status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT)
    code = "PermanentRedirect" if permanent else "TemporaryRedirect"
    refusal = _refusal(turn, ServiceError(status, code, "Please use HTTPS."))
    location = f"https://{turn.request.host}{turn.request.target}"
    return replace(refusal, headers={**refusal.headers, "Location": location})


def _has_date(reply: Reply, turn: _Turn) -> bool:
    """Return whether an answer has ``Date``; those of COS, and of the services that hand out keys, always have."""
    of_ci = turn.service == "ci" and turn.operation not in KEY_OPERATIONS
    form = turn.behaviour.answers.date_header if of_ci else "every"
    return form == "every" or (form == "not_on_errors" and reply.status < HTTPStatus.MULTIPLE_CHOICES)


def _without_date(reply: Reply) -> Reply:
    headers = {name: value for name, value in reply.headers.items() if name != "Date"}
    return replace(reply, headers=headers, delivery=replace(reply.delivery, without_date=True))


def _with_date(reply: Reply, turn: _Turn) -> Reply:
    return replace(reply, headers={**reply.headers, "Date": turn.headers()["Date"]})
