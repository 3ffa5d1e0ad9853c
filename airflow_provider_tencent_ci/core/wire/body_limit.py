"""The limit on the size of an answer: both drivers stop reading there."""

from __future__ import annotations

from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

# A page of 100 jobs has about 100 kB. Together with the limits of xml.py, this bounds the memory of an answer.
MAX_BODY_BYTES = 4 * 1024 * 1024


def check_body_size(size_bytes: int, status: int) -> None:
    """
    Check how much of an answer has been read.

    :param status: its HTTP status, for the error.
    :raises UnreadableResponseError: it is more than 4 MB.
    """
    if size_bytes > MAX_BODY_BYTES:
        raise UnreadableResponseError(
            f"The answer is larger than {MAX_BODY_BYTES // 1024**2} MB and was not read further.", status=status
        )
