"""The known service time, and the effect of a wrong Date header."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from tests.core.script import START, failure, respond

NONE, HOUR = timedelta(0), timedelta(hours=1)


def date(ahead):
    return format_datetime(START + ahead, usegmt=True)


def good(ahead):
    """An answer to an accepted request."""
    return respond("<Response/>", date=date(ahead))


def refusal(ahead):
    """An answer that refuses a signature because of its time."""
    return failure(401, "SignatureExpired", date=date(ahead))


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def clock(warnings):
    return ServiceClock(warnings.append)


def test_requests_are_signed_with_the_local_time_until_an_answer_has_the_service_s_time(clock):
    assert clock.at(START) == START
    assert clock.known_at(START) is None


@pytest.mark.parametrize("ahead", [NONE, HOUR, -HOUR, timedelta(days=2), timedelta(days=-2)])
@pytest.mark.parametrize("status", [200, 404, 429, 500, 502])
def test_each_answer_sets_the_service_s_time(clock, warnings, ahead, status):
    clock.learn(respond("", status, date=date(ahead)))
    assert clock.at(START) == clock.known_at(START) == START + ahead
    assert not warnings, "nothing was refused"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2300",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        date(timedelta(days=2, seconds=1)),
        date(timedelta(days=-2, seconds=-1)),
        f"{date(HOUR)}, {date(HOUR)}",
        f"Fri, 02 Jan 2026 {'7' * 30}:00 GMT",
    ],
)
def test_a_missing_or_absurd_date_changes_nothing(clock, warnings, text):
    clock.learn(respond("", date=text))
    assert not clock.learn_from_refusal(failure(403, "RequestTimeTooSkewed", date=text), NONE)
    assert clock.known_at(START) is None
    clock.learn(good(HOUR))
    clock.learn(respond("", date=text))
    assert clock.known_at(START) == START + HOUR
    assert not warnings


def test_a_refusal_corrects_a_wrong_clock_and_is_logged_once(clock, warnings):
    assert clock.learn_from_refusal(refusal(timedelta(minutes=20)), clock.correction)
    assert clock.at(START) == START + timedelta(minutes=20)
    assert clock.learn_from_refusal(refusal(-HOUR), clock.correction)
    assert clock.at(START) == START - HOUR
    [warning] = warnings
    assert warning.startswith("This machine's clock is 1200 seconds behind the service's.")


def test_a_refusal_without_a_new_time_causes_no_second_request(clock, warnings):
    assert not clock.learn_from_refusal(refusal(NONE), NONE)
    assert not clock.learn_from_refusal(failure(401, "SignatureExpired"), NONE)
    assert not warnings


def test_many_requests_that_are_refused_together_are_all_signed_again(clock, warnings):
    before = clock.correction
    assert [clock.learn_from_refusal(refusal(HOUR), before) for _ in range(5)] == [True] * 5
    assert clock.at(START) == START + HOUR
    assert len(warnings) == 1


def test_a_wrong_date_does_not_block_a_machine_with_the_right_time(clock, warnings):
    clock.learn(good(HOUR))
    assert [clock.learn_from_refusal(refusal(HOUR), HOUR) for _ in range(3)] == [True] * 3, (
        "also the requests that were already sent"
    )
    assert clock.at(START) == START
    clock.learn(good(HOUR))
    assert clock.at(START) == START, "it is not used again"
    assert clock.known_at(START) is None
    [warning] = warnings
    assert "3600 seconds ahead of this machine's: a proxy may have written it" in warning


def test_a_wrong_date_is_used_again_when_the_local_time_is_refused(clock):
    clock.learn(good(HOUR))
    assert clock.learn_from_refusal(refusal(HOUR), HOUR)
    assert clock.learn_from_refusal(refusal(-HOUR), NONE)
    assert clock.known_at(START) == START - HOUR


def test_a_gateway_with_a_wrong_clock_is_corrected_by_the_service_and_does_not_count_as_a_local_error(clock, warnings):
    clock.learn(respond("", 502, date=date(HOUR)))
    assert clock.learn_from_refusal(refusal(NONE), HOUR)
    assert clock.known_at(START) == START
    assert not warnings


def test_a_correction_refused_without_a_date_is_dropped(clock):
    clock.learn(good(HOUR))
    assert clock.learn_from_refusal(failure(403, "RequestTimeTooSkewed"), HOUR)
    assert clock.at(START) == START


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"))
def test_no_date_text_breaks_the_clock_or_moves_it_far(text):
    clock = ServiceClock()
    clock.learn(respond("", date=text))
    assert abs(clock.at(START) - START) <= timedelta(days=2)


@given(st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1)), st.booleans())
def test_a_date_is_used_within_two_days_and_not_beyond(moment, is_refused):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    clock = ServiceClock()
    answer = failure(401, "SignatureExpired", date=format_datetime(moment, usegmt=True))
    if is_refused:
        clock.learn_from_refusal(answer, NONE)
    else:
        clock.learn(answer)
    is_believed = abs(moment - START) <= timedelta(days=2)
    assert (clock.known_at(START) == moment) is (is_believed and not (is_refused and abs(moment - START) <= HOUR / 120))
