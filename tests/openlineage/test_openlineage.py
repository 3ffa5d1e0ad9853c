"""OpenLineage's events for tasks of this package: real runs, real events."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from tests.openlineage.expected import BUCKET, CONSOLE_URL, DECLARED, HEADER, SENSE, SUBMIT, TRANSCODE
from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file

WAITING = {
    "blocking": "wait_for_completion=True, poll_interval=0.2",
    "deferred": "wait_for_completion=True, poll_interval=0.2, deferrable=True",
}
waiting = pytest.mark.parametrize("mode", WAITING.values(), ids=WAITING.keys())
SENSING = {
    "poke": "poke_interval=0.2",
    "reschedule": "poke_interval=0.2, mode='reschedule'",
    "deferred": "poke_interval=0.2, deferrable=True",
}
sensing = pytest.mark.parametrize("mode", SENSING.values(), ids=SENSING.keys())


def run(task):
    return run_dag_file(HEADER + "with dag:\n" + task)


def facet(event):
    return event["run"]["facets"]["tencentCiBatchJob"]


def datasets(found):
    return {(dataset["namespace"], dataset["name"]) for dataset in found}


@waiting
def test_the_operator_reports_the_inputs_and_outputs_of_the_job(emulator, events_of, mode):
    event = events_of(run(TRANSCODE.format(mode)), "transcode")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == {("cos://out-1250000000", "transcoded"), *DECLARED}


@waiting
def test_the_facet_describes_the_job(emulator, events_of, mode):
    event = events_of(run(TRANSCODE.format(mode)), "transcode")["COMPLETE"]
    job = only_job(emulator)
    told = facet(event)
    assert (told["jobId"], told["jobName"], told["jobType"], told["state"]) == (job.job_id, job.name, "Job", "Success")
    assert told["creationTime"] <= told["startTime"] <= told["endTime"]
    assert told["consoleUrl"] == CONSOLE_URL
    assert "requestId" not in told  # OpenLineage leaves out None


@pytest.fixture
def a_hundred(emulator):
    """A hundred films, of which ten fail."""
    emulator.add_objects(*(f"some/{number:03}.mp4" for number in range(100)))
    emulator.configure(failing_keys=("some/*1.mp4",))
    return emulator


@waiting
def test_the_counts_are_in_the_statistics_of_the_datasets_and_in_the_facet(a_hundred, events_of, mode):
    event = events_of(run(TRANSCODE.replace("media/", "some/").format(mode)), "transcode")["COMPLETE"]
    [read] = event["inputs"]
    [written] = [output for output in event["outputs"] if output["namespace"] == "cos://out-1250000000"]
    assert read["inputFacets"]["inputStatistics"]["fileCount"] == 100
    assert written["outputFacets"]["outputStatistics"]["fileCount"] == 90
    files = facet(event)["files"]
    assert (files["total"], files["success"], files["failed"]) == (100, 90, 10)


def test_a_task_that_fails_because_of_its_files_reports_their_number(a_hundred, events_of):
    mode = WAITING["deferred"] + ", fail_on='any'"
    event = events_of(run(SUBMIT.replace("media/", "some/").format(mode)), "submit")["FAIL"]
    assert (facet(event)["state"], facet(event)["files"]["failed"]) == ("Success", 10)


def test_an_output_numbered_by_a_variable_is_not_counted_as_one_file_each(emulator, events_of):
    task = TRANSCODE.replace("job=JOB", "job=SNAPSHOTS")
    event = events_of(run(task.format(WAITING["blocking"])), "transcode")["COMPLETE"]
    [written] = [output for output in event["outputs"] if output["namespace"] == "cos://out-1250000000"]
    assert not written.get("outputFacets")


def test_a_list_of_urls_is_one_input_file(emulator, events_of):
    urls = f"https://{BUCKET.removeprefix('cos://')}.cos.ap-beijing.myqcloud.com/media/0001"
    emulator.add_objects("lists/today.txt", content=urls)
    task = SUBMIT.replace("prefix='media/'", "url_file='lists/today.txt'").format(WAITING["blocking"])
    [read] = events_of(run(task), "submit")["COMPLETE"]["inputs"]
    assert (read["name"], read.get("inputFacets") or {}) == ("lists/today.txt", {})


def test_the_outputs_of_a_workflow_are_the_declared_ones(emulator, events_of):
    event = events_of(run(SUBMIT.format(WAITING["deferred"])), "submit")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == DECLARED
    assert facet(event)["workflowIds"] == WORKFLOW_ID


def test_a_task_that_does_not_wait_reports_its_submission(emulator, events_of):
    event = events_of(run(SUBMIT.format("wait_for_completion=False")), "submit")["COMPLETE"]
    assert facet(event)["jobId"] == only_job(emulator).job_id
    assert facet(event)["state"] in ("Submitted", "Running")


def test_the_start_event_reports_the_arguments(emulator, events_of):
    event = events_of(run(TRANSCODE.format(WAITING["blocking"])), "transcode")["START"]
    assert datasets(event["outputs"]) >= {("cos://out-1250000000", "transcoded")}
    assert facet(event)["jobType"] == "Job"
    assert "jobId" not in facet(event)


@sensing
def test_the_sensor_reports_the_same_as_the_operator(emulator, events_of, job_id, mode):
    event = events_of(run(SENSE.format(job_id, mode)), "wait")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == DECLARED
    assert (facet(event)["jobId"], facet(event)["state"]) == (job_id, "Success")


@waiting
def test_a_failed_job_is_reported_with_the_service_s_message(emulator, events_of, mode):
    emulator.configure(outcome="fail", failure_code="TemplateNotFound", failure_message="no such template")
    event = events_of(run(SUBMIT.format(mode)), "submit")["FAIL"]
    told = facet(event)
    assert (told["state"], told["code"], told["message"]) == ("Failed", "TemplateNotFound", "no such template")
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert "JobFailedError" in event["run"]["facets"]["errorMessage"]["stackTrace"]


def test_a_failed_job_is_reported_by_the_sensor_too(emulator, events_of, job_id):
    emulator.fail_job(job_id, "TemplateNotFound")
    event = events_of(run(SENSE.format(job_id, SENSING["deferred"])), "wait")["FAIL"]
    assert (facet(event)["jobId"], facet(event)["code"]) == (job_id, "TemplateNotFound")


def test_a_refused_submission_is_reported_with_the_service_s_request_id(emulator, events_of):
    emulator.inject(Fault("error", operation="create", status=400, code="InvalidArgument"))
    failed = run(SUBMIT.format(WAITING["deferred"]))
    told = facet(events_of(failed, "submit")["FAIL"])
    assert told["requestId"]
    assert f"request id {told['requestId']}" in failed.failure
    assert "jobId" not in told


def test_a_wrong_argument_still_reports_the_valid_ones(emulator, events_of):
    task = "    TriggerInventoryJobOperator(task_id='submit', prefix='media/')\n"
    assert "jobId" not in facet(events_of(run(task), "submit")["FAIL"])


@pytest.mark.parametrize("broken", ["lineage_of", "input_places", "output_places"])
def test_a_broken_facet_fails_no_task_and_drops_no_event(emulator, events_of, monkeypatch, broken):
    def break_down(*args, **kwargs):
        raise RuntimeError("lineage is broken")

    monkeypatch.setattr(f"airflow_provider_tencent_ci.lineage.openlineage.{broken}", break_down)
    done = run(SUBMIT.format(WAITING["deferred"]))
    assert done.state == "success"
    event = events_of(done, "submit")["COMPLETE"]
    assert "tencentCiBatchJob" not in event["run"]["facets"]
