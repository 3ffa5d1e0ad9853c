"""Each round of failed files has exactly one job, wherever a try is killed."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.crash.tries import Kept, Tries

ROUNDS = {"wait_for_completion": True, "poll_interval": 1, "resubmit_rounds": 1, "fail_on": "any"}
# The second time that a try reaches this point, it handles the failed files.
POINTS = [
    ("before the PUT", 1),
    ("after the PUT", 1),
    ("before write", 2),
    ("after write", 2),
    ("before the POST", 2),
    ("after the POST", 2),
    ("before try_to_write", 2),
    ("after try_to_write", 2),
    ("before the XCom job", 1),
    ("after the XCom job", 1),
    ("before the XCom job_id", 2),
    ("after the XCom job_id", 2),
    ("before the XCom rounds", 2),
    ("after the XCom rounds", 2),
    ("before the XCom job", 2),
]
lags = pytest.mark.parametrize("lag", [0, 40], ids=["lag 0 s", "lag 40 s"])
stores = pytest.mark.parametrize("has_store", [True, False], ids=["with store", "without store"])
points = pytest.mark.parametrize(("point", "nth"), POINTS, ids=[f"{point}, {nth}" for point, nth in POINTS])


@pytest.fixture(scope="module")
def server():
    with Emulator() as emulator:
        yield emulator


def new_tries(server, folder, has_store, lag, **arguments):
    server.reset()
    server.configure(
        list_lag_seconds=lag, submitted_seconds=5, run_seconds=20, failing_keys="media/000[123].mp4", failing_times=1
    )
    return Tries(server, Kept(folder, has_store), {**ROUNDS, **arguments})


def skip_without_store(point, has_store):
    if not has_store and point.endswith("write"):
        pytest.skip("before 3.3 there is no store for the record")


def check_rounds(tries):
    """Each round has one job, in which the failed files succeed."""
    first, second = tries.emulator.jobs
    assert (first.files, second.files) == (8, 3)
    assert tries.kept.read("xcom-rounds") == [first.job_id, second.job_id]
    assert tries.kept.read("xcom-job_id") == second.job_id
    assert tries.kept.read("xcom-job")["Files"]["Success"] == 8
    assert tries.kept.read("returned") == first.job_id


@lags
@stores
@points
def test_a_try_killed_in_its_second_round_leaves_one_job_for_each_round(server, tmp_path, point, nth, has_store, lag):
    skip_without_store(point, has_store)
    tries = new_tries(server, tmp_path, has_store, lag, deferrable=False)
    assert tries.run(kill_at=point, nth=nth) == "killed"
    assert tries.run() == "done", tries.kept.read("error")
    check_rounds(tries)


@stores
@pytest.mark.parametrize(("point", "nth"), [("after the PUT", 1), ("after the POST", 1), ("after the XCom job_id", 2)])
def test_retries_of_a_deferred_task_have_the_same_result(server, tmp_path, point, nth, has_store):
    tries = new_tries(server, tmp_path, has_store, 2, deferrable=True)
    assert tries.run() == "deferred"
    server.advance(60)
    assert tries.run(kill_at=point, nth=nth) == "killed"  # it has found the first job, which has ended
    assert tries.run() == "deferred", tries.kept.read("error")
    server.advance(60)
    assert tries.run() == "done", tries.kept.read("error")
    check_rounds(tries)


@stores
def test_a_task_ends_even_with_a_kill_in_each_try(server, tmp_path, has_store):
    tries = new_tries(server, tmp_path, has_store, 2, deferrable=False)
    for point, nth in POINTS:
        if has_store or not point.endswith("write"):
            tries.run(kill_at=point, nth=nth)
    assert tries.run() == "done", tries.kept.read("error")
    check_rounds(tries)
