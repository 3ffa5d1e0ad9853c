"""A wait that may end its task in the triggerer: only a success does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import TaskSuccessEvent
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.resume_event import read_event

TI = SimpleNamespace(id=1, dag_id="nightly", task_id="submit", run_id="r1", map_index=-1)
XCOMS = {"return_value": "job_id", "job": "record"}


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def pushed(monkeypatch):
    pushed = {}
    monkeypatch.setattr(triggers, "push_xcoms", lambda ti, values: pushed.update({ti.task_id: values}))
    return pushed


def event_of(job_id, ti=TI, **arguments):
    trigger = InventoryJobTrigger(job_id, poll_interval=0.1, **arguments)
    trigger.task_instance = ti

    async def collect():
        return [event async for event in trigger.run()]

    [event] = asyncio.run(asyncio.wait_for(collect(), 30))
    return event


def test_a_success_ends_the_task_with_its_xcoms(emulator, job_id, pushed):
    emulator.finish_job(job_id)
    event = event_of(job_id, success_xcoms=XCOMS)
    assert type(event) is TaskSuccessEvent
    assert event.xcoms is None  # which Airflow would store as text
    assert pushed["submit"]["return_value"] == job_id
    assert (pushed["submit"]["job"]["JobId"], pushed["submit"]["job"]["State"]) == (job_id, "Success")


def test_a_success_of_a_task_that_returns_nothing_pushes_nothing(emulator, job_id, pushed):
    emulator.finish_job(job_id)
    assert type(event_of(job_id, success_xcoms={})) is TaskSuccessEvent
    assert pushed == {"submit": {}}


@pytest.mark.parametrize("outcome", ["fail_job", "cancel_job"])
def test_a_failed_job_resumes_the_task(emulator, job_id, pushed, outcome):
    getattr(emulator, outcome)(job_id)
    event = event_of(job_id, success_xcoms=XCOMS)
    assert read_event(event.payload)["status"] == "terminal"
    assert pushed == {}


def test_a_deadline_resumes_the_task(emulator, job_id, pushed):
    event = event_of(job_id, success_xcoms=XCOMS, deadline_at="2026-01-01T00:00:00+00:00")
    assert read_event(event.payload)["status"] == "deadline"
    assert pushed == {}


@pytest.mark.parametrize(("ti", "xcoms"), [(TI, None), (None, XCOMS)], ids=["without the option", "dag.test"])
def test_a_success_without_the_option_resumes_the_task(emulator, job_id, pushed, ti, xcoms):
    emulator.finish_job(job_id)
    event = event_of(job_id, ti, success_xcoms=xcoms)
    assert read_event(event.payload)["job"]["State"] == "Success"
    assert pushed == {}


@pytest.mark.parametrize("nonsense", [{"job": "everything"}, ["job"], 7])
def test_an_invalid_value_resumes_the_task(emulator, job_id, pushed, nonsense):
    emulator.finish_job(job_id)
    assert read_event(event_of(job_id, success_xcoms=nonsense).payload)["job"]["State"] == "Success"


def test_a_task_whose_xcoms_cannot_be_pushed_is_resumed(emulator, job_id, monkeypatch):
    def refuse(_ti, _values):
        raise RuntimeError("no API server")

    monkeypatch.setattr(triggers, "push_xcoms", refuse)
    emulator.finish_job(job_id)
    assert read_event(event_of(job_id, success_xcoms=XCOMS).payload)["job"]["State"] == "Success"


@pytest.fixture
def ended(emulator):
    """The id of a job with a hundred files, of which those that end in 1 may fail."""
    emulator.configure(run_seconds=1)
    emulator.add_objects(*(f"some/{number:03}.mp4" for number in range(100)))

    def submit_and_end(prefix="some/", failing=()):
        emulator.configure(failing_keys=failing)
        with TencentCIHook() as hook:
            job = hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix=prefix)
        emulator.advance(2)
        return job.job_id

    return submit_and_end


def test_the_pushed_record_contains_the_counts(ended, pushed):
    assert type(event_of(ended(), success_xcoms=XCOMS, count_files=True)) is TaskSuccessEvent
    files = pushed["submit"]["job"]["Files"]
    assert (files["Total"], files["Success"], files["FailureList"]) == (100, 100, None)


def test_a_job_without_files_ends_the_task_if_on_empty_allows_it(ended, pushed):
    assert type(event_of(ended("nothing/"), success_xcoms=XCOMS, count_files=True)) is TaskSuccessEvent
    assert pushed["submit"]["job"]["Files"]["Total"] == 0


@pytest.mark.parametrize(
    "job", [{"failing": ("some/*1.mp4",)}, {"prefix": "nothing/"}], ids=["failed files", "must not be empty"]
)
def test_a_job_with_failed_files_or_none_is_reported_by_a_worker(ended, pushed, job):
    event = event_of(ended(**job), success_xcoms=XCOMS, count_files=True, may_be_empty=False)
    assert read_event(event.payload)["job"]["State"] == "Success"
    assert pushed == {}


@pytest.mark.parametrize(
    ("job", "ends_here"),
    [({}, True), ({"failing": ("some/*1.mp4",)}, False), ({"prefix": "nothing/"}, False)],
    ids=["all succeeded", "failed files", "must not be empty"],
)
def test_a_search_for_failed_files_decides_where_it_is_enough(emulator, ended, pushed, job, ends_here):
    event = event_of(ended(**job), success_xcoms=XCOMS, find_failed=True, may_be_empty=False)
    assert (type(event) is TaskSuccessEvent) is bool(pushed) is ends_here
    assert emulator.count("executions") <= 2


def test_an_uncountable_job_is_reported_by_a_worker(emulator, ended, pushed):
    job_id = ended()
    emulator.inject(Fault("error", operation="executions", status=403, code="AccessDenied", times=None))
    assert read_event(event_of(job_id, success_xcoms=XCOMS, count_files=True).payload)["status"] == "terminal"
    assert pushed == {}
