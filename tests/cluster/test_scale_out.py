"""A busy cluster loses a worker and a triggerer: no job is lost, and none is submitted twice."""

from __future__ import annotations

from tests.cluster.dags import BUCKETS


def test_the_kills_hit_running_work(night):
    assert night.struck_tasks
    assert night.struck_waits
    assert night.second_tries.keys() >= set(night.struck_tasks)


def test_the_other_triggerer_took_over_the_waits_of_the_killed_one(night):
    assert night.waits_moved_at


def test_every_task_succeeded(night):
    assert night.state == "success"
    assert night.task_states == {"success": night.jobs_wanted}


def test_every_batch_was_submitted_exactly_once(night, emulator):
    assert len(night.jobs) == night.jobs_wanted
    assert {job.state for job in night.jobs} == {"Success"}
    assert len({(job.bucket, job.name) for job in night.jobs}) == night.jobs_wanted
    assert emulator.count("cancel") == 0


def test_every_task_holds_its_own_job(night):
    ids = night.pushed("job_id")
    assert sorted(ids) == list(range(night.jobs_wanted))
    assert sorted(ids.values()) == sorted(job.job_id for job in night.jobs)
    assert night.pushed("return_value") == ids
    bucket_of = {job.job_id: job.bucket for job in night.jobs}
    assert all(bucket_of[job_id] == BUCKETS[index % len(BUCKETS)] for index, job_id in ids.items())
