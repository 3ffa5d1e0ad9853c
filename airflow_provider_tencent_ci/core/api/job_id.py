"""The rule for the id of a batch job."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_ID = re.compile(r"[A-Za-z0-9._=+/~-]+")


def check_job_id(job_id: str) -> str:
    """
    Return ``job_id`` if it can be one. The documented shape, ``b`` and 32 hex digits, is not promised.

    :raises InvalidArgumentError: it is no text, is empty, or has characters of no id; it may be base64.
    """
    if isinstance(job_id, Sequence) and not isinstance(job_id, str | bytes):
        raise InvalidArgumentError(
            "job_id is a list, as the result of a mapped task is, and must be one id. Map this task, too: "
            "partial(...).expand(job_id=submit.output)."
        )
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id) or not job_id.strip("."):
        raise InvalidArgumentError(
            f"job_id={job_id!r} is not the id of a batch job, such as b0123456789abcdef0123456789abcdef."
        )
    return job_id
