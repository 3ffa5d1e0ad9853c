"""
The operations of COS: ``PUT``, ``GET`` and ``HEAD`` of an object on the bucket's ``.cos.`` host.

Requests are signed as for Cloud Infinite. Errors have COS's codes and form.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.utils import format_datetime

from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, StoredObject
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["COS_HOST", "OBJECT_OPERATIONS", "answer_object", "object_operation"]

COS_HOST = re.compile(r"(?P<bucket>[a-z0-9-]+)\.cos\.(?P<region>[a-z0-9-]+)\.myqcloud\.com")

_OPERATIONS = {"PUT": "put_object", "GET": "get_object", "HEAD": "head_object"}
_ACTIONS = {"put_object": "cos:PutObject", "get_object": "cos:GetObject", "head_object": "cos:HeadObject"}
_UNKNOWN_OPERATION = "unknown_object_operation"
_MAX_KEY_BYTES = 850

OBJECT_OPERATIONS = (*_ACTIONS, _UNKNOWN_OPERATION)


def object_operation(request: WireRequest) -> str | None:
    """Return the one of ``OBJECT_OPERATIONS`` that a request asks for; ``None``: it is not for a host of COS."""
    if not COS_HOST.fullmatch(request.host):
        return None
    return _UNKNOWN_OPERATION if request.raw_query else _OPERATIONS.get(request.method, _UNKNOWN_OPERATION)


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
    key.check_permission((_ACTIONS[operation],))
    if operation == "put_object":
        _write(bucket, name, request.body, now)
        return Reply(200, headers | {"ETag": _etag(request.body)})
    found = bucket.objects.get(name)
    if found is None:
        raise ServiceError(404, "NoSuchKey", "The specified key does not exist.")
    modified_at = format_datetime(found.last_modified_at, usegmt=True)
    headers |= {"Content-Type": "text/plain", "ETag": _etag(found.content), "Last-Modified": modified_at}
    return Reply(200, headers, found.content)


def _write(bucket: Bucket, name: str, content: bytes, now: datetime) -> None:
    if len(name.encode()) > _MAX_KEY_BYTES:
        raise ServiceError(400, "KeyTooLong", f"The key is longer than {_MAX_KEY_BYTES} bytes.")
    bucket.objects[name] = StoredObject(name, len(content), now, content)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
