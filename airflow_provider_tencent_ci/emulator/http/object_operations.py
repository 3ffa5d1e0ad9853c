"""
The operations of COS: ``PUT``, ``GET`` and ``HEAD`` of an object on the bucket's ``.cos.`` host.

Requests are signed as for Cloud Infinite. Errors have COS's codes and form.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from airflow_provider_tencent_ci.emulator.auth.permissions import check_permission
from airflow_provider_tencent_ci.emulator.auth.request_signature import SIGNATURE_PARAMETERS, AccessKey
from airflow_provider_tencent_ci.emulator.http.object_checksums import checksum_headers
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, StoredObject
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError, invalid_argument
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["COS_HOST", "OBJECT_OPERATIONS", "answer_object", "object_operation"]

COS_HOST = re.compile(r"(?P<bucket>[a-z0-9-]+)\.cos\.(?P<region>[a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)")

_OPERATIONS = {"PUT": "put_object", "GET": "get_object", "HEAD": "head_object"}
_ACTIONS = {"put_object": "cos:PutObject", "get_object": "cos:GetObject", "head_object": "cos:HeadObject"}
_UNKNOWN_OPERATION = "unknown_object_operation"
_MAX_KEY_BYTES = 850
_RESPONSE_PARAMETERS = frozenset(
    f"response-{header}"
    for header in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
)

OBJECT_OPERATIONS = (*_ACTIONS, _UNKNOWN_OPERATION)


def object_operation(request: WireRequest) -> str | None:
    """Return the one of ``OBJECT_OPERATIONS`` that a request asks for; ``None``: it is not for a host of COS."""
    if not COS_HOST.fullmatch(request.host):
        return None
    operation = _OPERATIONS.get(request.method, _UNKNOWN_OPERATION)
    known = _RESPONSE_PARAMETERS if operation == "get_object" else frozenset()
    return operation if request.query.keys() <= SIGNATURE_PARAMETERS | known else _UNKNOWN_OPERATION


def answer_object(
    operation: str, request: WireRequest, bucket: Bucket, key: AccessKey, now: datetime, headers: dict[str, str]
) -> Reply:
    """
    Answer an authenticated request.

    :param now: the time of modification of an object that is written.
    :param headers: the headers that every answer has.
    :raises ServiceError: there is no such object or operation, or the key may not use the operation.
    """
    name = request.path.removeprefix("/")
    if operation == _UNKNOWN_OPERATION or not name:
        raise ServiceError(405, "MethodNotAllowed", "The emulator's COS can only PUT, GET and HEAD an object.")
    check_permission(key, (_ACTIONS[operation],))
    if operation == "put_object":
        _write(bucket, name, request.body, now)
        return Reply(200, headers | checksum_headers(request.body))
    found = bucket.objects.get(name)
    if found is None:
        raise ServiceError(404, "NoSuchKey", "The specified key does not exist.")
    modified_at = format_datetime(found.last_modified_at, usegmt=True)
    headers |= {"Content-Type": "text/plain", "Last-Modified": modified_at} | checksum_headers(found.content)
    return Reply(200, headers | _wanted_headers(request), found.content)


def _write(bucket: Bucket, name: str, content: bytes, now: datetime) -> None:
    if len(name.encode()) > _MAX_KEY_BYTES:
        raise ServiceError(400, "KeyTooLong", f"The key is longer than {_MAX_KEY_BYTES} bytes.")
    bucket.objects[name] = StoredObject(name, len(content), now, content)


def _wanted_headers(request: WireRequest) -> dict[str, str]:
    """Return the headers of the answer that the request itself sets (docs/service.md, 1.6)."""
    wanted = {name: value for name, value in request.parameters if name in _RESPONSE_PARAMETERS}
    for name, value in wanted.items():
        if not value.isprintable():
            raise invalid_argument(f"{name} {value!r} cannot be the value of a header.")
    return {name.removeprefix("response-").title(): value for name, value in wanted.items()}
