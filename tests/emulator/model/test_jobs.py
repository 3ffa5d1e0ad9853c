from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.emulator.model.jobs import Job
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from tests.emulator.wire import node_body, request_body


@pytest.fixture
def submit(service, bucket):
    """Creates a batch with the given switches."""

    def submit(body: bytes = request_body(), **switches) -> Job:
        service.behaviour = service.behaviour.changed(submitted_seconds=10, run_seconds=40, **switches)
        return service.create_job(bucket, service.read_create(bucket, body)).job

    return submit


@pytest.fixture
def state_after(service, clock):
    """Advances the clock and returns the state of a batch."""

    def state_after(job: Job, seconds: float = 0) -> str:
        clock.advance(seconds)
        return service.record(job).status.state

    return state_after


def file_states(service, job):
    return [record.status.state for record in service.files_of(job)]


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        ("success", ["Submitted", "Running", "Running", "Success", "Success"]),
        ("fail", ["Submitted", "Running", "Running", "Failed", "Failed"]),
        ("cancel", ["Submitted", "Running", "Cancel", "Cancel", "Cancel"]),
        ("pause", ["Pause", "Pause", "Pause", "Pause", "Pause"]),
    ],
)
def test_a_batch_moves_through_its_states_by_the_clock_alone(submit, state_after, outcome, states):
    job = submit(outcome=outcome)
    assert [state_after(job, seconds) for seconds in (9.9, 0.1, 20, 20, 3600)] == states


def test_times_are_set_when_they_occur(service, submit, clock):
    job = submit()
    status = service.record(job).status
    assert (status.started_at, status.ended_at) == (None, None)
    clock.advance(3600)
    status = service.record(job).status
    assert status.started_at == job.created_at + timedelta(seconds=10)
    assert status.ended_at == job.created_at + timedelta(seconds=50)


def test_only_a_failed_batch_has_a_reason(service, submit, clock):
    job = submit(outcome="fail", failure_code="ResourceDownloadFailed", failure_message="no luck")
    assert service.record(job).status.failure is None
    clock.advance(50)
    failure = service.record(job).status.failure
    assert (failure.code, failure.message) == ("ResourceDownloadFailed", "no luck")


def test_files_finish_one_after_another_at_equal_intervals(service, submit, clock):
    job = submit()
    assert file_states(service, job) == []
    clock.advance(10)
    assert file_states(service, job) == ["Running"] * 4
    seen = []
    for _ in range(4):
        clock.advance(10)
        seen.append(file_states(service, job).count("Success"))
    assert seen == [1, 2, 3, 4]


def test_files_run_in_parallel_if_only_their_own_duration_is_set(service, bucket, clock):
    service.behaviour = service.behaviour.changed(submitted_seconds=0, run_seconds=None, file_seconds=5, concurrency=3)
    job = service.create_job(bucket, service.read_create(bucket, request_body())).job
    clock.advance(5)
    assert file_states(service, job).count("Success") == 3
    assert service.record(job).status.state == "Running"
    clock.advance(5)
    assert file_states(service, job).count("Success") == 4
    assert service.record(job).status.state == "Success"


@pytest.mark.parametrize(
    ("switches", "failed"),
    [
        ({"failing_keys": ["media/0002.*"]}, ["media/0002.mp4"]),
        ({"failing_keys": "media/000[13]*"}, ["media/0001.mp4", "media/0003.mp4"]),
        ({"failing_every": 2}, ["media/0002.mp4", "media/0004.mp4"]),
        ({}, []),
    ],
)
def test_chosen_files_fail_and_the_batch_still_succeeds(service, submit, clock, switches, failed):
    job = submit(**switches)
    clock.advance(50)
    assert [r.work.key for r in service.files_of(job) if r.status.state == "Failed"] == failed
    assert service.record(job).status.state == "Success"


def test_failed_files_fail_the_batch_if_the_switch_is_set(service, submit, state_after):
    assert state_after(submit(failing_every=4, failed_files="fail"), 50) == "Failed"


@pytest.mark.parametrize(("no_objects", "state"), [("success", "Success"), ("fail", "Failed")])
def test_a_batch_without_objects_ends_in_the_state_of_the_switch(service, submit, state_after, no_objects, state):
    job = submit(request_body(inputs="<Prefix>nothing/here</Prefix>"), no_objects=no_objects)
    assert state_after(job, 50) == state
    assert file_states(service, job) == []


@pytest.mark.parametrize("seconds", [0, 20])
def test_cancelling_takes_effect_after_its_delay(service, bucket, submit, state_after, seconds):
    job = submit(cancel_seconds=5)
    before = state_after(job, seconds)
    service.cancel_job(bucket, job.job_id)
    assert state_after(job, 4.9) == before
    assert state_after(job, 0.1) == "Cancel"


