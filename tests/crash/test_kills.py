"""A try that is killed at any point, or at a random moment, leaves exactly one job."""

from __future__ import annotations

import math
import os
import random
import signal
import time

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from tests.crash.tries import Kept, Tries

LAGS = [0, 40]
MODES = {
    "blocking": {"wait_for_completion": True, "deferrable": False, "poll_interval": 1},
    "deferred": {"wait_for_completion": True, "deferrable": True, "poll_interval": 1},
}
POINTS = [
    "before the GET",
    "after the GET",
    "before write",
    "after write",
    "before the POST",
    "after the POST",
    "before try_to_write",
    "after try_to_write",
    "before the XCom job_id",
    "after the XCom job_id",
    "before the XCom job_name",
    "after the XCom job_name",
    "after deferring",
]
lags = pytest.mark.parametrize("lag", LAGS, ids=[f"lag {lag} s" for lag in LAGS])
modes = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
stores = pytest.mark.parametrize("has_store", [True, False], ids=["with store", "without store"])


@pytest.fixture(scope="module")
def server():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def tries(server, tmp_path, mode, has_store, lag):
    server.reset()
    server.configure(list_lag_seconds=lag, submitted_seconds=5, run_seconds=20)
    return Tries(server, Kept(tmp_path, has_store), mode)


def check_one_job(tries):
    """The next try succeeds with the only job."""
    outcome = tries.run()
    assert outcome in ("done", "deferred"), tries.kept.read("error")
    [job] = tries.emulator.jobs
    assert tries.kept.read("xcom-job_id") == job.job_id


@lags
@modes
@stores
@pytest.mark.parametrize("point", POINTS)
def test_a_try_killed_at_a_point_leaves_one_job(tries, point, has_store):
    if not has_store and point.endswith("write"):
        pytest.skip("before 3.3 there is no store for the record")
    assert tries.run(kill_at=point) == "killed"
    check_one_job(tries)


@lags
@modes
@stores
@pytest.mark.parametrize("after_acting", [False, True], ids=["while the POST is in flight", "created, not answered"])
def test_a_try_killed_during_its_submission_leaves_one_job(tries, after_acting):
    emulator = tries.emulator
    in_flight, created = (
        Fault("late", seconds=31, silent_seconds=30),
        Fault("hang", operation="create", after_acting=True),
    )
    emulator.inject(created if after_acting else in_flight)
    pid = tries.start()
    while not emulator.count("create"):
        time.sleep(0.002)
    while after_acting and not emulator.jobs:
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    assert tries.finish(pid) == "killed"
    check_one_job(tries)


@modes
@pytest.mark.parametrize(("has_store", "lag"), [(False, 0)])
def test_a_retry_on_an_airflow_that_was_upgraded_to_have_a_store_finds_the_job_that_runs(tries):
    assert tries.run(kill_at="after the XCom job_id") == "killed"
    tries.kept.has_store = True
    check_one_job(tries)


@lags
@modes
@stores
def test_a_try_killed_after_a_kill_leaves_one_job(tries):
    for point in ("after the POST", "after the GET", "before the XCom job_id", "after deferring"):
        tries.run(kill_at=point)
    check_one_job(tries)


@lags
@modes
@stores
def test_kills_at_random_moments_leave_one_job_each(tries, lag, has_store, request):
    rounds = math.ceil(int(os.environ.get("TENCENT_CI_KILLS", "36")) / 12)
    chance = random.Random(f"{lag} {has_store} {request.node.name}")
    for number in range(rounds):
        one = Tries(tries.emulator, Kept(tries.kept.folder, has_store), tries.arguments, run_id=f"run-{number}")
        for file in tries.kept.folder.iterdir():
            file.unlink()
        before = {job.job_id for job in tries.emulator.jobs}
        pid = one.start()
        time.sleep(chance.uniform(0, 0.08))
        os.kill(pid, signal.SIGKILL)
        one.finish(pid)
        assert one.run() in ("done", "deferred"), one.kept.read("error")
        [made] = {job.job_id for job in tries.emulator.jobs} - before
        assert one.kept.read("xcom-job_id") == made


@pytest.mark.parametrize(("lag", "mode"), [(0, MODES["deferred"])])
@stores
def test_a_clear_starts_a_new_job(tries):
    tries.run()
    first = tries.kept.read("xcom-job_id")
    cleared = Tries(tries.emulator, tries.kept, tries.arguments, first=2)
    cleared.run()
    assert tries.kept.read("xcom-job_id") != first
    assert len(tries.emulator.jobs) == 2


@pytest.mark.parametrize(("lag", "mode", "has_store"), [(0, MODES["deferred"], False)])
def test_a_retry_with_another_number_of_retries_submits_again_without_a_store(tries):
    tries.run(kill_at="after the XCom job_id")
    first = tries.kept.read("xcom-job_id")
    tries.retries = 3
    tries.run()
    assert tries.kept.read("xcom-job_id") != first
    assert len(tries.emulator.jobs) == 2


@pytest.mark.parametrize(("lag", "mode", "has_store"), [(0, MODES["deferred"], True)])
def test_a_retry_with_another_number_of_retries_finds_its_own_job(tries):
    tries.run(kill_at="after the POST")
    tries.retries = 3
    tries.run()
    first = tries.kept.read("xcom-job_id")
    tries.run()
    assert tries.kept.read("xcom-job_id") == first
    assert len(tries.emulator.jobs) == 1
