"""What OpenLineage's provider makes of our tasks: real runs, real events."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.defaults import WORKFLOW_ID
from tests.lineage.expected import BUCKET, CONSOLE_URL, DECLARED, HEADER, SENSE, SUBMIT, TRANSCODE
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
def test_the_operator_tells_what_the_job_read_and_wrote(emulator, events_of, mode):
    event = events_of(run(TRANSCODE.format(mode)), "transcode")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == {("cos://out-1250000000", "transcoded"), *DECLARED}


@waiting
def test_the_facet_is_about_the_job(emulator, events_of, mode):
    event = events_of(run(TRANSCODE.format(mode)), "transcode")["COMPLETE"]
    job = only_job(emulator)
    told = facet(event)
    assert (told["jobId"], told["jobName"], told["jobType"], told["state"]) == (job.job_id, job.name, "Job", "Success")
    assert told["creationTime"] <= told["startTime"] <= told["endTime"]
    assert told["consoleUrl"] == CONSOLE_URL
    assert told["requestId"] is None


def test_a_workflow_s_outputs_are_the_declared_ones(emulator, events_of):
    event = events_of(run(SUBMIT.format(WAITING["deferred"])), "submit")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == DECLARED
    assert facet(event)["workflowIds"] == WORKFLOW_ID


def test_a_task_that_does_not_wait_tells_what_it_submitted(emulator, events_of):
    event = events_of(run(SUBMIT.format("wait_for_completion=False")), "submit")["COMPLETE"]
    assert facet(event)["jobId"] == only_job(emulator).job_id
    assert facet(event)["state"] in ("Submitted", "Running")


def test_the_start_tells_what_the_arguments_say(emulator, events_of):
    event = events_of(run(TRANSCODE.format(WAITING["blocking"])), "transcode")["START"]
    assert datasets(event["outputs"]) >= {("cos://out-1250000000", "transcoded")}
    assert (facet(event)["jobId"], facet(event)["jobType"]) == (None, "Job")


@sensing
def test_the_sensor_tells_the_same(emulator, events_of, job_id, mode):
    event = events_of(run(SENSE.format(job_id, mode)), "wait")["COMPLETE"]
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert datasets(event["outputs"]) == DECLARED
    assert (facet(event)["jobId"], facet(event)["state"]) == (job_id, "Success")


@waiting
def test_a_job_that_failed_is_told_with_the_service_s_words(emulator, events_of, mode):
    emulator.configure(outcome="fail", failure_code="TemplateNotFound", failure_message="no such template")
    event = events_of(run(SUBMIT.format(mode)), "submit")["FAIL"]
    told = facet(event)
    assert (told["state"], told["code"], told["message"]) == ("Failed", "TemplateNotFound", "no such template")
    assert datasets(event["inputs"]) == {(BUCKET, "media")}
    assert "JobFailedError" in event["run"]["facets"]["errorMessage"]["stackTrace"]


def test_a_job_that_failed_fails_the_sensor_likewise(emulator, events_of, job_id):
    emulator.configure(outcome="fail", failure_code="TemplateNotFound")
    event = events_of(run(SENSE.format(job_id, SENSING["deferred"])), "wait")["FAIL"]
    assert (facet(event)["jobId"], facet(event)["code"]) == (job_id, "TemplateNotFound")


def test_a_refused_submission_is_told_with_the_service_s_request_id(emulator, events_of):
    emulator.inject(Fault("error", operation="create", status=400, code="InvalidArgument"))
    failed = run(SUBMIT.format(WAITING["deferred"]))
    told = facet(events_of(failed, "submit")["FAIL"])
    assert told["requestId"]
    assert f"request id {told['requestId']}" in failed.failure
    assert told["jobId"] is None


def test_a_wrong_argument_is_told_as_far_as_it_goes(emulator, events_of):
    task = "    TriggerInventoryJobOperator(task_id='submit', prefix='media/')\n"
    assert facet(events_of(run(task), "submit")["FAIL"])["jobId"] is None


@pytest.mark.parametrize("broken", ["openlineage.lineage_of", "openlineage.input_places", "openlineage.output_places"])
def test_a_broken_facet_fails_no_task_and_loses_no_event(emulator, events_of, monkeypatch, broken):
    def break_down(*args, **kwargs):
        raise RuntimeError("no lineage today")

    monkeypatch.setattr(f"airflow_provider_tencent_ci.{broken}", break_down)
    done = run(SUBMIT.format(WAITING["deferred"]))
    assert done.state == "success"
    event = events_of(done, "submit")["COMPLETE"]
    assert "tencentCiBatchJob" not in event["run"]["facets"]
