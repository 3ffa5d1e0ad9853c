"""Nightly DAGs of the examples and of the docs: which files two following nights process."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
import pytest
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import remember_failures, run_dag_file
from tests.runs.test_example_code import dag_file
from tests.snippets import SNIPPETS

EXAMPLES = Path(__file__).parents[2] / "example_dags"
GUIDE = Path(__file__).parents[2] / "docs" / "operator.md"
NIGHTLY = "CronDataIntervalTimetable("
BEIJING = timezone(timedelta(hours=8))
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

# The folders into which the example with two batches divides its prefix.
FOLDERS = ("media/0001/", "media/0002/")

# Each test has weeks of its own, since a DAG can run once for each date.
_WEEKS = itertools.count()


def sources():
    """Each DAG file that README, docs or examples show with a schedule, by its name."""
    files = [*sorted(EXAMPLES.glob("*.py")), *sorted(SNIPPETS.rglob("*.py"))]
    return {path.name: path for path in files if NIGHTLY in path.read_text("utf-8")}


def runnable(path):
    if path.parent == EXAMPLES:
        return path
    return dag_file(path.name).replace("job_id=submit.output", "job_id=submit.output, poke_interval=0.3")


@pytest.fixture
def emulator(monkeypatch, tmp_path):
    with Emulator(objects=0, submitted_seconds=0.1, run_seconds=0.2) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        monkeypatch.setenv("TENCENT_CI_POLL_SECONDS", "0.2")
        monkeypatch.setenv("TENCENT_CI_REPORTS", f"file://{tmp_path}/")
        remember_failures(monkeypatch)
        yield emulator


@pytest.fixture
def first_night():
    """The end of a night: 02:00 in Beijing."""
    return datetime(2026, 3, 1, 2, tzinfo=BEIJING) + next(_WEEKS) * timedelta(days=7)


def upload(emulator, first):
    """Put files around the bounds of two nights into the bucket, the same ones into each folder."""
    times = {
        "month-before": first - 30 * DAY,
        "second-before": first - DAY - SECOND,
        "begin": first - DAY,
        "first": first - DAY + HOUR,
        "last-of-first": first - SECOND,
        "bound": first,
        "second": first + HOUR,
        "last-of-second": first + DAY - SECOND,
        "end": first + DAY,
        "second-after": first + DAY + SECOND,
    }
    for name, modified_at in times.items():
        emulator.add_objects(*(f"{folder}{name}.mp4" for folder in FOLDERS), last_modified_at=modified_at)


def files_of(jobs):
    """The files that jobs have processed, by their short names; each file of each folder."""
    found = {folder: [] for folder in FOLDERS}
    with TencentCIHook() as hook:
        for job in jobs:
            for one in hook.list_workflow_executions(WORKFLOW_ID, job_id=job.job_id):
                folder, _, name = one.object_key.rpartition("/")
                found[f"{folder}/"].append(name.removesuffix(".mp4"))
    return {folder: sorted(names) for folder, names in found.items()}


def run_two_nights(emulator, source, first):
    """Run a DAG on the morning after each of two nights, at any time of the day; return the files of both."""
    nights = []
    for morning in (first + 7 * HOUR, first + DAY + 11 * HOUR):
        before = {job.job_id for job in emulator.jobs}
        run = run_dag_file(source, logical_date=morning)
        assert run.state == "success", run.failures
        nights.append(files_of(job for job in emulator.jobs if job.job_id not in before))
    return nights


@pytest.mark.parametrize("hour", range(24))
def test_objects_of_24_hours_ago_are_files_of_the_last_whole_night(hour):
    """The age that the docs give to the emulator for the DAG in README and quick start."""
    assert f'{NIGHTLY}"0 2 * * *", timezone="Asia/Shanghai")' in (SNIPPETS / "nightly_dag.py").read_text("utf-8")
    timetable = CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai")
    now = pendulum.instance(datetime(2026, 1, 3, hour, 8, tzinfo=BEIJING))
    night = timetable.infer_manual_data_interval(run_after=now)
    assert night.start <= now - DAY < night.end


def test_each_shown_dag_with_a_time_has_an_interval():
    """A cron text as schedule has an empty one on Airflow 3."""
    files = [*EXAMPLES.glob("*.py"), *SNIPPETS.rglob("*.py")]
    assert [path.name for path in files if re.search(r"schedule=[\"'(]", path.read_text("utf-8"))] == []
    assert {"tencent_ci_nightly.py", "nightly_dag.py"} < set(sources())


@pytest.mark.parametrize("name", sources())
def test_two_nights_process_each_file_and_no_older_one(emulator, first_night, name):
    upload(emulator, first_night)
    nights = run_two_nights(emulator, runnable(sources()[name]), first_night)
    first = sorted(["begin", "first", "last-of-first", "bound"])
    second = sorted(["bound", "second", "last-of-second", "end"])
    assert nights == [dict.fromkeys(FOLDERS, first), dict.fromkeys(FOLDERS, second)]


ONE_NIGHT = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

timetable = CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai")
with DAG("DAG_UNDER_TEST", schedule=timetable, start_date=datetime(2026, 1, 1), catchup=False):
    TriggerInventoryJobOperator(
        task_id="go", workflow_ids={workflow!r}, prefix="media/", start_time={start!r}, end_time={end!r},
        wait_for_completion=True, poll_interval=0.2,
    )
"""


def shown_times(row):
    """The two templates of a row of the guide's table."""
    [found] = re.findall(rf"^\| {row}[^|]* \| `([^`]+)` \| `([^`]+)` \|$", GUIDE.read_text("utf-8"), re.M)
    return found


@pytest.mark.parametrize(
    ("bounds", "row"),
    [("both", "both bounds"), ("start", "one bound"), ("end", "one bound"), ("neither", "no bound")],
)
def test_the_guide_s_times_process_each_file_in_exactly_one_night(emulator, first_night, bounds, row):
    upload(emulator, first_night)
    emulator.configure(interval_bounds=bounds)
    start, end = shown_times(row)
    source = ONE_NIGHT.format(workflow=WORKFLOW_ID, start=start, end=end)
    first, second = (night[FOLDERS[0]] for night in run_two_nights(emulator, source, first_night))
    both_nights = {"begin", "first", "last-of-first", "bound", "second", "last-of-second", "end"}
    # The outer bounds belong to the nights before and after.
    at_the_edge = {"end"} if bounds != "end" else {"begin"}
    assert sorted([*first, *second]) == sorted(both_nights - at_the_edge)
