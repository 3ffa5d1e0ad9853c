"""Whose time requests are signed with."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_tencent_ci.core.service_clock import ServiceClock
from tests.core.script import START, failure, respond

LATER = format_datetime(START + timedelta(minutes=20))


@pytest.mark.parametrize("code", ["SignatureExpired", "RequestTimeTooSkewed"])
def test_a_signature_that_is_refused_for_its_time_tells_the_service_s(code):
    clock = ServiceClock()
    assert clock.learn(failure(403, code, date=LATER))
    assert clock.at(START) == START + timedelta(minutes=20)


@pytest.mark.parametrize(
    "answer",
    [
        respond("<Response/>", date=LATER),
        failure(403, "AccessDenied", date=LATER),
        failure(401, "SignatureExpired"),
        failure(401, "SignatureExpired", date="soon"),
        failure(500, "SignatureExpired", date=LATER),
    ],
    ids=["a good answer", "another refusal", "no date", "no real date", "a failure"],
)
def test_nothing_else_moves_the_clock(answer):
    clock = ServiceClock()
    assert not clock.learn(answer)
    assert clock.at(START) == START
