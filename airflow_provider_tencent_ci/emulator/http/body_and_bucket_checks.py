"""Checks of a request that depend neither on its operation nor on its key: length, bucket and content."""

from __future__ import annotations

import base64
import hashlib

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.switches import RequestRules
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest

__all__ = ["MAX_REQUEST_BYTES", "check_bucket", "check_content", "check_length"]

MAX_REQUEST_BYTES = 1024 * 1024  # assumed


def check_length(request: WireRequest, limit: int = MAX_REQUEST_BYTES) -> None:
    """
    Refuse a request without a length, or with a body that is too long.

    :param limit: how many bytes a body may have.
    :raises ServiceError: 411 or 413.
    """
    if request.method in ("POST", "PUT") and "content-length" not in request.headers:
        raise ServiceError(411, "MissingContentLength", "Content-Length is required.")
    if len(request.body) > limit:
        raise ServiceError(413, "InvalidContent", f"The body is longer than {limit} bytes.")


def check_bucket(bucket: Bucket) -> None:
    """
    Refuse a request to a bucket that the service may not process.

    :raises ServiceError: the bucket is not bound to Cloud Infinite, or the service role is missing.
    """
    if not bucket.bound:
        raise ServiceError(400, "MediaBucketUnBinded", f"The bucket {bucket.name!r} is not bound to CI.")
    if not bucket.has_role:
        raise ServiceError(400, "CIRoleNotExist", "The service role CI_QCSRole does not exist.")


def check_content(request: WireRequest, rules: RequestRules) -> None:
    """
    Refuse a body that does not match its headers.

    :raises ServiceError: ``Content-MD5`` or ``Content-Type`` is wrong, or the latter is missing and required.
    """
    given = request.headers.get("content-md5")
    if given is not None:
        digest = hashlib.md5(request.body, usedforsecurity=False).digest()
        if given != base64.b64encode(digest).decode():
            message = "Content-MD5 does not match the body."
            raise ServiceError(400, "InvalidContent", message, cos=(400, "InvalidDigest"))
    if request.method == "POST" and request.body:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in ("application/xml", "text/xml") and (media_type or rules.content_type_required):
            raise ServiceError(400, "InvalidContentType", f"Content-Type {media_type!r} is not application/xml.")
