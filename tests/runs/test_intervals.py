"""The interval of a night, as usual schedules give it."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER

CRON = HEADER.replace("schedule=None", 'schedule="0 2 * * *"')
assert CRON != HEADER
DAILY = "from airflow.timetables.interval import CronDataIntervalTimetable\n" + CRON.replace(
    '"0 2 * * *"', 'CronDataIntervalTimetable("0 2 * * *", timezone="UTC")'
)
DATA_INTERVAL = "{{ data_interval_start }}", "{{ data_interval_end }}"
LAST_DAY = "{{ data_interval_end - macros.timedelta(days=1) }}", "{{ data_interval_end }}"


def run(header, start_time, end_time):
    task = f"TriggerInventoryJobOperator(task_id='go', workflow_ids={WORKFLOW_ID!r}, prefix='media/', "
    times = f"start_time={start_time!r}, end_time={end_time!r})"
    return run_dag_file(f"{header}\nwith dag:\n    {task}{times}\n")


@pytest.mark.skipif(airflow_version < "3", reason="on 2.11 a cron text has the data interval of a day")
def test_an_empty_data_interval_of_a_cron_text_submits_nothing(emulator):
    assert run(CRON, *DATA_INTERVAL).state == "failed"
    assert not emulator.jobs


@pytest.mark.parametrize(
    ("header", "start_time", "warns"),
    [
        (CRON, DATA_INTERVAL[0], airflow_version >= "3"),
        (CRON, LAST_DAY[0], False),
        (DAILY, DATA_INTERVAL[0], False),
    ],
)
def test_a_start_at_an_empty_data_interval_is_a_warning(emulator, warned, header, start_time, warns):
    assert run(header, start_time, "").state == "success"
    said = warned("when this run was due")
    assert len(said) == warns
    assert all("CronDataIntervalTimetable" in text for text in said)


def test_the_day_before_the_end_of_the_data_interval_is_sent(emulator):
    assert run(CRON, *LAST_DAY).state == "success"
    [job] = emulator.jobs
    with TencentCIHook() as hook:
        interval = hook.get_inventory_job(job.job_id).operation["TimeInterval"]
    start, end = (datetime.strptime(interval[name], "%Y-%m-%dT%H:%M:%S%z") for name in ("Start", "End"))
    assert (end - start).days == 1


has_runs_without_date = pytest.mark.skipif(airflow_version < "3", reason="on 2.11 each run has a logical date")

# The arguments of a task that need a date, each in a task that would submit or wait without it.
OPERATOR = "TriggerInventoryJobOperator(task_id='go', workflow_ids={workflow!r}, {arguments})"
MAPPED = OPERATOR.replace("Operator(", "Operator.partial(") + ".expand(prefix=['media/'])"
UNDATED = {
    "interval": (OPERATOR, "prefix='media/', start_time='{{ data_interval_start }}'"),
    "computed": (OPERATOR, "prefix='media/', end_time='{{ data_interval_end - macros.timedelta(days=1) }}'"),
    "local day": (OPERATOR, 'prefix=\'media/{{ logical_date.in_timezone("Asia/Shanghai").strftime("%d") }}\''),
    "list": (OPERATOR, "prefix='media/', wait_for_completion=True, failures_path='file:///tmp/{{ ds }}/'"),
    "several": (OPERATOR.replace("{workflow!r}", "['{{ ts_nodash }}']"), "prefix='media/'"),
    "mapped": (MAPPED, "start_time='{{ data_interval_start }}'"),
    "decorated": (
        "task.tencent_ci_inventory_job(task_id='go')(lambda: dict(workflow_ids={workflow!r}, {arguments}))()",
        "prefix='media/', start_time='{{ data_interval_start }}'",
    ),
    "sensor": ("InventoryJobSensor(task_id='go', {arguments})", "job_id='b0', failures_path='file:///tmp/{{ ds }}/'"),
}


@has_runs_without_date
@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("case", UNDATED)
def test_a_run_without_a_date_submits_nothing_and_says_how_to_give_one(emulator, capfd, case, native):
    task, arguments = UNDATED[case]
    task = task.replace("{arguments}", arguments).replace("{workflow!r}", repr(WORKFLOW_ID))
    imports = "from airflow.providers.common.compat.sdk import task\n"
    header = HEADER.replace("schedule=None", "schedule=None, render_template_as_native_obj=True") if native else HEADER
    run = run_dag_file(f"{header}\n{imports}with dag:\n    {task}\n", logical_date="none")
    assert run.state == "failed"
    assert not emulator.jobs
    said = re.sub(r"[\s│]+", " ", "".join(capfd.readouterr()))  # Airflow may print an error in lines of 80 characters
    assert "This run has no logical date" in said
    assert f"airflow backfill create --dag-id {run.dag_id} " in said


@has_runs_without_date
def test_each_run_has_the_time_that_the_error_names(emulator):
    times = "{{ dag_run.run_after - macros.timedelta(days=1) }}", "{{ dag_run.run_after }}"
    task = f"TriggerInventoryJobOperator(task_id='go', workflow_ids={WORKFLOW_ID!r}, prefix='media/', "
    source = f"{HEADER}\nwith dag:\n    {task}start_time={times[0]!r}, end_time={times[1]!r})\n"
    assert run_dag_file(source, logical_date="none").state == "success"
    [_] = emulator.jobs


@has_runs_without_date
def test_another_undefined_name_is_no_matter_of_the_date(emulator, capfd):
    task = f"TriggerInventoryJobOperator(task_id='go', workflow_ids={WORKFLOW_ID!r}, prefix='{{{{ nonsense }}}}')"
    assert run_dag_file(f"{HEADER}\nwith dag:\n    {task}\n", logical_date="none").state == "failed"
    assert "no logical date" not in "".join(capfd.readouterr())
