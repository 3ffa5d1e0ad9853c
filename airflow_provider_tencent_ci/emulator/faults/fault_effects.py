"""The effects of a fault: the answer that a client gets instead of the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http import HTTPStatus
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from airflow_provider_tencent_ci.core.wire.xml import element_bytes
from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import Fault, FaultKind
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Delivery, Reply

__all__ = ["HUGE_BYTES", "error_of", "extra_headers", "gateway_page", "spoiled"]

HUGE_BYTES = 50 * 1024 * 1024

_ERRORS: Mapping[str, tuple[int, str, str]] = {
    FaultKind.ERROR: (500, "InternalError", "The emulator was told to fail."),
    FaultKind.SLOW_DOWN: (429, "SlowDown", "Please reduce your request rate."),
    FaultKind.QUEUE_SATURATED: (403, "QueueSaturated", "The queue is full."),
    FaultKind.EXPIRED_TOKEN: (400, "ExpiredToken", "The temporary key has expired."),
    FaultKind.INTERNAL_ERROR: (500, "InternalError", "An internal error occurred."),
    FaultKind.REDIRECT: (307, "TemporaryRedirect", "Please use the address in Location."),
}
_GATEWAY_PAGE = "<html>\r\n<head><title>{}</title></head>\r\n<body>\r\n<hr>\r\n</body>\r\n</html>\r\n"
_GARBAGE = b"\x00\xff\xfe this is not XML {"
_EXTERNAL_ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE Response [<!ENTITY file SYSTEM "file:///etc/hostname">]>'
    b"<Response><RequestId>&file;</RequestId></Response>"
)


def error_of(fault: Fault) -> ServiceError | None:
    """Return the error of a fault; ``None``: the fault is not an error of the service."""
    if fault.kind not in _ERRORS:
        return None
    status, code, message = _ERRORS[fault.kind]
    status = fault.status or status
    if fault.kind is FaultKind.REDIRECT and status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT):
        code = "PermanentRedirect"
    return ServiceError(status, fault.code or code, fault.message or message)


def extra_headers(fault: Fault, now: datetime) -> dict[str, str]:
    """Return the headers that a fault adds to the answer."""
    headers = {}
    if fault.kind is FaultKind.REDIRECT:
        headers["Location"] = fault.location
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = _retry_after(fault, now, fault.retry_after_seconds)
    return headers


def gateway_page(status: int) -> Reply:
    """Return the answer of a gateway between client and service."""
    page = _GATEWAY_PAGE.format(f"{status} {HTTPStatus(status).phrase}")
    return Reply(status, {"Content-Type": "text/html", "Server": "gateway"}, page.encode())


def spoiled(reply: Reply, fault: Fault) -> Reply:
    """Return the right answer after a fault that spoils it."""
    spoil = _SPOIL.get(fault.kind)
    return spoil(reply, fault) if spoil else reply


def _retry_after(fault: Fault, now: datetime, seconds: float) -> str:
    if fault.retry_after_form == "date":
        return format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    return f"{seconds:g}"


def _reset(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delivery=Delivery(reset=True))


def _drip(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delivery=replace(reply.delivery, drip_seconds=fault.duration_seconds))


def _cut_off(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delivery=Delivery(cut=True) if reply.body else Delivery(reset=True))


def _truncate(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _with_body(make: Callable[[], bytes]) -> Callable[[Reply, Fault], Reply]:
    return lambda reply, fault: replace(reply, status=200, body=make())


def _entity_bomb() -> bytes:
    """Return ten levels of ten entities each: a few hundred bytes that expand to ten gigabytes."""
    levels = [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 11)]
    doctype = f'<!DOCTYPE Response [<!ENTITY e0 "x">{"".join(levels)}]>'
    return f'<?xml version="1.0"?>{doctype}<Response><RequestId>&e10;</RequestId></Response>'.encode()


@cache  # to make it for each answer takes longer on a busy machine than a cancel may
def _huge_body() -> bytes:
    return b"<Response><RequestId>" + b"x" * HUGE_BYTES + b"</RequestId></Response>"


def _with_edit(edit: Callable[[Element, Fault], None]) -> Callable[[Reply, Fault], Reply]:
    """Return a function that edits the XML of an answer, if the answer has XML."""

    def spoil(reply: Reply, fault: Fault) -> Reply:
        if not reply.body.startswith(b"<"):  # empty, or JSON
            return reply
        root = fromstring(reply.body)
        edit(root, fault)
        return replace(reply, body=element_bytes(root))

    return spoil


def _change_states(root: Element, fault: Fault) -> None:
    for state in root.iter("State"):
        state.text = fault.word


def _remove_nodes(root: Element, fault: Fault) -> None:
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in fault.nodes]:
            parent.remove(child)


_SPOIL: Mapping[str, Callable[[Reply, Fault], Reply]] = {
    FaultKind.RESET: _reset,
    FaultKind.LATE: _reset,
    FaultKind.DRIP: _drip,
    FaultKind.CUT_OFF: _cut_off,
    FaultKind.TRUNCATED_XML: _truncate,
    FaultKind.EMPTY_BODY: _with_body(bytes),
    FaultKind.GARBAGE_BODY: _with_body(lambda: _GARBAGE),
    FaultKind.ENTITY_BOMB: _with_body(_entity_bomb),
    FaultKind.EXTERNAL_ENTITY: _with_body(lambda: _EXTERNAL_ENTITY),
    FaultKind.HUGE_BODY: _with_body(_huge_body),
    FaultKind.UNKNOWN_STATE: _with_edit(_change_states),
    FaultKind.MISSING_NODES: _with_edit(_remove_nodes),
}
