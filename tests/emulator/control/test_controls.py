from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import JOBS, call, create, request_body


def test_a_reset_leaves_nothing_behind(emulator):
    create(emulator)
    emulator.add_bucket("second-1250000000")
    emulator.add_objects("more.mp4")
    emulator.add_key("AKIDOTHER", "s")
    emulator.configure(run_seconds=1)
    emulator.inject("reset", times=None)
    emulator.advance(1000)
    emulator.reset()
    state = emulator.state()
    assert (state["jobs"], state["requests"], state["faults"], state["ahead_seconds"]) == ([], {}, [], 0)
    assert [(bucket["name"], bucket["objects"]) for bucket in state["buckets"]] == [(defaults.BUCKET, 8)]
    assert state["behaviour"]["run_seconds"] == 5
    assert call(emulator, "GET", JOBS, keys=Credentials("AKIDOTHER", "s")).status == 401


def test_numbered_objects_are_added_by_their_count(emulator):
    emulator.add_objects("many/list.txt", count=20_000, prefix="many/", size=7)
    bucket = emulator.bucket()
    assert len(bucket.objects) == 8 + 1 + 20_000
    assert bucket.objects["many/20000.mp4"].size == 7
    assert "many/00000.mp4" not in bucket.objects


def test_a_bucket_may_have_its_own_switches(emulator):
    emulator.add_bucket("second-1250000000", "ap-shanghai")
    emulator.configure(bucket="second-1250000000", outcome="fail")
    host = {"host": "second-1250000000.ci.ap-shanghai.myqcloud.com"}
    create(emulator)
    call(emulator, "POST", JOBS, body=request_body(), headers=host)
    emulator.advance(60)
    assert [(job.bucket, job.state) for job in emulator.jobs] == [
        (defaults.BUCKET, "Success"),
        ("second-1250000000", "Failed"),
    ]


@pytest.mark.parametrize(("end", "state"), [("finish", "Success"), ("fail", "Failed"), ("cancel", "Cancel")])
def test_a_batch_is_ended_by_hand(emulator, end, state):
    job_id = create(emulator)
    getattr(emulator, f"{end}_job")(job_id)
    assert emulator.job(job_id).state == state
    emulator.fail_job(job_id)
    assert emulator.job(job_id).state == state, "an ended batch stays ended"


def test_a_batch_is_forgotten(emulator):
    job_id = create(emulator)
    emulator.advance(60)
    emulator.forget_job(job_id)
    assert emulator.jobs == []
    assert call(emulator, "GET", f"{JOBS}/{job_id}").text("NonExistJobIds") == job_id


def test_a_paused_queue_is_resumed(emulator):
    emulator.pause_queue()
    job_id = create(emulator)
    emulator.advance(100)
    assert emulator.job(job_id).state == "Pause"
    emulator.resume_queue()
    emulator.advance(100)
    assert emulator.job(job_id).state == "Success"


@pytest.mark.parametrize("look", ["job", "files", "fail_job", "bucket"])
def test_an_error_names_the_batch_or_bucket_that_does_not_exist(emulator, look):
    with pytest.raises(ValueError, match="no (batch|bucket) 'none'"):
        getattr(emulator, look)("none")


def test_the_clock_is_not_put_back(emulator):
    with pytest.raises(ValueError, match="cannot be put back"):
        emulator.advance(-1)
