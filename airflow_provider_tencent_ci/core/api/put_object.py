"""
Writing an object into a bucket: one signed ``PUT`` to its ``.cos.`` host ("PUT Object", document 436/7749).

Batches read lists of files from such objects; this is all of COS that they need.
"""

from __future__ import annotations

import base64
import hashlib

from airflow_provider_tencent_ci.core.api.job_requests import read_nothing
from airflow_provider_tencent_ci.core.wire.messages import COS, Flow, Request
from airflow_provider_tencent_ci.core.wire.request_retry import send_with_retry
from airflow_provider_tencent_ci.core.wire.texts import lone_surrogate, not_for_header
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

MAX_KEY_BYTES = 850


def check_object_key(key: str) -> str:
    """
    Return ``key`` if an object can be written under it.

    :raises InvalidArgumentError: it is empty, too long, begins with a slash, or has half a character in it.
    """
    if not key or not isinstance(key, str):
        raise InvalidArgumentError(f"{key!r} is no object key.")
    if key.startswith("/"):
        raise InvalidArgumentError(f"The object key {key!r} begins with a slash, which COS and CI do not agree about.")
    if lone_surrogate(key):
        raise InvalidArgumentError(f"The object key {key!r} has half a character in it, which cannot be sent.")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidArgumentError(f"The object key {key!r} is longer than {MAX_KEY_BYTES} bytes.")
    return key


def build_put_object(key: str, data: bytes, content_type: str = "text/plain") -> Request:
    """
    Build the request that writes an object, with the digest by which COS checks what arrived.

    :raises InvalidArgumentError: the key, the data or the type cannot be sent.
    """
    if not isinstance(data, bytes):
        raise InvalidArgumentError(f"The data of an object must be bytes, not {type(data).__name__}.")
    if not isinstance(content_type, str) or not_for_header(content_type):
        raise InvalidArgumentError(f"content_type={content_type!r} cannot be sent in a header.")
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    headers = {"Content-Type": content_type, "Content-MD5": digest}
    return Request("PUT", f"/{check_object_key(key)}", headers=headers, body=data, service=COS)


def put_object(key: str, data: bytes, content_type: str = "text/plain") -> Flow[None]:
    """
    Write an object; what was there under this key is replaced.

    Retried like a read, since each try writes the same bytes to the same object.

    :param key: its key, without a slash in front.
    :raises InvalidArgumentError: the key, the data or the type cannot be sent.
    """
    yield from send_with_retry(build_put_object(key, data, content_type), read_nothing)
