"""Which error of a poll ends a sensor's wait at once."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.polling.first_poll import ends_at_once

MAY_PASS = [
    e.TransportError("lost", request_sent=True),
    e.ThrottledError("slow down"),
    e.ServiceUnavailableError("busy"),
    e.UnreadableResponseError("half a page"),
]
STAYS = [
    e.NotFoundError("none"),
    e.AuthenticationError("wrong key"),
    e.PermissionDeniedError("no"),
    e.RedirectError(""),
]


@pytest.mark.parametrize("error", STAYS, ids=lambda error: type(error).__name__)
def test_an_error_that_no_further_poll_can_mend_ends_the_wait_at_the_first_poll_only(error):
    assert ends_at_once(error, is_first_poll=True)
    assert not ends_at_once(error, is_first_poll=False)


@pytest.mark.parametrize("error", MAY_PASS, ids=lambda error: type(error).__name__)
def test_an_error_that_may_pass_never_ends_the_wait_at_once(error):
    assert not ends_at_once(error, is_first_poll=True)
    assert not ends_at_once(error, is_first_poll=False)
