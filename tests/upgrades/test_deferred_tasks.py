"""Tasks that the release before has deferred: this release ends them, and submits nothing twice."""

from __future__ import annotations

import asyncio

import pytest

from tests.loops import until
from tests.upgrades.upgraded import IS_AIRFLOW_2, RECORDED_VERSIONS, each_version, events_of

OPERATORS = ["waiting", "limited", "mapped", "decorated"]
SENSORS = ["sensor", "limited_sensor", "started"]
ENDS = {"success": "finish_job", "failed": "fail_job", "cancelled": "cancel_job"}

SOURCES = ["its trigger", "a recorded event"]

# Each kind of task; each end and each source of its event for two of them; and what a migration of Airflow has changed.
NEWEST = RECORDED_VERSIONS[-1]
CASES = [
    *((NEWEST, task, "success", "its trigger") for task in (*OPERATORS, *SENSORS)),
    *((NEWEST, task, end, "its trigger") for task in ("waiting", "sensor") for end in ("failed", "cancelled")),
    *((NEWEST, task, end, "a recorded event") for task in ("waiting", "sensor") for end in ENDS),
    *((version, task, "success", source) for version in RECORDED_VERSIONS[:-1] for task, source in zip(
        ("waiting", "sensor", "mapped", "waiting"), (*SOURCES, *SOURCES), strict=True
    )),
]  # fmt: skip

recorded_task = pytest.mark.parametrize


def event_of(task, end, source):
    """End the job, and return the event of the stored trigger, or the one that the trigger of that release yielded."""
    [job_id] = task.jobs
    getattr(task.emulator, ENDS[end])(job_id)
    return task.event() if source == "its trigger" else events_of(task.version, job_id)[end]


@pytest.mark.parametrize(("version", "task", "end", "source"), CASES, indirect=["task"])
def test_a_task_ends_as_its_job_ended(task, end, source):
    task.resume(event_of(task, end, source))
    of_operator = task.task_id in OPERATORS
    assert task.new_jobs == []
    if end != "success":
        assert task.state == ("up_for_retry" if of_operator else "failed")
        return
    assert task.state == "success"
    if of_operator:
        assert [task.xcoms[key] for key in ("return_value", "job_id")] == task.jobs * 2
        assert task.xcoms["job"]["JobId"] == task.jobs[0]
    else:
        assert task.xcoms["return_value"]["JobId"] == task.jobs[0]


@recorded_task("task", ["ends_there"], indirect=True)
def test_a_task_ends_in_the_triggerer(task):
    task.emulator.finish_job(task.jobs[0])
    event = task.event()
    assert type(event).__name__ == "TaskSuccessEvent"
    task.resume(event)
    assert task.state == "success"
    assert task.xcoms["return_value"] == task.jobs[0]


@pytest.mark.parametrize("end", ["deadline", "lost_contact"])
@recorded_task("task", ["waiting", "limited"], indirect=True)
def test_the_retry_of_a_wait_that_ended_finds_the_job(task, end):
    """``execution_timeout`` cancels the job, so the task that has one begins again."""
    task.resume(events_of(task.version, task.jobs[0])[end])
    assert task.state == "up_for_retry"
    assert task.new_jobs == []
    if (task.task_id, end) == ("limited", "deadline"):
        assert task.emulator.jobs[0].state == "Cancel"
        return
    task.emulator.finish_job(task.jobs[0])
    task.retry()
    assert (task.state, task.new_jobs) == ("success", [])


@recorded_task("task", ["late"], indirect=True)
def test_a_task_whose_time_is_over_cancels_its_job(task):
    task.resume(task.event())
    assert task.state == "up_for_retry"
    assert [job.state for job in task.emulator.jobs] == ["Cancel"]


@recorded_task("task", ["first_round"], indirect=True)
def test_failed_files_of_a_deferred_task_are_submitted_once_more(task):
    task.emulator.finish_job(task.jobs[0])
    task.resume(task.event())
    [again] = task.new_jobs
    assert (task.state, again.files) == ("deferred", 1)
    task.emulator.finish_job(again.job_id)
    task.resume(task.event())
    assert (task.state, task.new_jobs[1:]) == ("success", [])
    assert task.xcoms["rounds"] == [*task.jobs, again.job_id]


@recorded_task("task", ["second_round"], indirect=True)
def test_a_round_of_a_deferred_task_ends(task):
    task.emulator.finish_job(task.jobs[-1])
    task.resume(task.event())
    assert (task.state, task.new_jobs) == ("success", [])
    assert task.xcoms["return_value"] == task.jobs[0]


@recorded_task("task", ["second_round"], indirect=True)
def test_the_retry_of_a_round_finds_both_jobs(task):
    task.resume(events_of(task.version, task.jobs[-1])["lost_contact"])
    task.retry()
    assert (task.state, task.new_jobs) == ("deferred", [])


@recorded_task("task", ["capacity"], indirect=True)
def test_a_task_that_waited_for_capacity_submits_once(task):
    task.emulator.finish_job(task.jobs[0])
    task.resume(task.event())
    [job] = task.new_jobs
    assert task.state == "deferred"
    task.emulator.finish_job(job.job_id)
    task.resume(task.event())
    assert (task.state, task.new_jobs[1:]) == ("success", [])


@each_version
@pytest.mark.parametrize("source", [*SOURCES, "a failed trigger"])
@recorded_task("task", ["capacity_of_round"], indirect=True)
def test_a_round_that_waited_for_capacity_is_submitted_and_not_the_whole_batch(task, source):
    first, of_others = task.jobs
    task.emulator.finish_job(of_others)
    if source == "a failed trigger":
        task.fail_trigger(ImportError("no such module"))
        task.execute()
    else:
        task.resume(task.event() if source == "its trigger" else events_of(task.version, first)["capacity"])
    [again] = task.new_jobs
    assert (task.state, again.files) == ("deferred", 1)


@each_version
@recorded_task("task", ["capacity_of_round"], indirect=True)
def test_a_round_that_waited_for_capacity_is_counted_again_if_its_counts_are_gone(task):
    task.emulator.finish_job(task.jobs[-1])
    task.forget("job")
    task.resume(task.event())
    [again] = task.new_jobs
    assert (task.state, again.files) == ("deferred", 1)


@recorded_task("task", ["capacity", "capacity_of_round"], indirect=True)
def test_a_wait_for_capacity_that_lost_contact_submits_nothing(task):
    task.resume(events_of(task.version, task.jobs[0])["capacity_unknown"])
    assert (task.state, task.new_jobs) == ("up_for_retry", [])


@pytest.mark.parametrize("marked", ["failed", "success"])
@recorded_task("task", ["waiting", "mapped"], indirect=True)
def test_a_marked_task_cancels_its_job(task, marked):
    trigger = task.trigger()
    task.set(state=marked)

    async def cancelled():
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await until(lambda: task.emulator.count("list"))
        if not IS_AIRFLOW_2 and hasattr(type(trigger).__mro__[1], "on_kill"):
            await trigger.on_kill()
        waiting.cancel()
        await asyncio.wait([waiting])

    with task.in_triggerer():
        asyncio.run(asyncio.wait_for(cancelled(), 60))
    assert [job.state for job in task.emulator.jobs] == ["Cancel"]