def test_a_second_cancel_does_not_delay_the_end(service, bucket, submit, state_after):
    job = submit(cancel_seconds=5)
    service.cancel_job(bucket, job.job_id)
    state_after(job, 4)
    service.cancel_job(bucket, job.job_id)
    assert state_after(job, 1) == "Cancel"


def test_a_batch_that_ends_before_its_cancellation_takes_effect_has_succeeded(service, bucket, submit, state_after):
    job = submit(cancel_seconds=5)
    state_after(job, 49)
    service.cancel_job(bucket, job.job_id)
    assert state_after(job, 10) == "Success"


def test_after_a_cancel_the_running_file_is_finished_and_the_rest_is_cancelled(service, bucket, submit, clock):
    job = submit()
    clock.advance(25)
    service.cancel_job(bucket, job.job_id)
    assert file_states(service, job) == ["Success", "Running", "Cancel", "Cancel"]
    clock.advance(5)
    assert file_states(service, job) == ["Success", "Success", "Cancel", "Cancel"]


def test_a_batch_cancelled_while_waiting_has_no_executions(service, bucket, submit, clock):
    job = submit()
    service.cancel_job(bucket, job.job_id)
    clock.advance(60)
    assert file_states(service, job) == []


@pytest.mark.parametrize("policy", ["ignore", "refuse"])
def test_cancelling_an_ended_batch_changes_nothing(service, bucket, submit, state_after, policy):
    job = submit(cancel_of_ended=policy)
    state_after(job, 50)
    if policy == "ignore":
        service.cancel_job(bucket, job.job_id)
    else:
        with pytest.raises(ServiceError, match="has ended as Success"):
            service.cancel_job(bucket, job.job_id)
    assert state_after(job) == "Success"


def test_a_paused_queue_holds_waiting_batches_and_not_running_ones(service, bucket, submit, state_after):
    running = submit()
    state_after(running, 10)
    waiting = submit()
    state_after(waiting, 4)
    service.pause_queue(bucket)
    late = submit()
    assert [state_after(job) for job in (running, waiting, late)] == ["Running", "Pause", "Pause"]
    assert [state_after(job, 1000) for job in (running, waiting, late)] == ["Success", "Pause", "Pause"]


def test_a_resumed_batch_waits_for_the_rest_of_its_time(service, bucket, submit, state_after):
    job = submit()
    state_after(job, 4)
    service.pause_queue(bucket)
    state_after(job, 100)
    service.resume_queue(bucket)
    assert state_after(job) == "Submitted"
    assert state_after(job, 5.9) == "Submitted"
    assert state_after(job, 0.1) == "Running"


def test_a_paused_batch_can_be_cancelled(service, bucket, submit, state_after):
    job = submit(outcome="pause")
    service.cancel_job(bucket, job.job_id)
    assert state_after(job) == "Cancel"


def test_a_batch_that_is_ended_early_with_success_has_finished_all_files(service, submit, clock):
    job = submit()
    clock.advance(15)
    service.end_job(job, "Success")
    assert file_states(service, job) == ["Success"] * 4


def test_child_jobs_exist_from_the_start_and_wait_in_order(service, submit, clock):
    job = submit(node_body())
    assert file_states(service, job) == ["Submitted"] * 4
    clock.advance(25)
    assert file_states(service, job) == ["Success", "Running", "Submitted", "Submitted"]


def test_child_jobs_of_a_waiting_batch_share_its_state(service, bucket, submit, clock):
    job = submit(node_body(), outcome="pause")
    assert file_states(service, job) == ["Pause"] * 4
    service.cancel_job(bucket, job.job_id)
    clock.advance(1)
    assert file_states(service, job) == ["Cancel"] * 4


def test_later_changes_of_switches_do_not_affect_a_batch(service, submit, state_after):
    job = submit()
    service.behaviour = service.behaviour.changed(outcome="fail", run_seconds=0)
    assert state_after(job, 49) == "Running"
    assert state_after(job, 1) == "Success"


@pytest.mark.parametrize(
    ("switches", "complaint"),
    [
        ({"run_second": 1}, "No such switch: run_second"),
        ({"outcome": "explode"}, "is not one of success, fail, cancel, pause"),
        ({"submitted_seconds": -1}, "is negative"),
        ({"concurrency": 0}, "lets no file be worked on"),
        ({"run_seconds": "5"}, "is not a number"),
        ({"concurrency": None}, "is not a number"),
        ({"short_pages": 1}, "is not a bool"),
        ({"failure_code": 404}, "is not a str"),
    ],
)
def test_wrong_switches_are_named(service, switches, complaint):
    with pytest.raises(ValueError, match=complaint):
        service.behaviour.changed(**switches)
