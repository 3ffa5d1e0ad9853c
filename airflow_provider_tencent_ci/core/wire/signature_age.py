"""How old a signature was when its request was answered: a process may be frozen after it has signed."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_tencent_ci.core.wire.messages import Request, Response

# More than a request usually takes, and less than a signature is valid for.
_SIGNED_LONG_AGO = timedelta(minutes=2)


def was_signed_long_ago(response: Response, correction: timedelta) -> bool:
    """
    Whether the answered request's signature is old by this machine's clock.

    The service's clock may have been corrected meanwhile.

    :param correction: what was added to this machine's clock when the request was signed.
    """
    signed_at = response.signed_at
    return signed_at is not None and response.received_at - (signed_at - correction) > _SIGNED_LONG_AGO


def may_be_signed_again(request: Request) -> bool:
    """Whether a late request may be signed and sent again: a read may be, any other one may be outdated by now."""
    return request.method == "GET"
