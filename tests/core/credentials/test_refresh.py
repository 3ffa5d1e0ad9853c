from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.credentials.refresh import RefreshState
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError
from tests.core.script import START


def after(seconds):
    return START + timedelta(seconds=seconds)


def keys(lifetime_seconds, name="AKIDTEMPORARY"):
    return Credentials(name, "the-secret", "the-token", after(lifetime_seconds))


def holding(lifetime_seconds):
    renewal = RefreshState()
    renewal.refreshed(keys(lifetime_seconds), START)
    return renewal


def test_without_keys_the_source_is_read_at_once():
    assert RefreshState().usable(START) is None
    assert RefreshState().is_due(START)


@pytest.mark.parametrize(
    ("lifetime_seconds", "due_after_seconds"),
    [(7200, 6900), (1200, 900), (400, 300), (40, 30), (4, 3)],
)
def test_keys_are_refreshed_five_minutes_early_and_short_lived_ones_after_three_quarters(
    lifetime_seconds, due_after_seconds
):
    renewal = holding(lifetime_seconds)
    assert not renewal.is_due(after(due_after_seconds - 0.001))
    assert renewal.is_due(after(due_after_seconds))
    assert renewal.usable(after(lifetime_seconds - 0.001)) == keys(lifetime_seconds)
    assert renewal.usable(after(lifetime_seconds)) is None


def test_keys_without_an_expiry_are_never_refreshed():
    renewal = RefreshState()
    renewal.refreshed(Credentials("AKIDEXAMPLE", "the-secret"), START)
    assert not renewal.is_due(START + timedelta(days=10_000))


@pytest.mark.parametrize("lifetime_seconds", [0, -1, -7200])
def test_new_keys_are_valid_even_if_the_local_clock_says_expired(lifetime_seconds):
    renewal = holding(lifetime_seconds)
    for seconds in (0, 3600, 86400):
        assert renewal.usable(after(seconds)) == keys(lifetime_seconds)
        assert not renewal.is_due(after(seconds))
    assert renewal.discard(keys(lifetime_seconds), after(86400)), "until the service refuses them as expired"
    assert renewal.usable(after(86400)) is None


def test_after_a_failure_the_old_keys_are_used_and_the_source_is_not_read_for_ten_seconds():
    renewal = holding(7200)
    assert renewal.failed(CredentialsError("no answer"), after(6900)), "the first failure is logged"
    assert renewal.usable(after(6901)) == keys(7200)
    assert not renewal.is_due(after(6909.9))
    assert renewal.is_due(after(6910))
    assert not renewal.failed(CredentialsError("no answer"), after(6910)), "the second is not logged"
    renewal.refreshed(keys(14_000), after(6920))
    assert renewal.failed(CredentialsError("no answer"), after(13_900)), "after a success a failure is logged again"


def test_a_clock_that_is_set_back_does_not_block_a_refresh():
    renewal = RefreshState()
    renewal.failed(CredentialsError("no answer"), START)
    assert renewal.is_due(after(-3600))


@pytest.mark.parametrize("may_pass", [True, False])
def test_each_refresh_raises_a_new_error_object(may_pass):
    renewal = RefreshState()
    renewal.failed(CredentialsError("no answer", may_pass=may_pass), START)
    first, second = renewal.error(), renewal.error()
    assert first is not second
    assert (str(first), first.may_pass, first.request_sent) == ("no answer", may_pass, False)


def test_keys_that_the_service_refuses_as_expired_are_dropped():
    renewal = holding(7200)
    assert renewal.discard(keys(7200), after(60))
    assert renewal.usable(after(60)) is None
    assert renewal.is_due(after(60))
    assert renewal.discard(keys(7200), after(60)), "other users of these keys must request newer ones, too"


def test_new_keys_that_the_service_refuses_as_expired_are_kept():
    renewal = holding(7200)
    assert not renewal.discard(keys(7200), after(59))
    assert renewal.usable(after(59)) == keys(7200)


def test_keys_of_unknown_age_are_dropped_after_the_clock_is_set_back():
    renewal = holding(7200)
    assert renewal.discard(keys(7200), after(-600))
    assert renewal.usable(after(-600)) is None


def test_a_user_of_older_keys_gets_the_newer_ones():
    renewal = holding(7200)
    assert renewal.discard(keys(7000, "AKIDOLDER"), after(1))
    assert renewal.usable(after(1)) == keys(7200)
