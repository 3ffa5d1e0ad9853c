"""Each round of failed files has exactly one job, wherever a try is killed."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.submission import rounds
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


# How many parts a first try makes of the failed files, and how many its retry would make.
NUMBERS = [(3, 5), (5, 3), (1, 3)]
# The second time that a try reaches such a point, it handles the first part, and the third time the second part.
PART_POINTS = [
    ("after the PUT", 1),
    ("after the POST", 2),
    ("after the XCom job_id", 2),
    ("before the POST", 3),
    ("after the POST", 3),
    ("after the XCom job_id", 3),
]


def keys_of(server, job):
    return [file.key for file in server.files(job.job_id)]


def new_tries_of_parts(server, folder, has_store, **arguments):
    tries = new_tries(server, folder, has_store, 2, **arguments)
    server.configure(failing_keys="media/*.mp4")
    return tries


def check_parts(tries, hidden=frozenset()):
    """Each file is submitted again once. One whose failure the first try did not see: at most once."""
    first, *parts = tries.emulator.jobs
    again = [key for part in parts for key in keys_of(tries.emulator, part)]
    assert len(again) == len(set(again))
    assert set(keys_of(tries.emulator, first)) - hidden <= set(again)
    assert tries.kept.read("xcom-rounds") == [job.job_id for job in (first, *parts)]
    assert len({job.name for job in tries.emulator.jobs}) == 1 + len(parts)
    assert tries.kept.read("xcom-job")["Files"]["Success"] == len(again)


def make_parts(monkeypatch, parts):
    monkeypatch.setattr(rounds, "parts_needed", lambda *_: parts)


@stores
@pytest.mark.parametrize(("before", "after"), NUMBERS)
@pytest.mark.parametrize(("point", "nth"), PART_POINTS, ids=[f"{point}, {nth}" for point, nth in PART_POINTS])
def test_a_try_killed_between_parts_leaves_each_file_in_one_job(
    server, tmp_path, monkeypatch, point, nth, has_store, before, after
):
    """Also where the retry would make more or fewer parts."""
    tries = new_tries_of_parts(server, tmp_path, has_store, deferrable=False)
    make_parts(monkeypatch, before)
    assert tries.run(kill_at=point, nth=nth) == ("killed" if before > 1 or nth <= 2 else "done")
    make_parts(monkeypatch, after)
    assert tries.run() == "done", tries.kept.read("error")
    check_parts(tries)


@stores
@pytest.mark.parametrize("nth", [2, 3])
@pytest.mark.parametrize("point", ["before the POST", "after the POST"])
def test_files_that_are_found_later_move_no_other_file(server, tmp_path, monkeypatch, point, nth, has_store):
    tries = new_tries_of_parts(server, tmp_path, has_store, deferrable=False, fail_on="job")
    hidden, listed = {"media/0001.mp4", "media/0004.mp4"}, TencentCIHook.list_failed_keys
    make_parts(monkeypatch, 3)
    with monkeypatch.context() as patch:
        patch.setattr(TencentCIHook, "list_failed_keys", lambda *args: (k for k in listed(*args) if k not in hidden))
        assert tries.run(kill_at=point, nth=nth) == "killed"
    make_parts(monkeypatch, 4)
    assert tries.run() == "done", tries.kept.read("error")
    check_parts(tries, hidden)


@stores
def test_parts_of_a_deferred_task_are_waited_for_one_after_the_other(server, tmp_path, monkeypatch, has_store):
    tries = new_tries_of_parts(server, tmp_path, has_store, deferrable=True)
    make_parts(monkeypatch, 3)
    for number in range(1, 5):
        assert tries.run() == "deferred", tries.kept.read("error")
        assert len(server.jobs) == number
        assert tries.run(kill_at="before the POST") == "deferred", "there is nothing to submit"
        server.advance(60)
    assert tries.run() == "done", tries.kept.read("error")
    check_parts(tries)


@stores
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_that_fails_as_a_job_is_submitted_again_and_no_other_one(
    server, tmp_path, monkeypatch, number, has_store
):
    tries = new_tries_of_parts(server, tmp_path, has_store, deferrable=True)
    make_parts(monkeypatch, 3)
    for _ in range(number):
        assert tries.run() == "deferred"
        server.advance(60)
    assert tries.run() == "deferred"
    server.fail_job(server.jobs[number].job_id)
    make_parts(monkeypatch, 2)
    while (outcome := tries.run()) == "deferred":
        server.advance(60)
    assert outcome == "done", tries.kept.read("error")
    first, *parts = server.jobs
    done = [key for part in parts if part.state != "Failed" for key in keys_of(server, part)]
    assert sorted(done) == sorted(keys_of(server, first))
    assert len(parts) == (3 if number == 1 else 4)
