"""Arguments that are no templates: a wrong value is refused when the DAG is parsed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.waiting.constructor_checks import deadline_after, seconds_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASKS = {
    "operator": lambda **arguments: TriggerInventoryJobOperator(task_id="t", **arguments),
    "sensor": lambda **arguments: InventoryJobSensor(task_id="t", job_id="b1", **arguments),
}
tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@tasks
@pytest.mark.parametrize("fail_on", ["some", "", None, True, 0, 0.0, -1, 1.0, 1.5, math.nan, "0.05", [1]])
def test_a_wrong_fail_on_is_refused(task, fail_on):
    with pytest.raises(InvalidArgumentError, match="fail_on="):
        task(fail_on=fail_on)


@tasks
@pytest.mark.parametrize("fail_on", ["job", "any", 0.05, 0.999, 1, 10])
@pytest.mark.parametrize("on_empty", ["fail", "skip", "succeed"])
def test_valid_rules_are_stored(task, fail_on, on_empty):
    made = task(fail_on=fail_on, on_empty=on_empty)
    assert (made.fail_on, made.on_empty) == (fail_on, on_empty)


@tasks
@pytest.mark.parametrize("on_empty", ["ignore", None, True])
def test_a_wrong_on_empty_is_refused(task, on_empty):
    with pytest.raises(InvalidArgumentError, match="on_empty="):
        task(on_empty=on_empty)


@tasks
@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, -math.inf, True, "30", None, timedelta(0)])
def test_a_duration_that_is_no_positive_number_is_refused(task, seconds):
    with pytest.raises(InvalidArgumentError, match="contact_timeout="):
        task(contact_timeout=seconds)


@pytest.mark.parametrize(("given", "seconds"), [(1, 1.0), (0.5, 0.5), (timedelta(minutes=2), 120.0)])
def test_a_duration_is_stored_in_seconds(given, seconds):
    assert seconds_of("wait_timeout", given) == seconds


def test_a_deadline_is_a_time():
    assert deadline_after(60, NOW) == NOW + timedelta(minutes=1)
    assert deadline_after(None, NOW) is None


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_a_deadline_beyond_the_calendar_is_no_deadline(seconds):
    assert deadline_after(seconds, NOW) is None
