"""The first poll of a sensor's try: which of its errors end the wait at once."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
from airflow_provider_tencent_ci.exceptions import TencentCIError


def ends_at_once(error: TencentCIError, *, is_first_poll: bool) -> bool:
    """
    Whether a failed poll ends the wait at once; if not, ``contact_timeout`` decides.

    The first poll shows whether the arguments are right. So it alone ends the wait with an error that no further poll
    can mend.
    """
    return is_first_poll and not is_transient(error)
